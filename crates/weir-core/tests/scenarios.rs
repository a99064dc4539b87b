//! The scenario library: what Weir must reach in each, beside what first in, first out does.

#![allow(clippy::disallowed_methods, reason = "a test may read the library")]

use std::path::Path;
use std::time::Duration;

use weir_core::simulator::{Outcome, Plan, Rule, bound_permille, play};

fn library() -> Vec<(String, Plan)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let mut plans: Vec<_> = std::fs::read_dir(folder)
        .expect("the library is there")
        .map(|entry| {
            let path = entry.expect("a folder can be listed").path();
            let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).expect("a scenario can be read");
            let plan = Plan::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, plan)
        })
        .collect();
    plans.sort_by(|a, b| a.0.cmp(&b.0));
    plans
}

/// Seeds that each scenario is played with; the first is the one it names.
const SEEDS: u64 = 5;

/// Innocent or all requests served within a second may be fewer than with first in, first out by
/// so many of a thousand, on average over the seeds: which fall on the edge of a second is chance.
const CHANCE_PERMILLE: u64 = 5;
/// The same with one seed.
const LUCK_PERMILLE: u64 = 10;

/// One scenario with one seed, under Weir's rule and first in, first out.
struct Pair {
    weir: Outcome,
    fifo: Outcome,
}

fn pairs(plan: &Plan) -> Vec<Pair> {
    let with = |seed| Plan { seed: plan.seed + seed * 1_000, ..plan.clone() };
    let play = |plan: Plan| Pair { weir: play(&plan, Rule::Weir), fifo: play(&plan, Rule::Fifo) };
    (0..SEEDS).map(with).map(play).collect()
}

/// What is wrong with outcomes, in words.
fn complaints(plan: &Plan, pairs: &[Pair]) -> Vec<String> {
    let mut all: Vec<String> = pairs.iter().flat_map(|pair| harm(plan, pair)).collect();
    let mut must = |holds: bool, what: String| {
        if !holds {
            all.push(what);
        }
    };
    let mean = |of: &dyn Fn(&Pair) -> u64| pairs.iter().map(of).sum::<u64>() / SEEDS;
    let soon = mean(&|pair| pair.weir.innocent.soon_permille());
    let expect = plan.expect;
    let bound = bound_permille(plan);
    must(
        soon <= bound + CHANCE_PERMILLE,
        format!("{soon} of 1000, though no rule exceeds {bound}"),
    );
    must(soon >= expect.soon_permille, format!("{soon} of 1000 innocent are served soon"));
    let (swings, seconds) = (mean(&|pair| pair.weir.swings), plan.trouble[1] - plan.trouble[0]);
    let swings_max = u64::from(plan.proxies) * (1 + seconds / 4);
    must(swings <= swings_max, format!("the cap swings {swings} times"));
    let limit = Duration::from_millis(expect.recovery_ms);
    let mut recoveries: Vec<_> = pairs.iter().map(|pair| pair.weir.recovery).collect();
    recoveries.sort_by_key(|span| span.unwrap_or(Duration::MAX));
    let median = recoveries[recoveries.len() / 2];
    must(median.is_some_and(|span| span <= limit), format!("recoveries {recoveries:?}"));
    let fifo_soon = mean(&|pair| pair.fifo.innocent.soon_permille());
    must(soon + CHANCE_PERMILLE >= fifo_soon, format!("innocent: {soon}, fifo {fifo_soon}"));
    let weir_all = mean(&|pair| pair.weir.all.soon_permille());
    let fifo_all = mean(&|pair| pair.fifo.all.soon_permille());
    must(weir_all + CHANCE_PERMILLE >= fifo_all, format!("all: {weir_all}, fifo {fifo_all}"));
    all
}

/// What must not be with any seed.
fn harm(plan: &Plan, Pair { weir, fifo }: &Pair) -> Vec<String> {
    let mut all = Vec::new();
    let mut must = |holds: bool, what: String| {
        if !holds {
            all.push(what);
        }
    };
    must(weir.killed == 0, format!("{} transactions are ended by force", weir.killed));
    let touched = (weir.capped, weir.refused);
    must(!plan.expect.untouched || touched == (0, 0), format!("capped, refused: {touched:?}"));
    let (soon, fifo_soon) = (weir.innocent.soon_permille(), fifo.innocent.soon_permille());
    must(soon + LUCK_PERMILLE >= fifo_soon, format!("innocent: {soon}, fifo {fifo_soon}"));
    let behind = weir.recovery.is_none() && fifo.recovery.is_some();
    must(!behind, "fifo recovers, weir does not".to_owned());
    all
}

#[test]
fn weir_reaches_what_each_scenario_asks_and_is_never_worse_than_fifo() {
    let library = library();
    assert!(library.len() >= 25, "only {} scenarios", library.len());
    let mut broken = String::new();
    for (name, plan) in &library {
        for complaint in complaints(plan, &pairs(plan)) {
            broken.push_str(&format!("{name}: {complaint}\n"));
        }
    }
    assert!(broken.is_empty(), "\n{broken}");
}
