//! Pools that draw on one budget.

use super::bench::{Bench, plain};
use crate::ids::{PoolId, ServerId};
use crate::pool::{CloseReason, Effect, PoolSettings};

fn two(slots: u32, size_min: u32) -> (Bench, PoolId, PoolId) {
    let mut bench = Bench::new(slots);
    let first = bench.add(PoolSettings { size_min, ..plain(10) });
    let second = bench.add(plain(10));
    (bench, first, second)
}

fn dial_for(effects: &[Effect]) -> Vec<PoolId> {
    let pool =
        |effect: &Effect| if let Effect::Dial { pool, .. } = effect { Some(*pool) } else { None };
    effects.iter().filter_map(pool).collect()
}

#[test]
fn an_idle_sibling_gives_its_coldest_connection() {
    let (mut bench, first, second) = two(2, 0);
    let servers = bench.warm(first, 2);
    bench.queue(second, 9);
    assert_eq!(bench.closes(), [(servers[0], CloseReason::Lent)]);
    bench.pools.closed(bench.now, servers[0]);
    assert_eq!(dial_for(&bench.effects()), [second]);
}

#[test]
fn one_waiting_client_takes_one_connection() {
    let (mut bench, first, second) = two(3, 0);
    let servers = bench.warm(first, 3);
    let ticket = bench.queue(second, 9);
    assert_eq!(bench.closes().len(), 1);
    bench.pools.withdraw(bench.now, ticket);
    bench.queue(second, 8);
    assert_eq!(bench.closes(), [], "the one that is closing will do");
    bench.pools.closed(bench.now, servers[0]);
    assert_eq!(bench.dials().len(), 1);
}

#[test]
fn a_minimum_is_never_lent() {
    let (mut bench, first, second) = two(2, 2);
    bench.wait(0);
    for dial in bench.dials() {
        bench.connect(dial);
    }
    bench.queue(second, 9);
    assert_eq!(bench.closes(), []);
    assert_eq!(bench.pools.view(first).idle, 2);
}

#[test]
fn a_free_slot_goes_to_the_pool_whose_client_waits_longest() {
    let mut bench = Bench::new(1);
    let pools = [bench.add(plain(1)), bench.add(plain(1)), bench.add(plain(1))];
    let server = bench.warm(pools[0], 1)[0];
    bench.take(pools[0], 0);
    bench.queue(pools[2], 2);
    bench.pass(1);
    bench.queue(pools[1], 1);
    bench.free(server);
    assert_eq!(bench.closes(), [(server, CloseReason::Lent)]);
    bench.pools.closed(bench.now, server);
    assert_eq!(dial_for(&bench.effects()), [pools[2]]);
}

/// A pool with a queue that never ends, and a sibling with one client.
fn busy() -> (Bench, PoolId, ServerId) {
    let (mut bench, first, second) = two(1, 0);
    let server = bench.warm(first, 1)[0];
    bench.take(first, 0);
    bench.queue(second, 99);
    (bench, first, server)
}

#[test]
fn a_busy_sibling_gives_way_once_its_own_clients_came_much_later() {
    let (mut bench, first, server) = busy();
    for round in 1..=10 {
        bench.pass(10);
        bench.queue(first, round);
        bench.free(server);
        assert_eq!(bench.grants(), [(round, server)], "{} ms later", round * 10);
    }
    bench.pass(10);
    bench.queue(first, 11);
    bench.free(server);
    assert_eq!(bench.closes(), [(server, CloseReason::Lent)]);
}

#[test]
fn a_smaller_budget_closes_idle_connections_and_then_released_ones() {
    let (mut bench, first, _) = two(3, 2);
    bench.warm(first, 3);
    let held = bench.take(first, 0);
    bench.pools.set_budget(bench.now, bench.budget, 0);
    assert_eq!(bench.closes().len(), 2);
    bench.free(held);
    assert_eq!(bench.closes(), [(held, CloseReason::Surplus)]);
}

