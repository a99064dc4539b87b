//! Many worlds, and sequences of inputs in any order.

mod sequences;

use super::run;

/// Worlds of an ordinary test run.
const SEEDS: u64 = 200;
/// Worlds of a long one.
const SEEDS_MANY: u64 = 20_000;

fn play(seeds: std::ops::Range<u64>) {
    let mut sum = super::Outcome::default();
    for seed in seeds {
        let outcome = run(seed).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        sum.at_once += outcome.at_once;
        sum.waited += outcome.waited;
        sum.refused += outcome.refused;
        sum.dials += outcome.dials;
        sum.closed += outcome.closed;
        sum.checks += outcome.checks;
        sum.steps += outcome.steps;
    }
    println!("{sum:?}");
    let all = [sum.at_once, sum.waited, sum.refused, sum.dials, sum.closed, sum.checks];
    assert!(all.into_iter().all(|count| count > 0), "the worlds are too tame: {sum:?}");
}

#[test]
fn no_rule_is_broken_in_many_worlds() {
    play(0..SEEDS);
}

#[test]
#[ignore = "takes minutes"]
fn no_rule_is_broken_in_very_many_worlds() {
    play(SEEDS..SEEDS_MANY);
}

#[test]
fn a_seed_plays_the_same_every_time() {
    assert_eq!(run(7), run(7));
}
