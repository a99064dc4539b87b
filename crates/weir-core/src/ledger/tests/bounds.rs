//! Whatever arrives, the tables stay small, and what is lost by name is kept in sum.

use std::time::Duration;

use crate::config::limits::{
    LEDGER_CLASSES, LEDGER_GAPS, LEDGER_STATEMENT_BYTES, LEDGER_STATEMENTS,
};
use crate::ids::{PoolId, ServerId};
use crate::ledger::tests::read;
use crate::ledger::{Caller, Ledger, Phase};
use crate::pool::State;
use crate::time::Instant;

fn ledger() -> Ledger {
    let mut ledger = Ledger::new(7);
    ledger.pool_added(PoolId(0));
    ledger.open.opened(Instant::ZERO);
    ledger.opened(Instant::ZERO, 0, PoolId(0));
    ledger.moved(Instant::ZERO, 0, State::Idle);
    ledger
}

/// One transaction of two statements with a gap.
fn transact(ledger: &mut Ledger, now: &mut Instant, texts: [&str; 2]) {
    let mut caller = Caller::new("", "app", "app");
    let mark = read(ledger, texts[0], &mut caller);
    ledger.claimed(mark.class);
    ledger.moved(*now, 0, State::Active);
    ledger.held(*now, 0, mark.class);
    ledger.statement(*now, ServerId(0), mark, None);
    *now = *now + Duration::from_micros(3);
    ledger.answered(*now, ServerId(0), 1, false);
    ledger.enter(*now, ServerId(0), Phase::IdleInTransaction);
    *now = *now + Duration::from_micros(5);
    let mark = read(ledger, texts[1], &mut caller);
    ledger.statement(*now, ServerId(0), mark, None);
    *now = *now + Duration::from_micros(2);
    ledger.answered(*now, ServerId(0), 2, true);
    ledger.moved(*now, 0, State::Idle);
}

#[test]
fn a_million_statements_and_a_hundred_thousand_routes_stay_within_the_bounds() {
    const TRANSACTIONS: u32 = 500_000;
    let mut ledger = ledger();
    let mut now = Instant::ZERO;
    for number in 0..TRANSACTIONS {
        // Letters, so that neither the fingerprint nor the template folds them together.
        let word: String = format!("{number:06}").bytes().map(|b| char::from(b + 49)).collect();
        let route = if number % 5 == 0 { format!("/*route='r{word}'*/") } else { String::new() };
        let first = format!("a{word}{route}");
        let second = format!("b{word}");
        transact(&mut ledger, &mut now, [&first, &second]);
    }
    let seen = ledger.snapshot(now, 0);
    assert_eq!(seen.drift_nanos(), 0);
    assert_eq!(seen.classes.len(), LEDGER_CLASSES);
    assert_eq!(seen.statements_known.0, LEDGER_STATEMENTS);
    assert!(seen.classes_known.1 > 100_000, "{:?} classes gave place", seen.classes_known);
    let labels: usize = seen.classes.iter().map(|class| class.label.len()).sum();
    assert!(labels < LEDGER_CLASSES * 300, "{labels} bytes of names");
    // What the classes were charged is what the connections did, name or no name.
    let by_class: u128 = seen.classes.iter().map(|class| class.sums.times.total()).sum();
    assert_eq!(by_class, seen.times.total());
    let transactions: u64 = seen.classes.iter().map(|class| class.sums.transactions).sum();
    assert_eq!(transactions, u64::from(TRANSACTIONS));
    let gaps: u128 = seen.gaps.iter().map(|gap| gap.sums.nanos).sum();
    assert_eq!(gaps + seen.other_gaps.nanos, seen.times[Phase::IdleInTransaction]);
    assert_eq!(ledger.gaps.longest(usize::MAX).0.len(), LEDGER_GAPS);
}

#[test]
fn a_busy_route_keeps_its_name_in_a_flood_of_others() {
    let mut ledger = ledger();
    let mut now = Instant::ZERO;
    let busy = ["SELECT 1 /*route='busy'*/", "SELECT 2"];
    for number in 0..20_000_u32 {
        let word: String = format!("{number:06}").bytes().map(|b| char::from(b + 49)).collect();
        transact(&mut ledger, &mut now, [&format!("SELECT 1 /*route='{word}'*/"), "SELECT 2"]);
        if number % 100 == 0 {
            transact(&mut ledger, &mut now, busy);
        }
    }
    let seen = ledger.snapshot(now, 0);
    let class = seen.classes.iter().find(|class| &*class.label == "busy").unwrap();
    assert_eq!((class.sums.transactions, class.sums.times.total()), (200, 200 * 10_000));
}

#[test]
fn a_long_statement_is_cut() {
    let mut ledger = ledger();
    let mut caller = Caller::new("", "app", "app");
    let text = format!("SELECT {}", "column_name, ".repeat(1000));
    let mark = read(&mut ledger, &text, &mut caller);
    let kept = &ledger.texts.get(mark.statement).text;
    assert!(kept.len() <= LEDGER_STATEMENT_BYTES, "{} bytes", kept.len());
}