#[test]
fn a_larger_budget_is_used_at_once() {
    let (mut bench, _, second) = two(0, 0);
    bench.queue(second, 0);
    assert_eq!(bench.dials(), []);
    bench.pools.set_budget(bench.now, bench.budget, 1);
    assert_eq!(bench.dials().len(), 1);
}

#[test]
fn a_sibling_that_needs_nothing_any_more_costs_releases_nothing() {
    let (mut bench, first, second) = two(1, 0);
    let server = bench.warm(first, 1)[0];
    bench.take(first, 0);
    let ticket = bench.queue(second, 9);
    assert_eq!(bench.pools.budgets[0].hungry, 1);
    bench.pools.withdraw(bench.now, ticket);
    bench.free(server);
    assert_eq!((bench.effects(), bench.pools.budgets[0].hungry), (vec![], 0));
}

/// Two pools of one database, which has one slot, and a third beside them on the same server.
fn database_of_one_slot() -> (Bench, [PoolId; 3]) {
    let mut bench = Bench::new(2);
    let database = bench.pools.add_budget(1, super::bench::ms(100));
    let both = [bench.budget, database];
    let first = bench.pools.add_pool(&both, plain(10));
    let second = bench.pools.add_pool(&both, plain(10));
    let third = bench.add(plain(10));
    (bench, [first, second, third])
}

#[test]
fn each_of_several_budgets_holds() {
    let (mut bench, [first, _, third]) = database_of_one_slot();
    bench.queue(first, 0);
    bench.queue(first, 1);
    assert_eq!(dial_for(&bench.effects()), [first], "the database has one slot");
    bench.queue(third, 2);
    bench.queue(third, 3);
    assert_eq!(dial_for(&bench.effects()), [third], "the server has one slot more");
}

#[test]
fn who_waits_for_one_budget_does_not_hold_up_another() {
    let (mut bench, [first, _, third]) = database_of_one_slot();
    bench.warm(first, 1);
    bench.take(first, 0);
    bench.queue(first, 1);
    bench.pass(1);
    bench.queue(third, 2);
    assert_eq!(dial_for(&bench.effects()), [third]);
}

#[test]
fn the_last_slot_is_kept_for_the_pool_that_has_nothing() {
    let (mut bench, [first, second, third]) = database_of_one_slot();
    let server = bench.warm(first, 1)[0];
    bench.take(first, 0);
    bench.queue(second, 1);
    bench.pass(1);
    bench.queue(third, 2);
    assert_eq!(bench.dials(), [], "the server's last slot is claimed");
    bench.free(server);
    assert_eq!(bench.closes(), [(server, CloseReason::Lent)]);
    bench.pools.closed(bench.now, server);
    assert_eq!(dial_for(&bench.effects()), [second, third]);
}

#[test]
fn a_pool_without_budgets_has_its_own_size() {
    let mut bench = Bench::new(0);
    let pool = bench.pools.add_pool(&[], plain(2));
    for client in 0..3 {
        bench.queue(pool, client);
    }
    assert_eq!(dial_for(&bench.effects()), [pool, pool]);
}

#[test]
fn a_pool_that_draws_on_another_budget_takes_its_connections_along() {
    let (mut bench, first, second) = two(3, 0);
    let servers = bench.warm(first, 3);
    let narrow = bench.pools.add_budget(1, super::bench::ms(100));
    bench.pools.draw_on(bench.now, first, &[narrow]);
    let gone = [servers[0], servers[1]].map(|server| (server, CloseReason::Surplus));
    assert_eq!(bench.closes(), gone);
    let used = |bench: &Bench| [bench.budget, narrow].map(|id| bench.pools.budget(id).used);
    assert_eq!(used(&bench), [0, 3]);
    bench.queue(second, 0);
    assert_eq!(dial_for(&bench.effects()), [second], "the first budget is free");
    assert!(!bench.pools.retire_budget(narrow), "it is drawn on");
    bench.pools.draw_on(bench.now, first, &[]);
    assert!(bench.pools.retire_budget(narrow));
    assert_eq!(bench.pools.add_budget(1, super::bench::ms(100)), narrow, "the id is used again");
}
