//! Summaries: stretch after stretch they add up to what the ledger says of the whole.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::config::limits::{LEDGER_SUMMARY_CLASSES, LEDGER_SUMMARY_GAPS};
use crate::console::Snapshot;
use crate::console::tests::pool;
use crate::ids::{PoolId, ServerId};
use crate::incident::Wall;
use crate::ledger::tests::read;
use crate::ledger::{Caller, Ledger, Phase, Summarizer, Summary, WaitEnd};
use crate::pool::State;
use crate::time::Instant;

/// A proxy with one server connection, whose ledger is summed up now and then.
struct Proxy {
    ledger: Ledger,
    caller: Caller,
    now: Instant,
    summarizer: Summarizer,
}

impl Proxy {
    fn new() -> Self {
        let mut ledger = Ledger::new(7);
        ledger.pool_added(PoolId(0));
        ledger.open.opened(Instant::ZERO);
        ledger.opened(Instant::ZERO, 0, PoolId(0));
        ledger.moved(Instant::ZERO, 0, State::Idle);
        let caller = Caller::new("shop", "app", "app");
        Self { ledger, caller, now: Instant::ZERO, summarizer: Summarizer::new(Wall(0)) }
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
    }

    /// A transaction of two statements with a gap between them.
    fn transaction(&mut self, route: u64, gap_millis: u64) {
        let first = format!("INSERT INTO t{route} VALUES (1) /*route='/{}'*/", letters(route));
        let second = format!("UPDATE t{route} SET a = 1");
        let mark = read(&mut self.ledger, &first, &mut self.caller);
        self.ledger.claimed(mark.class);
        self.ledger.waited(mark.class, WaitEnd::Granted, Duration::from_millis(3));
        self.ledger.moved(self.now, 0, State::Active);
        self.ledger.held(self.now, 0, mark.class);
        self.ledger.statement(self.now, ServerId(0), mark, None);
        self.pass(2);
        self.ledger.answered(self.now, ServerId(0), 1, false);
        self.ledger.enter(self.now, ServerId(0), Phase::IdleInTransaction);
        self.pass(gap_millis);
        let mark = read(&mut self.ledger, &second, &mut self.caller);
        self.ledger.statement(self.now, ServerId(0), mark, None);
        self.pass(1);
        self.ledger.answered(self.now, ServerId(0), 2, true);
        self.ledger.moved(self.now, 0, State::Idle);
    }

    fn look(&mut self) -> Summary {
        let mut ledger = self.ledger.snapshot(self.now, 0);
        self.ledger.add_edges(&mut ledger);
        let millis = self.now.as_nanos() / 1_000_000;
        self.summarizer.note(Wall(millis), &Snapshot { ledger, ..Snapshot::default() })
    }
}

/// A route's name without digits, which would be taken for ids.
fn letters(number: u64) -> String {
    number.to_string().bytes().map(|digit| char::from(digit + b'a' - b'0')).collect()
}

#[test]
fn a_stretch_says_who_had_the_time_and_where_it_waited() {
    let mut proxy = Proxy::new();
    proxy.transaction(1, 500);
    let first = proxy.look();
    proxy.pass(1_000);
    proxy.transaction(1, 200);
    proxy.transaction(2, 50);
    let second = proxy.look();
    assert_eq!((first.from, first.until, second.from), (Wall(0), Wall(503), Wall(503)));
    let [gap, small] = &second.gaps[..] else { panic!("two gaps, not {:?}", second.gaps) };
    assert_eq!((&*gap.route, &*gap.before), ("/b", "insert into t1 values (?)"));
    assert_eq!((&*gap.after, gap.count, gap.nanos), ("update t1 set a = ?", 1, 200_000_000));
    assert_eq!((&*small.route, small.nanos), ("/c", 50_000_000));
    let route = second.classes.iter().find(|class| &*class.label == "/b").unwrap();
    assert_eq!((route.sums.claims, route.sums.granted.nanos), (1, 3_000_000));
    assert_eq!(second.open_nanos, 1_256_000_000);
    let written = serde_json::to_value(&second).unwrap();
    assert_eq!(written["from"], "1970-01-01T00:00:00.503Z");
    assert_eq!(written["routes"][1]["route"], "/b");
    assert_eq!(written["routes"][1]["phase_seconds"]["idle_in_transaction"], 0.2);
    assert_eq!(written["gaps"][0]["seconds"], 0.2);
}

#[test]
fn names_are_bounded_and_nothing_is_lost() {
    let mut proxy = Proxy::new();
    (0..500).for_each(|route| proxy.transaction(route, 10 + route));
    let seen = proxy.look();
    assert_eq!(seen.classes.len(), LEDGER_SUMMARY_CLASSES);
    assert_eq!(seen.gaps.len(), LEDGER_SUMMARY_GAPS + 1);
    let other = seen.gaps.last().unwrap();
    assert_eq!((&*other.route, &*other.before), ("other", ""));
    assert_eq!(seen.gaps.iter().map(|gap| gap.count).sum::<u64>(), 500);
    let gaps: u128 = seen.gaps.iter().map(|gap| gap.nanos).sum();
    assert_eq!(gaps, seen.times[Phase::IdleInTransaction]);
}

#[test]
fn a_pool_that_was_made_again_begins_anew() {
    let mut summarizer = Summarizer::new(Wall(0));
    let mut look = |pools| summarizer.note(Wall(1), &Snapshot { pools, ..Snapshot::default() });
    assert_eq!(look(vec![pool("d", 20)]).pools[0].transactions, 20);
    assert_eq!(look(vec![pool("d", 25)]).pools[0].transactions, 5);
    assert!(look(Vec::new()).pools.is_empty());
    assert_eq!(look(vec![pool("d", 3)]).pools[0].transactions, 3);
}

proptest! {
    #[test]
    fn stretches_add_up_to_the_whole(
        steps in vec((0..90_u64, 0..400_u64, 0..300_u64, any::<bool>()), 1..60)
    ) {
        let mut proxy = Proxy::new();
        let mut stretches = Vec::new();
        for (route, gap, pause, look) in steps {
            proxy.transaction(route, gap);
            proxy.pass(pause);
            if look {
                stretches.push(proxy.look());
            }
        }
        stretches.push(proxy.look());
        for stretch in &stretches {
            prop_assert_eq!(stretch.times.total(), stretch.open_nanos);
            let classes: u128 = stretch.classes.iter().map(|class| class.sums.times.total()).sum();
            prop_assert_eq!(classes, stretch.open_nanos);
        }
        let whole = Summary::whole(&stretches).unwrap();
        let seen = proxy.ledger.snapshot(proxy.now, 0);
        prop_assert_eq!(whole.times, seen.times);
        prop_assert_eq!(whole.open_nanos, seen.open_nanos);
        let gaps: u128 = whole.gaps.iter().map(|gap| gap.nanos).sum();
        prop_assert_eq!(gaps, seen.times[Phase::IdleInTransaction]);
        let claims: u64 = whole.classes.iter().map(|class| class.sums.claims).sum();
        prop_assert_eq!(claims, seen.classes.iter().map(|class| class.sums.claims).sum::<u64>());
    }
}
