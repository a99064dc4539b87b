//! Runs the targets in `fuzz/` with the stable compiler, which has all that libFuzzer needs but a
//! flag of its own: our crates have no `unsafe`, so a memory checker (nightly only) finds nothing.

use std::fs;

use anyhow::{Context, Result, bail, ensure};

use crate::{cargo, root};

pub(crate) const USAGE: &str = "\
  fuzz [--seconds N] [TARGET…]
           runs fuzz targets, all by default, each for N seconds [60]; needs a C++ compiler
           (inputs are kept in target/fuzz/corpus, those that fail in target/fuzz/failures)";

/// Where cargo puts what it builds, and the targets what they find.
const MADE_IN: &str = "target/fuzz";

/// What the compiler is to add so that libFuzzer sees which code an input reaches.
const FLAGS: [&str; 8] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
    "--cfg=fuzzing",
];

/// An input that takes longer than this many seconds is a failure.
const INPUT_SECONDS_MAX: u32 = 10;

/// Arguments of cargo that compile all targets and link none.
pub(crate) const CHECK: [&str; 5] =
    ["check", "--manifest-path", "fuzz/Cargo.toml", "--target-dir", MADE_IN];

/// What lets [`CHECK`] do without a C++ compiler: libFuzzer is said to be compiled already, and
/// nobody looks for it before a target is linked.
pub(crate) const CHECK_VARIABLES: [(&str, &str); 1] =
    [("CUSTOM_LIBFUZZER_PATH", "not-linked/libfuzzer.a")];

/// Runs what `words` ask for, one target after the other.
///
/// # Errors
/// When a target does not build, or fails on an input.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let (seconds, wanted) = match words {
        ["--seconds", seconds, wanted @ ..] => (seconds.parse().context("--seconds 60")?, wanted),
        wanted => (60_u32, wanted),
    };
    let all = targets()?;
    if let Some(unknown) = wanted.iter().find(|name| !all.iter().any(|target| target == **name)) {
        bail!("no fuzz target {unknown:?}; there are: {}", all.join(", "));
    }
    for target in all.iter().filter(|name| wanted.is_empty() || wanted.contains(&name.as_str())) {
        run_one(target, seconds)?;
    }
    Ok(())
}

fn run_one(target: &str, seconds: u32) -> Result<()> {
    println!("--- fuzz {target}: {seconds} s");
    let (corpus, failures) = (format!("{MADE_IN}/corpus/{target}"), format!("{MADE_IN}/failures/"));
    for folder in [&corpus, &failures] {
        fs::create_dir_all(root().join(folder)).with_context(|| format!("making {folder}"))?;
    }
    // With `--target`, build scripts and macros are compiled without the flags.
    let status = cargo()
        .args(["run", "--quiet", "--release", "--manifest-path", "fuzz/Cargo.toml"])
        .args(["--target", "host-tuple", "--target-dir", MADE_IN, "--bin", target, "--"])
        .arg(&corpus)
        .arg(format!("-artifact_prefix={failures}{target}-"))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
        .args(["-verbosity=0", "-print_final_stats=1"])
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\x1f"))
        .status()
        .context("starting cargo")?;
    ensure!(status.success(), "fuzz target {target} failed; if on an input, it is in {failures}");
    Ok(())
}

/// The names of all targets, in order.
fn targets() -> Result<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        names.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// A file that the manifest does not name is compiled by nothing.
    #[test]
    fn each_file_of_a_target_is_in_the_manifest() {
        let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
        let named = manifest.lines().filter_map(|line| line.strip_prefix("path = "));
        let mut named: Vec<String> = named
            .filter_map(|path| Path::new(path.trim_matches('"')).file_stem())
            .map(|stem| stem.to_str().unwrap().to_owned())
            .collect();
        named.sort_unstable();
        assert_eq!(targets().unwrap(), named);
    }
}
