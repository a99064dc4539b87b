//! `weir simulate`: a scenario under every rule, side by side.

use std::io::Write;

use anyhow::Context;
use weir_core::simulator::{Plan, Rule, compare, play};

/// Plays the scenario in `file` and prints what it came to.
///
/// # Errors
/// When the file cannot be read or is no scenario, or standard output is closed.
pub fn run(file: &str) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
    let plan = Plan::parse(&text).with_context(|| format!("{file} is no scenario"))?;
    let outcomes = Rule::ALL.map(|rule| (rule, play(&plan, rule)));
    write!(std::io::stdout(), "{}", compare(&plan, &outcomes)).context("cannot print")
}
