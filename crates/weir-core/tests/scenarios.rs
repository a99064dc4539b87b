//! The scenario library: what Weir must reach in each, beside what first in, first out does.

#![allow(clippy::disallowed_methods, reason = "a test may read the library")]

use std::path::Path;
use std::time::Duration;

use weir_core::simulator::{Outcome, Plan, Rule, play};

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

/// What is wrong with an outcome, in words.
fn complaints(plan: &Plan, weir: &Outcome, fifo: &Outcome) -> Vec<String> {
    let mut all = Vec::new();
    let mut must = |holds: bool, what: String| {
        if !holds {
            all.push(what);
        }
    };
    let expect = plan.expect;
    let soon = weir.innocent.soon_permille();
    must(soon >= expect.soon_permille, format!("{soon} of 1000 innocent are served soon"));
    let limit = Duration::from_millis(expect.recovery_ms);
    let recovered = weir.recovery.is_some_and(|span| span <= limit);
    must(recovered, format!("recovery in {:?}", weir.recovery));
    must(weir.killed == 0, format!("{} transactions are ended by force", weir.killed));
    let seconds = plan.trouble[1] - plan.trouble[0];
    must(
        weir.swings <= u64::from(plan.proxies) * (1 + seconds / 4),
        format!("the cap swings {} times", weir.swings),
    );
    let touched = (weir.capped, weir.refused);
    must(!expect.untouched || touched == (0, 0), format!("capped, refused: {touched:?}"));
    // Half a percent is chance: which requests fall on the edge of a second.
    let (weir_all, fifo_all) = (weir.all.soon_permille(), fifo.all.soon_permille());
    must(weir_all + 5 >= fifo_all, format!("all: {weir_all}, fifo {fifo_all}"));
    let fifo_soon = fifo.innocent.soon_permille();
    must(soon + 5 >= fifo_soon, format!("innocent: {soon}, fifo {fifo_soon}"));
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
        let (weir, fifo) = (play(plan, Rule::Weir), play(plan, Rule::Fifo));
        for complaint in complaints(plan, &weir, &fifo) {
            broken.push_str(&format!("{name}: {complaint}\n"));
        }
    }
    assert!(broken.is_empty(), "\n{broken}");
}
