//! Opening connections, and servers that do not answer.

use super::bench::{Bench, fault, ms, plain};
use crate::pool::{
    Backoff, Checkout, CloseReason, DialError, Effect, PoolSettings, Refusal, Release,
};

fn permanent() -> DialError {
    DialError::Permanent(fault("password authentication failed"))
}

#[test]
fn as_many_dials_as_waiting_clients_and_no_more_than_allowed() {
    let (mut bench, pool) = Bench::one(PoolSettings { dials_parallel_max: 2, ..plain(10) });
    bench.queue(pool, 0);
    assert_eq!(bench.dials().len(), 1);
    bench.queue(pool, 1);
    bench.queue(pool, 2);
    let dials = bench.dials();
    assert_eq!(dials.len(), 1);
    bench.connect(dials[0]);
    let effects = bench.effects();
    let [Effect::Grant { .. }, Effect::Dial { .. }] = &effects[..] else {
        panic!("the third client gets no dial: {effects:?}");
    };
}

#[test]
fn a_dial_nobody_waits_for_any_more_leaves_an_idle_connection() {
    let (mut bench, pool) = Bench::one(plain(2));
    let ticket = bench.queue(pool, 0);
    let dials = bench.dials();
    bench.pools.withdraw(bench.now, ticket);
    bench.connect(dials[0]);
    assert_eq!((bench.effects(), bench.pools.view(pool).idle), (vec![], 1));
}

#[test]
fn after_a_failure_one_probe_at_a_time_with_growing_waits() {
    let retry = Backoff { initial: ms(100), max: ms(400) };
    let (mut bench, pool) = Bench::one(PoolSettings { retry, ..plain(10) });
    for client in 0..5 {
        bench.queue(pool, client);
    }
    for dial in bench.dials() {
        bench.fail(dial);
    }
    assert_eq!(bench.pools.view(pool).failures, 1, "five failures at once are one");
    for (from, to) in [(50, 100), (100, 200), (200, 400), (200, 400)] {
        assert_eq!(bench.dials(), []);
        let wait = bench.pools.view(pool).retry_at.expect("failing") - bench.now;
        assert!((ms(from)..=ms(to)).contains(&wait), "waits {wait:?}, not {from} to {to} ms");
        bench.wait(to);
        let probes = bench.dials();
        assert_eq!(probes.len(), 1);
        bench.fail(probes[0]);
    }
    bench.wait(400);
    let probe = bench.dials()[0];
    bench.connect(probe);
    assert_eq!(bench.effects().len(), 5, "one grant and a dial for each other client");
}

#[test]
fn a_permanent_failure_refuses_everybody_and_the_next_for_a_while() {
    let (mut bench, pool) = Bench::one(plain(2));
    bench.queue(pool, 0);
    bench.queue(pool, 1);
    let dials = bench.dials();
    bench.pools.dial_failed(bench.now, dials[0], permanent());
    let refused = |effect: &Effect| {
        matches!(effect, Effect::Refuse { refusal: Refusal::Server(fault), .. }
            if &*fault.message == "password authentication failed")
    };
    let effects = bench.effects();
    assert!(effects.len() == 2 && effects.iter().all(refused), "{effects:?}");
    bench.pools.dial_failed(bench.now, dials[1], permanent());
    assert!(matches!(bench.ask(pool, 2), Checkout::Refused(Refusal::Server(_))));
    bench.wait(50);
    bench.queue(pool, 2);
    assert_eq!(bench.dials().len(), 1);
}

#[test]
fn a_permanent_failure_leaves_waiting_clients_to_the_connections_there_are() {
    let (mut bench, pool) = Bench::one(plain(2));
    let server = bench.warm(pool, 1)[0];
    bench.take(pool, 0);
    bench.queue(pool, 1);
    let dials = bench.dials();
    bench.pools.dial_failed(bench.now, dials[0], permanent());
    assert_eq!(bench.effects(), []);
    bench.free(server);
    assert_eq!(bench.grants(), [(1, server)]);
}

#[test]
fn a_dial_that_hangs_is_abandoned_and_keeps_its_slot_until_answered() {
    let (mut bench, pool) = Bench::one(PoolSettings { connect_timeout: ms(100), ..plain(1) });
    bench.queue(pool, 0);
    let dial = bench.dials()[0];
    bench.wait(100);
    assert_eq!(bench.effects(), [Effect::AbandonDial { dial }]);
    bench.wait(1000);
    assert_eq!(bench.effects(), [], "the slot is still taken");
    let server = bench.connect(dial);
    assert_eq!(bench.closes(), [(server, CloseReason::Abandoned)]);
    bench.pools.closed(bench.now, server);
    assert_eq!(bench.dials().len(), 1);
}

#[test]
fn the_minimum_is_opened_and_kept() {
    let (mut bench, pool) = Bench::one(PoolSettings { size_min: 2, ..plain(3) });
    bench.wait(0);
    let dials = bench.dials();
    assert_eq!(dials.len(), 2);
    let servers: Vec<_> = dials.into_iter().map(|dial| bench.connect(dial)).collect();
    bench.wait(2000);
    bench.pools.lost(bench.now, servers[0]);
    assert_eq!(bench.dials().len(), 1);
    assert_eq!(bench.take(pool, 0), servers[1]);
}

#[test]
fn a_server_that_hangs_up_on_new_connections_is_not_dialled_without_end() {
    let (mut bench, pool) = Bench::one(PoolSettings { size_min: 1, ..plain(1) });
    bench.wait(0);
    let dial = bench.dials()[0];
    let server = bench.connect(dial);
    bench.pools.lost(bench.now, server);
    assert_eq!(bench.effects(), []);
    assert_eq!(bench.pools.view(pool).failures, 1);
}

#[test]
fn a_broken_connection_is_replaced_once_closed() {
    let (mut bench, pool) = Bench::one(plain(1));
    let server = bench.warm(pool, 1)[0];
    bench.take(pool, 0);
    bench.queue(pool, 1);
    bench.pools.release(bench.now, server, Release::Broken);
    assert_eq!(bench.closes(), [(server, CloseReason::Broken)]);
    bench.pools.closed(bench.now, server);
    assert_eq!(bench.dials().len(), 1);
}

#[test]
fn an_attempt_given_up_after_the_next_was_due_leaves_no_tick_due() {
    let (mut bench, pool) = Bench::one(PoolSettings { connect_timeout: ms(100), ..plain(2) });
    bench.queue(pool, 0);
    bench.queue(pool, 1);
    let dials = bench.dials();
    bench.pass(10);
    bench.fail(dials[0]);
    bench.wait(80);
    assert_eq!(bench.dials(), [], "the other attempt is still under way");
    bench.pass(10);
    bench.pools.tick(bench.now);
    assert_eq!(bench.effects(), [Effect::AbandonDial { dial: dials[1] }]);
    assert!(bench.pools.deadline().is_none_or(|due| due > bench.now));
}
