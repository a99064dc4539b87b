//! `weir simulate`: a scenario under every rule, side by side, or beside what was measured.

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;
use weir_core::simulator::{Headline, Plan, Rule, beside, compare, play};

/// What one seed draws is chance: so many are played where it is held against a measurement.
const SEEDS: u64 = 15;

/// Plays the scenario in `file` and prints what it came to: under every rule, or `against` the
/// reports of replays.
///
/// # Errors
/// When a file cannot be read, `file` is no scenario, another no report with a set-up that can be
/// played, or standard output is closed.
pub fn run(file: &str, against: &[String]) -> anyhow::Result<()> {
    let plan = Plan::parse(&read(file)?).with_context(|| format!("{file} is no scenario"))?;
    let text = if against.is_empty() {
        compare(&plan, &Rule::ALL.map(|rule| (rule, play(&plan, rule))))
    } else {
        measured(&plan, against)?
    };
    write!(std::io::stdout(), "{text}").context("cannot print")
}

fn read(file: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))
}

/// What is looked at of a replay's report.
#[derive(Debug, Deserialize)]
struct Report {
    set_ups: Vec<SetUp>,
}

/// One set-up's figures; shares are 0 to 1.
#[derive(Debug, Deserialize)]
struct SetUp {
    setup: String,
    innocent_within_1s: f64,
    success: f64,
    served: f64,
    connections_peak: u32,
    recovery_s: Option<f64>,
}

impl SetUp {
    fn headline(&self) -> Headline {
        Headline {
            innocent_permille: permille(self.innocent_within_1s),
            success_permille: permille(self.success),
            served_permille: permille(self.served),
            connections: self.connections_peak,
            recovery: self.recovery_s.and_then(|span| Duration::try_from_secs_f64(span).ok()),
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1,000")]
fn permille(share: f64) -> u64 {
    (share.clamp(0.0, 1.0) * 1_000.0).round() as u64
}

/// The set-ups of unchanged code with a pooler before the server, and its rule.
const SET_UPS: [(&str, Rule); 2] = [("pgbouncer", Rule::Fifo), ("weir-unchanged", Rule::Weir)];

fn measured(plan: &Plan, files: &[String]) -> anyhow::Result<String> {
    let mut set_ups = Vec::new();
    for file in files {
        let report: Report = serde_json::from_str(&read(file)?)
            .with_context(|| format!("{file} is no report of a replay"))?;
        set_ups.extend(report.set_ups);
    }
    let tables = SET_UPS.map(|(name, rule)| {
        let runs = set_ups.iter().filter(|one| one.setup == name);
        let runs: Vec<Headline> = runs.map(SetUp::headline).collect();
        let seeds = (0..SEEDS).filter(|_| !runs.is_empty());
        let played: Vec<Headline> = seeds.map(|seed| once(plan, seed, rule)).collect();
        beside(&format!("{name}, as `{}`", rule.name()), &played, &runs)
    });
    let text = tables.iter().filter(|text| !text.is_empty()).cloned().collect::<Vec<_>>();
    anyhow::ensure!(
        !text.is_empty(),
        "no report has `pgbouncer` or `weir-unchanged`: only these can be played"
    );
    Ok(format!("{}\nmedians, of {SEEDS} seeds and of the runs measured\n", text.join("\n")))
}

fn once(plan: &Plan, seed: u64, rule: Rule) -> Headline {
    let plan = Plan { seed: plan.seed + seed * 1_000, ..plan.clone() };
    Headline::of(&play(&plan, rule))
}
