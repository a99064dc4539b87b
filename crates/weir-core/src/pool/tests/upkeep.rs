//! What time brings.

use super::bench::{Bench, ms, plain};
use crate::ids::ServerId;
use crate::pool::{CloseReason, Effect, PoolSettings, Release};

#[test]
fn unused_connections_above_the_minimum_are_closed() {
    let timeout = Some(ms(100));
    let (mut bench, pool) =
        Bench::one(PoolSettings { size_min: 1, server_idle_timeout: timeout, ..plain(3) });
    let servers = bench.warm(pool, 3);
    bench.wait(99);
    assert_eq!(bench.effects(), []);
    bench.wait(1);
    let why = CloseReason::IdleTimeout;
    assert_eq!(bench.closes(), [(servers[0], why), (servers[1], why)]);
}

#[test]
fn connections_opened_together_expire_apart() {
    let (mut bench, pool) = Bench::one(PoolSettings {
        server_lifetime: Some(ms(1000)),
        lifetime_jitter_percent: 50,
        ..plain(20)
    });
    bench.warm(pool, 20);
    bench.wait(499);
    assert_eq!(bench.effects(), []);
    let mut most = 0;
    let mut all = 0;
    for _ in 0..51 {
        bench.wait(10);
        let closed = bench.closes().len();
        most = closed.max(most);
        all += closed;
    }
    assert_eq!(all, 20);
    assert!(most <= 5, "{most} of 20 expire within a fiftieth of the jitter");
}

#[test]
fn a_held_connection_expires_when_it_is_released() {
    let settings =
        PoolSettings { server_lifetime: Some(ms(100)), lifetime_jitter_percent: 0, ..plain(1) };
    let (mut bench, pool) = Bench::one(settings);
    bench.warm(pool, 1);
    let server = bench.take(pool, 0);
    bench.wait(200);
    assert_eq!(bench.effects(), []);
    bench.free(server);
    assert_eq!(bench.closes(), [(server, CloseReason::Lifetime)]);
}

/// A pool of one connection that is being checked, for a client that waits.
fn checking() -> (Bench, ServerId) {
    let settings =
        PoolSettings { check_after_idle: Some(ms(1)), check_timeout: ms(50), ..plain(1) };
    let (mut bench, pool) = Bench::one(settings);
    let server = bench.warm(pool, 1)[0];
    bench.pass(1);
    bench.queue(pool, 0);
    assert_eq!(bench.effects(), [Effect::Check { server }]);
    (bench, server)
}

#[test]
fn a_failed_check_closes_the_connection_and_opens_another() {
    let (mut bench, server) = checking();
    bench.pools.checked(bench.now, server, false);
    assert_eq!(bench.closes(), [(server, CloseReason::CheckFailed)]);
    bench.pools.closed(bench.now, server);
    bench.wait(50);
    assert_eq!(bench.dials().len(), 1);
}

#[test]
fn a_check_that_takes_too_long_has_failed() {
    let (mut bench, server) = checking();
    bench.wait(50);
    assert_eq!(bench.closes(), [(server, CloseReason::CheckTimeout)]);
}

#[test]
fn a_connection_that_does_not_settle_is_closed() {
    let (mut bench, pool) = Bench::one(PoolSettings { settle_timeout: ms(50), ..plain(1) });
    let server = bench.warm(pool, 1)[0];
    bench.take(pool, 0);
    bench.pools.release(bench.now, server, Release::Settling);
    bench.wait(50);
    assert_eq!(bench.closes(), [(server, CloseReason::SettleTimeout)]);
}

#[test]
fn the_reserve_opens_for_clients_that_waited_long_enough() {
    let (mut bench, pool) =
        Bench::one(PoolSettings { reserve: 1, reserve_after: ms(50), ..plain(1) });
    bench.warm(pool, 1);
    bench.take(pool, 0);
    bench.queue(pool, 1);
    bench.wait(49);
    assert_eq!(bench.dials(), []);
    bench.wait(1);
    assert_eq!(bench.dials().len(), 1);
}

#[test]
fn inputs_that_do_not_fit_are_ignored() {
    let (mut bench, pool) = Bench::one(plain(2));
    let server = bench.warm(pool, 1)[0];
    let before = bench.pools.view(pool);
    for stranger in [server, ServerId(77)] {
        bench.free(stranger);
        bench.pools.closed(bench.now, stranger);
        bench.pools.settled(bench.now, stranger);
        bench.pools.checked(bench.now, stranger, false);
        bench.fail(crate::ids::DialId(stranger.0));
        assert_eq!(bench.pools.connected(bench.now, crate::ids::DialId(stranger.0)), None);
    }
    assert_eq!((bench.effects(), bench.pools.view(pool)), (vec![], before));
}
