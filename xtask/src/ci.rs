//! What CI runs, step by step; the first failure ends it.

mod report;

use std::io::{BufRead, BufReader};
use std::process::{ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

use crate::compat::{self, Request};
use crate::{bench, fuzz, root};
use report::Report;

/// Failed tests that are run a second time. More at once is no chance.
const AGAIN_MAX: usize = 3;

/// Format, lints, fuzz targets (compiled only), the README's test command, the roughest suite with
/// either event loop, a part of a foreign suite, the gates on cost, and how many tests ran.
pub(crate) fn run() -> Result<()> {
    step("format", &["fmt", "--all", "--check"], &[])?;
    step("lints", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[])?;
    step("fuzz targets compile", &fuzz::CHECK, &fuzz::CHECK_VARIABLES)?;
    tidy()?;
    let report = tests("tests", &["test", "--workspace", "--no-fail-fast"], &[])?;
    let report = report.and(torture_on_epoll()?);
    compat()?;
    gates()?;
    for name in &report.names {
        println!("FLAKY: {name} failed once and passed when it ran again: a fault to find");
    }
    println!("{} passed, {} failed, {} skipped", report.passed, report.failed, report.ignored);
    Ok(())
}

/// The roughest suite with the driver that a machine with io_uring does not choose by itself.
fn torture_on_epoll() -> Result<Report> {
    let torture = ["test", "--package", "weir", "--test", "torture", "--no-fail-fast"];
    tests("torture on epoll", &torture, &[("WEIR_TEST_DRIVER", "epoll")])
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
    step("tidy", &["test", "--package", "xtask", "--test", "tidy"], &[])
}

/// Runs tests, and those that failed once more, alone: they run against real servers on machines
/// that others use too. What passes then counts as passed and stays in the report by name.
///
/// # Errors
/// When a test fails twice, more than [`AGAIN_MAX`] fail, or one does not come to its end.
fn tests(name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Result<Report> {
    let (status, mut report) = cargo(name, arguments, variables)?;
    if status.success() {
        return Ok(report);
    }
    if !report.is_whole() || !(1..=AGAIN_MAX).contains(&report.failed) {
        bail!("{}", failure(name, arguments, &report));
    }
    let names: Vec<&str> = report.names.iter().map(String::as_str).collect();
    let alone = [arguments, &["--", "--exact", "--test-threads=1"], &names].concat();
    let (status, second) = cargo(&format!("{name}, what failed once more"), &alone, variables)?;
    if !status.success() || second.passed < report.failed {
        bail!("{}", failure(name, arguments, &report));
    }
    report.passed += std::mem::take(&mut report.failed);
    Ok(report)
}

/// Runs cargo to a good end.
fn step(name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Result<()> {
    let (status, report) = cargo(name, arguments, variables)?;
    if !status.success() {
        bail!("{}", failure(name, arguments, &report));
    }
    Ok(())
}

fn failure(name: &str, arguments: &[&str], report: &Report) -> String {
    let Report { passed, failed, .. } = report;
    let again = arguments.join(" ");
    format!("{name} failed: {passed} passed, {failed} failed (cargo {again} shows it again)")
}

/// Runs cargo with environment variables, shows what it prints, and reads the tests' reports in it.
fn cargo(
    name: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Result<(ExitStatus, Report)> {
    println!("--- {name}: cargo {}", arguments.join(" "));
    let mut cargo = crate::cargo()
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting cargo")?;
    let mut report = Report::default();
    let output = cargo.stdout.take().context("no output of cargo")?;
    for line in BufReader::new(output).lines() {
        let line = line.context("reading what cargo says")?;
        report.add(&line);
        println!("{line}");
    }
    Ok((cargo.wait().context("waiting for cargo")?, report))
}
