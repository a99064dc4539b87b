//! What ends a count, and whom a count is of: transitions that a single story does not show.

use super::*;

/// Ends the work of a holder of its own route, which a second later is gone or is not.
fn end_one(world: &mut World, second: u64, helps: bool) -> usize {
    let server = u32::try_from(second).expect("small");
    let one = Holder { route: second.to_string().into(), ..idle_since(server, at(second - 60)) };
    let ended = world.ends(at(second), std::slice::from_ref(&one), 5);
    let holders = if helps { Vec::new() } else { vec![one] };
    world.considers(at(second + 1), &holders, 5);
    ended
}

#[test]
fn what_helps_closes_the_count_of_what_did_not() {
    let mut world = World::enforcing();
    let helps = [false, false, true, false, false];
    for (at, helps) in (100..).step_by(2).zip(helps) {
        assert_eq!(end_one(&mut world, at, helps), 1);
    }
    assert!(!world.healer.guard.is_open(), "never three in a row");
    assert_eq!(end_one(&mut world, 120, false), 1);
    assert!(world.healer.guard.is_open());
}

#[test]
fn an_operators_order_is_neither_held_back_nor_counted() {
    let mut world = World::enforcing();
    world.rules.envelope.destructive_per_minute = 1;
    let holders = [idle()];
    for number in 0..5 {
        let proposal = Healer::dry_run(at(100), &holders, &world.rules).remove(0);
        let scene = Scene {
            pool: PoolId(0),
            holders: &holders,
            waiting: 5,
            oldest: world.oldest,
            classes: None,
        };
        world.healer.order(at(100), scene, Order::end(&proposal, (number, Who::default())));
    }
    world.considers(at(102), &[idle()], 5);
    assert_eq!((world.done(), world.healer.guard.is_open()), (5, false), "none of them helped");
    assert_eq!(world.ends(at(103), &[idle_since(2, at(50))], 5), 1, "the budget is untouched");
}

#[test]
fn the_next_transaction_on_the_same_connection_is_another_one() {
    let mut world = World::enforcing();
    assert_eq!(world.ends(at(100), &[idle()], 5), 1);
    assert_eq!(world.ends(at(100), &[idle()], 5), 0, "it is done already");
    assert_eq!(world.ends(at(200), &[idle_since(1, at(150))], 5), 1);
}

/// Whether the third of three such transactions brings a quarantine.
fn is_quarantined(moments: [u64; 3], pools: [u32; 3]) -> bool {
    let mut world = World::enforcing();
    let mut decisions = Vec::new();
    for (server, (second, pool)) in (0..).zip(moments.into_iter().zip(pools)) {
        let holders = [idle_since(server, at(second - 50))];
        let (oldest, pool) = (world.oldest, PoolId(pool));
        let scene = Scene { pool, holders: &holders, waiting: 5, oldest, classes: None };
        let name = |_: Option<&Holder>| (0, Who::default());
        decisions.extend(world.healer.consider(at(second), scene, &world.rules, name));
    }
    decisions.iter().any(|one| matches!(one, Decision::Quarantine(..)))
}

#[test]
fn offences_are_counted_for_a_minute_and_pool_by_pool() {
    assert!(is_quarantined([100, 130, 159], [0; 3]));
    assert!(!is_quarantined([100, 130, 160], [0; 3]), "the first was a minute ago");
    assert!(!is_quarantined([100, 110, 120], [0, 1, 0]), "another pool's are not this one's");
}

#[test]
fn a_quarantine_grows_to_a_minute_and_no_further() {
    let mut one = Quarantine::new(at(0));
    for _ in 0..10 {
        let now = one.until();
        assert_eq!(one.admit(now), Admission::Probe);
        one.probed(now, false);
    }
    assert_eq!(one.until().since(at(0)), Duration::from_secs(1 + 2 + 4 + 8 + 16 + 32 + 5 * 60));
}

#[test]
fn a_pool_that_is_no_more_leaves_nothing_to_measure() {
    let mut world = World::enforcing();
    world.considers(at(100), &[idle()], 5);
    assert!(world.healer.is_curious());
    world.healer.forget(PoolId(0));
    assert!(!world.healer.is_curious());
    assert_eq!(world.verdicts(), []);
}
