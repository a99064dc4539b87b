//! What operators do.

use super::bench::{Bench, plain};
use crate::ids::ClientId;
use crate::pool::{Checkout, CloseReason, Effect, Mode, PoolSettings, Refusal};

#[test]
fn a_paused_pool_grants_nothing_and_says_when_it_is_empty() {
    let (mut bench, pool) = Bench::one(plain(2));
    let servers = bench.warm(pool, 2);
    let held = bench.take(pool, 0);
    bench.pools.pause(bench.now, pool);
    assert_eq!(bench.closes(), [(servers[0], CloseReason::Pause)]);
    bench.queue(pool, 1);
    bench.free(held);
    assert_eq!(bench.closes(), [(held, CloseReason::Pause)]);
    bench.pools.closed(bench.now, held);
    assert_eq!(bench.effects(), []);
    bench.pools.closed(bench.now, servers[0]);
    assert_eq!(bench.effects(), [Effect::Paused { pool }]);
    bench.pools.resume(bench.now, pool);
    assert_eq!(bench.dials().len(), 1, "for the client that waits");
}

#[test]
fn a_pause_gives_dials_up() {
    let (mut bench, pool) = Bench::one(plain(1));
    bench.queue(pool, 0);
    let dial = bench.dials()[0];
    bench.pools.pause(bench.now, pool);
    assert_eq!(bench.effects(), [Effect::AbandonDial { dial }]);
    bench.fail(dial);
    assert_eq!(bench.effects(), [Effect::Paused { pool }]);
    assert_eq!(bench.pools.view(pool).failures, 0, "nobody failed");
}

#[test]
fn reconnect_closes_what_was_opened_before() {
    let (mut bench, pool) = Bench::one(plain(3));
    let servers = bench.warm(pool, 2);
    let held = bench.take(pool, 0);
    bench.take(pool, 1);
    bench.queue(pool, 2);
    let dial = bench.dials()[0];
    bench.free(servers[0]);
    bench.effects();
    bench.pools.reconnect(bench.now, pool);
    bench.effects();
    let late = bench.connect(dial);
    assert_eq!(bench.closes(), [(late, CloseReason::Reconnect)]);
    bench.free(held);
    assert_eq!(bench.closes(), [(held, CloseReason::Reconnect)]);
}

#[test]
fn connections_let_go_come_back_only_on_demand() {
    let (mut bench, pool) = Bench::one(PoolSettings { size_min: 1, ..plain(1) });
    let server = bench.warm(pool, 1)[0];
    bench.pools.let_go_idle(bench.now, pool);
    assert_eq!(bench.closes(), [(server, CloseReason::LetGo)]);
    bench.pools.closed(bench.now, server);
    bench.wait(10_000);
    assert_eq!(bench.effects(), []);
    bench.queue(pool, 0);
    assert_eq!(bench.dials().len(), 1);
}

#[test]
fn a_removed_pool_refuses_and_its_id_is_used_again() {
    let (mut bench, pool) = Bench::one(plain(1));
    let server = bench.warm(pool, 1)[0];
    bench.take(pool, 0);
    let ticket = bench.queue(pool, 1);
    bench.pools.remove_pool(bench.now, pool);
    let (client, refusal) = (ClientId(1), Refusal::Removed);
    assert_eq!(bench.effects(), [Effect::Refuse { ticket, client, refusal }]);
    assert_eq!(bench.ask(pool, 2), Checkout::Refused(Refusal::Removed));
    bench.free(server);
    assert_eq!(bench.closes(), [(server, CloseReason::Removed)]);
    bench.pools.closed(bench.now, server);
    assert_eq!(bench.effects(), [Effect::Forgotten { pool }]);
    assert_eq!(bench.add(plain(1)), pool);
    assert_eq!(bench.pools.view(pool).mode, Mode::Running);
    bench.queue(pool, 3);
}

#[test]
fn a_smaller_pool_closes_what_is_too_much() {
    let (mut bench, pool) = Bench::one(plain(3));
    let servers = bench.warm(pool, 3);
    bench.take(pool, 0);
    bench.take(pool, 1);
    bench.pools.reconfigure(bench.now, pool, plain(1));
    assert_eq!(bench.closes(), [(servers[0], CloseReason::Surplus)]);
    bench.free(servers[1]);
    assert_eq!(bench.closes(), [(servers[1], CloseReason::Surplus)]);
    bench.free(servers[2]);
    assert_eq!(bench.closes(), []);
}

#[test]
fn a_stop_lets_transactions_finish_and_tells_when_they_have() {
    let (mut bench, pool) = Bench::one(plain(1));
    let server = bench.warm(pool, 1)[0];
    bench.take(pool, 0);
    let ticket = bench.queue(pool, 1);
    bench.pools.stop(bench.now);
    let (client, refusal) = (ClientId(1), Refusal::Stopping);
    assert_eq!(bench.effects(), [Effect::Refuse { ticket, client, refusal }]);
    bench.free(server);
    assert_eq!(bench.closes(), [(server, CloseReason::Stopping)]);
    bench.pools.closed(bench.now, server);
    assert_eq!(bench.effects(), [Effect::Drained]);
}

#[test]
fn a_stop_with_nothing_open_is_over_at_once() {
    let (mut bench, _) = Bench::one(plain(1));
    bench.pools.stop(bench.now);
    assert_eq!(bench.effects(), [Effect::Drained]);
}

#[test]
fn an_expelled_connection_goes_when_it_is_free() {
    let (mut bench, pool) = Bench::one(plain(2));
    let servers = bench.warm(pool, 2);
    let held = bench.take(pool, 0);
    for &server in &servers {
        bench.pools.expel(bench.now, server);
    }
    let idle = servers.into_iter().find(|&server| server != held).unwrap();
    assert_eq!(bench.closes(), [(idle, CloseReason::Reconnect)]);
    assert!(bench.pools.is_stale(held));
    bench.free(held);
    assert_eq!(bench.closes(), [(held, CloseReason::Reconnect)]);
}
