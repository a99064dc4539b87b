//! However a signal jumps, people are told a bounded number of times.

use proptest::prelude::*;

use super::*;

/// Messages in one hour, at most. The worst signal is trouble at the very moment of each calm;
/// with the default rules it changes the state some thirty times.
const MESSAGES_AN_HOUR_MAX: usize = 40;

fn hour(trouble: impl Fn(u64) -> bool) -> World {
    let mut world = World::new();
    world.second(10, 0, &[]);
    for second in 0..3_600 {
        world.second(10, u64::from(trouble(second)), &[]);
    }
    world
}

fn check(world: &World) {
    let told = world.told().len();
    assert!(told <= MESSAGES_AN_HOUR_MAX, "{told} messages");
    assert!(world.told().windows(2).all(|pair| pair[0] != pair[1]), "each tells of a change");
}

#[test]
fn regular_flapping_of_any_period_sends_few_messages() {
    for period in (2..60).chain((60..900).step_by(17)) {
        check(&hour(|second| second % period == 0));
    }
}

#[test]
fn trouble_at_the_worst_moments_sends_few_messages() {
    let mut world = World::new();
    world.second(10, 0, &[]);
    for _ in 0..3_600 {
        let state = world.desk.open_incident().map(|incident| incident.state);
        let hurt = !matches!(state, Some(State::Open | State::Mitigating));
        world.second(10, u64::from(hurt), &[]);
    }
    check(&world);
    assert!(world.told().len() > 4, "the state did change");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn chance_flapping_sends_few_messages(
        lengths in proptest::collection::vec(1_u64..120, 1..60),
    ) {
        let total: u64 = lengths.iter().sum();
        let trouble = |second: u64| {
            let mut rest = second % total;
            let turn = lengths.iter().position(|length| {
                let inside = rest < *length;
                rest = rest.saturating_sub(*length);
                inside
            });
            turn.is_some_and(|turn| turn % 2 == 0)
        };
        check(&hour(trouble));
    }
}
