//! Many worlds, and sequences of inputs in any order.

mod sequences;

use std::time::Duration;

use super::{Scenario, World, run};
use crate::dispatch::Policy;
use crate::pool::PoolSettings;

/// Worlds of an ordinary test run.
const SEEDS: u64 = 200;
/// Worlds of a long one.
const SEEDS_MANY: u64 = 20_000;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

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
    let all = [sum.at_once, sum.waited, sum.refused, sum.dials, sum.closed, sum.checks];
    assert!(all.into_iter().all(|count| count > 0), "the worlds are too tame: {sum:?}");
}

fn play_one(seed: u64) {
    run(seed).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
}

#[test]
fn no_rule_is_broken_in_many_worlds() {
    play(0..SEEDS);
}

/// A pool that moved to another budget was counted there only after its old budget's slots had
/// been shared out, among siblings that draw on both.
#[test]
fn a_pool_that_changes_its_budgets_is_counted_before_others_dial() {
    play_one(422);
}

/// Clients waited while the server was away, and were served by what their classes held although
/// the pool was first in, first out by then.
#[test]
fn an_outage_makes_no_pool_fair_that_is_not() {
    play_one(1903);
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

/// A world without faults, in which pools that draw on `budgets` always have clients waiting, in
/// the order of arrival: fairness among classes may let one of them wait longer.
fn crowd(budgets: Vec<u32>, draws: Vec<Vec<usize>>) -> Scenario {
    let settings = PoolSettings {
        wait_max: Some(ms(1000)),
        dispatch: Policy::Fifo,
        ..PoolSettings::default()
    };
    Scenario {
        budgets,
        pools: vec![settings; draws.len()],
        draws,
        clients: 30,
        storm: ms(5000),
        think: ms(4),
        hold: ms(4),
        latency: ms(4),
        giving_up_percent: 0,
        faults_percent: 0,
        weather_every: ms(1_000_000_000),
        operator_every: ms(1_000_000_000),
        ..Scenario::draw(1)
    }
}

#[test]
fn no_pool_starves_beside_busy_siblings() {
    for slots in 1..=4 {
        serves_everybody(&crowd(vec![slots], vec![vec![0]; 3]));
    }
}

/// Two users of two databases on two servers: pools that need three budgets at once beside pools
/// that need others.
#[test]
fn no_pool_starves_between_crossing_budgets() {
    let (servers, databases, users) = ([0, 1], [2, 3], [4, 5]);
    for slots in 1..=3 {
        let draws = vec![
            vec![servers[0], databases[0], users[0]],
            vec![servers[0], databases[0], users[1]],
            vec![servers[1], databases[1], users[0]],
            vec![servers[1], databases[1], users[1]],
            vec![servers[0]],
            vec![servers[1]],
        ];
        serves_everybody(&crowd(vec![slots; 6], draws));
    }
}

fn serves_everybody(scenario: &Scenario) {
    let world = World::new(scenario).expect("a fresh world breaks no rule");
    let slots = &scenario.budgets;
    let outcome = world.play().unwrap_or_else(|broken| panic!("{slots:?} slots: {broken}"));
    assert_eq!(outcome.refused, 0, "{slots:?} slots: clients waited a second: {outcome:?}");
}
