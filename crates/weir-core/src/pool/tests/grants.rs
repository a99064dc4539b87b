//! Who gets a slot, and when.

use super::bench::{Bench, ms, plain};
use crate::pool::{Checkout, Effect, PoolSettings, Refusal, Release, Rotation};

#[test]
fn the_first_client_waits_for_a_dial_and_gets_it() {
    let (mut bench, pool) = Bench::one(plain(2));
    let ticket = bench.queue(pool, 7);
    let dials = bench.dials();
    bench.pass(3);
    let server = bench.connect(dials[0]);
    let waited = ms(3);
    let client = crate::ids::ClientId(7);
    assert_eq!(bench.effects(), [Effect::Grant { ticket, client, server, waited }]);
}

#[test]
fn a_release_hands_the_slot_to_the_oldest_in_the_same_call() {
    let (mut bench, pool) = Bench::one(plain(1));
    let server = bench.warm(pool, 1)[0];
    bench.take(pool, 0);
    bench.queue(pool, 1);
    bench.queue(pool, 2);
    bench.free(server);
    assert_eq!(bench.grants(), [(1, server)]);
    bench.queue(pool, 3);
    bench.free(server);
    assert_eq!(bench.grants(), [(2, server)]);
}

#[test]
fn a_withdrawn_client_is_passed_over() {
    let (mut bench, pool) = Bench::one(plain(1));
    let server = bench.warm(pool, 1)[0];
    bench.take(pool, 0);
    let ticket = bench.queue(pool, 1);
    bench.queue(pool, 2);
    assert!(bench.pools.withdraw(bench.now, ticket));
    assert!(!bench.pools.withdraw(bench.now, ticket));
    bench.free(server);
    assert_eq!(bench.grants(), [(2, server)]);
}

#[test]
fn a_ticket_of_an_earlier_wait_names_nobody() {
    let (mut bench, pool) = Bench::one(plain(1));
    bench.warm(pool, 1);
    bench.take(pool, 0);
    let first = bench.queue(pool, 1);
    assert!(bench.pools.withdraw(bench.now, first));
    let second = bench.queue(pool, 2);
    assert_ne!(first, second);
    assert!(!bench.pools.withdraw(bench.now, first));
    assert_eq!(bench.pools.view(pool).waiting, 1);
}

#[test]
fn a_settling_slot_goes_to_nobody_until_it_has_settled() {
    let (mut bench, pool) = Bench::one(plain(1));
    let server = bench.warm(pool, 1)[0];
    bench.take(pool, 0);
    bench.queue(pool, 1);
    bench.pools.release(bench.now, server, Release::Settling);
    assert_eq!(bench.effects(), []);
    bench.pools.settled(bench.now, server);
    assert_eq!(bench.grants(), [(1, server)]);
}

#[test]
fn a_full_queue_refuses_at_once() {
    let (mut bench, pool) = Bench::one(PoolSettings { queue_len_max: 1, ..plain(1) });
    bench.queue(pool, 0);
    let Checkout::Refused(Refusal::QueueFull(counts)) = bench.ask(pool, 1) else {
        panic!("the queue is longer than its limit");
    };
    assert_eq!((counts.waiting, counts.dialling), (1, 1));
}

#[test]
fn a_client_is_refused_at_its_deadline_with_the_facts() {
    let (mut bench, pool) = Bench::one(PoolSettings { wait_max: Some(ms(50)), ..plain(1) });
    bench.warm(pool, 1);
    bench.take(pool, 0);
    bench.queue(pool, 1);
    bench.wait(49);
    assert_eq!(bench.effects(), []);
    bench.wait(1);
    let effects = bench.effects();
    let [Effect::Refuse { refusal: Refusal::WaitLimit { waited, ahead, counts, .. }, .. }] =
        &effects[..]
    else {
        panic!("not one refusal: {effects:?}");
    };
    assert_eq!((*waited, *ahead, counts.active, counts.waiting), (ms(50), 0, 1, 1));
}

#[test]
fn each_rotation_picks_its_own() {
    let check = |rotation, last: Option<usize>, expected: usize| {
        let (mut bench, pool) = Bench::one(PoolSettings { rotation, ..plain(3) });
        let servers = bench.warm(pool, 3);
        let granted = bench.ask_again(pool, 9, last.map(|at| servers[at]));
        assert_eq!(granted, Checkout::Granted(servers[expected]), "{rotation:?} after {last:?}");
    };
    check(Rotation::Lifo, Some(2), 2);
    check(Rotation::RoundRobin, None, 0);
    check(Rotation::EveryTransaction, None, 2);
    check(Rotation::EveryTransaction, Some(2), 1);
    check(Rotation::EveryTransaction, Some(0), 2);
}

#[test]
fn random_rotation_reaches_every_idle_connection() {
    let (mut bench, pool) = Bench::one(PoolSettings { rotation: Rotation::Random(5), ..plain(4) });
    let mut seen = std::collections::BTreeSet::new();
    bench.warm(pool, 4);
    for _ in 0..100 {
        let server = bench.take(pool, 0);
        seen.insert(server);
        bench.free(server);
    }
    assert_eq!(seen.len(), 4);
}

#[test]
fn a_long_idle_connection_is_checked_before_it_is_given_out() {
    let (mut bench, pool) = Bench::one(PoolSettings { check_after_idle: Some(ms(10)), ..plain(1) });
    let server = bench.warm(pool, 1)[0];
    bench.pass(10);
    bench.queue(pool, 1);
    assert_eq!(bench.effects(), [Effect::Check { server }]);
    bench.pools.checked(bench.now, server, true);
    assert_eq!(bench.grants(), [(1, server)]);
}

#[test]
fn every_transaction_looks_past_an_expired_connection() {
    let (mut bench, pool) = Bench::one(PoolSettings {
        rotation: Rotation::EveryTransaction,
        server_lifetime: Some(ms(100)),
        lifetime_jitter_percent: 0,
        ..plain(3)
    });
    let old = bench.warm(pool, 1)[0];
    bench.pass(50);
    bench.take(pool, 0);
    let young = bench.warm(pool, 2);
    bench.take(pool, 1);
    bench.free(old);
    bench.free(young[1]);
    bench.pass(50);
    assert!(matches!(bench.ask_again(pool, 2, Some(young[1])), Checkout::Queued(_)));
    assert_eq!(bench.grants(), [(2, young[0])]);
}

#[test]
fn round_robin_keeps_nobody_waiting_for_a_check_while_a_fresh_connection_idles() {
    let (mut bench, pool) = Bench::one(PoolSettings {
        rotation: Rotation::RoundRobin,
        check_after_idle: Some(ms(10)),
        ..plain(3)
    });
    let servers = bench.warm(pool, 3);
    bench.pass(8);
    assert_eq!(bench.take(pool, 0), servers[0]);
    bench.free(servers[0]);
    bench.pass(4);
    bench.queue(pool, 1);
    assert_eq!(bench.grants(), [(1, servers[0])], "the other two need a check");
}
