//! What CI runs, step by step; the first failure ends it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::bench;
use crate::compat::{self, Request};
use crate::root;

/// Format, lints, the README's test command, a part of a foreign suite, the gates on cost, and how many
/// tests ran; the roughest suite with either event loop.
pub(crate) fn run() -> Result<()> {
    step("format", &["fmt", "--all", "--check"])?;
    step("lints", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    tidy()?;
    let counts = step("tests", &["test", "--workspace", "--no-fail-fast"]);
    let Counts { passed, failed, ignored } = counts?.and(torture_on_epoll()?);
    compat()?;
    gates()?;
    println!("{passed} passed, {failed} failed, {ignored} skipped");
    Ok(())
}

/// The roughest suite with the driver that a machine with io_uring does not choose by itself.
fn torture_on_epoll() -> Result<Counts> {
    let torture = ["test", "--package", "weir", "--test", "torture"];
    step_with("torture on epoll", &torture, &[("WEIR_TEST_DRIVER", "epoll")])
}

/// Some of Django's own tests, directly and through the proxy that the tests have just built.
fn compat() -> Result<()> {
    println!("--- compat: a part of Django's suite");
    let weir = root().join("target/debug/weir");
    let weir = weir.to_str().context("the repository's path is not UTF-8")?;
    compat::run(&Request::parse(&["--suite", "django", "--weir", weir, "basic", "get_or_create"])?)
}

/// Counts that noise cannot move, on a release build.
fn gates() -> Result<()> {
    println!("--- gates: cargo xtask bench gates");
    bench::run(&["gates"])
}

/// The tidy tests alone.
pub(crate) fn tidy() -> Result<()> {
    step("tidy", &["test", "--package", "xtask", "--test", "tidy"]).map(drop)
}

/// What test programs said they did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Counts {
    passed: u32,
    failed: u32,
    ignored: u32,
}

impl Counts {
    /// The sums of both.
    fn and(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            ignored: self.ignored + other.ignored,
        }
    }

    /// Adds what a line says, if it closes a test program's report.
    fn add(&mut self, line: &str) {
        let Some(report) = line.strip_prefix("test result: ") else { return };
        let of = |name: &str| {
            report.split([';', '.']).find_map(|part| part.trim().strip_suffix(name)?.parse().ok())
        };
        self.passed += of(" passed").unwrap_or(0);
        self.failed += of(" failed").unwrap_or(0);
        self.ignored += of(" ignored").unwrap_or(0);
    }
}

/// Runs cargo, shows what it prints, and counts the tests in it.
fn step(name: &str, arguments: &[&str]) -> Result<Counts> {
    step_with(name, arguments, &[])
}

/// The same with environment variables.
fn step_with(name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Result<Counts> {
    println!("--- {name}: cargo {}", arguments.join(" "));
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting cargo")?;
    let mut counts = Counts::default();
    let output = cargo.stdout.take().context("no output of cargo")?;
    for line in BufReader::new(output).lines() {
        let line = line.context("reading what cargo says")?;
        counts.add(&line);
        println!("{line}");
    }
    let status = cargo.wait().context("waiting for cargo")?;
    if !status.success() {
        bail!(
            "{name} failed: {} passed, {} failed (cargo {} by itself shows it again)",
            counts.passed,
            counts.failed,
            arguments.join(" ")
        );
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_every_report() {
        let mut counts = Counts::default();
        for line in [
            "running 2 tests",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished",
            "test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; fini",
        ] {
            counts.add(line);
        }
        assert_eq!(counts, Counts { passed: 14, failed: 3, ignored: 1 });
        assert_eq!(counts.and(counts), Counts { passed: 28, failed: 6, ignored: 2 });
    }
}
