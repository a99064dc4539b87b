//! Builds what is measured as it ships, and runs the measurements in `bench/`.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{cargo, root};

pub(crate) const USAGE: &str = "\
  bench WORD…
           costs and speeds beside other proxies: cargo xtask bench --help";

/// Builds Weir and the measuring program for release, and passes `words` on to the latter.
///
/// # Errors
/// When one of them does not build, or a measurement fails.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let built = cargo()
        .args(["build", "--quiet", "--release", "--package", "weir", "--package", "weir-bench"])
        .status()
        .context("starting cargo")?;
    ensure!(built.success(), "the release build failed");
    let mut bench = Command::new(root().join("target/release/weir-bench"));
    let status = bench.args(words).current_dir(root()).status().context("starting weir-bench")?;
    ensure!(status.success(), "cargo xtask bench {} failed", words.join(" "));
    Ok(())
}
