//! The engine by itself; the scenario library is in `tests/scenarios.rs`.

use std::time::Duration;

use super::{Plan, PlanError, Rule, play};

const SHOP: &str = r#"
about = "A shop."
seconds = 20
trouble = [10, 15]
slots = 4

[[class]]
name = "page"
rate = 50
sql_ms = 6

[[class]]
name = "pay"
rate = 5
sql_ms = 10
call_ms = 100
culprit = true
"#;

fn shop(more: &str) -> Plan {
    Plan::parse(&format!("{SHOP}\n{more}")).expect("the plan is right")
}

#[test]
fn without_trouble_everybody_is_served_under_every_rule() {
    for rule in Rule::ALL {
        let outcome = play(&shop(""), rule);
        assert_eq!(outcome.all.soon, outcome.all.asked, "{}", rule.name());
        assert!(outcome.all.asked > 200);
        assert_eq!(outcome.recovery, Some(Duration::ZERO));
        assert_eq!((outcome.refused, outcome.killed, outcome.capped), (0, 0, 0));
    }
}

#[test]
fn the_same_seed_plays_the_same_and_rules_see_the_same_requests() {
    let plan = shop("[[event]]\nfrom_ms = 10000\nto_ms = 15000\nclass = \"pay\"\ncall_ms = 3000\n");
    let outcome = play(&plan, Rule::Weir);
    assert_eq!(outcome, play(&plan, Rule::Weir));
    for rule in Rule::ALL {
        let other = play(&plan, rule);
        let asked = |one: &super::Outcome| one.classes.iter().map(|c| c.asked).collect::<Vec<_>>();
        assert_eq!(asked(&other), asked(&outcome));
    }
}

#[test]
fn a_call_that_gets_slow_starves_fifo_and_the_killer_kills() {
    let plan = shop("[[event]]\nfrom_ms = 10000\nto_ms = 15000\nclass = \"pay\"\ncall_ms = 9000\n");
    let fifo = play(&plan, Rule::Fifo);
    assert!(fifo.innocent.soon_permille() < 700, "{fifo:?}");
    assert!(play(&plan, Rule::Killer).killed > 0);
    let weir = play(&plan, Rule::Weir);
    assert!(weir.innocent.soon > fifo.innocent.soon);
    assert_eq!(weir.killed, 0);
}

#[test]
fn the_ladder_ends_what_hangs_within_its_budget() {
    let hangs = "[[event]]\nfrom_ms = 10000\nto_ms = 15000\nclass = \"pay\"\ncall_ms = 900000\n";
    let plan = shop(hangs);
    let (weir, ladder) = (play(&plan, Rule::Weir), play(&plan, Rule::Ladder));
    assert_eq!(weir.killed, 0);
    assert!((1..=20).contains(&ladder.killed), "ten a minute, for 40 s: {}", ladder.killed);
    assert!(ladder.all.soon >= weir.all.soon, "{ladder:?}");
}

#[test]
fn an_outage_fails_what_runs_and_recovers() {
    let plan = shop("[[event]]\nfrom_ms = 10000\nto_ms = 12000\ndown = true\n");
    let outcome = play(&plan, Rule::Weir);
    assert!(outcome.all.soon < outcome.all.asked);
    assert!(outcome.recovery <= Some(Duration::from_secs(1)), "{outcome:?}");
}

#[test]
fn a_lock_is_held_by_one_at_a_time() {
    let text = SHOP.replace("sql_ms = 6", "sql_ms = 60\nlock = \"stock\"");
    let plan = Plan::parse(&text).expect("the plan is right");
    let outcome = play(&plan, Rule::Fifo);
    let limit = 5_000 / 60 + 40;
    assert!(
        outcome.classes[0].soon < limit,
        "50 a second of 60 ms one after the other: {outcome:?}"
    );
}

#[test]
fn workers_are_a_limit_of_their_own() {
    let plan = shop("[[event]]\nfrom_ms = 10000\nto_ms = 15000\nclass = \"pay\"\ncall_ms = 3000\n");
    let limited = Plan { workers: Some(2), ..plan.clone() };
    let free = play(&plan, Rule::Weir).innocent.soon;
    assert!(play(&limited, Rule::Weir).innocent.soon < free);
}

#[test]
fn a_plan_with_a_mistake_says_which() {
    let check = |from: &str, to: &str, expected: &str| {
        let (PlanError::Text(text) | PlanError::Number(text)) =
            Plan::parse(&SHOP.replace(from, to)).expect_err(to);
        assert!(text.contains(expected), "{text}");
    };
    check("slots = 4", "slots = 0", "`slots` must be 1");
    check("slots = 4", "slotz = 4", "slotz");
    check("trouble = [10, 15]", "trouble = [15, 10]", "`trouble` must begin");
    check("rate = 50", "rate = 50000000", "too many");
    check("slots = 4", "slots = 4\n[[event]]\nfrom_ms = 1\nto_ms = 2\nclass = \"no\"", "`no`");
}
