//! Somebody sets the calendar while an incident is open.

use super::*;

const DAY_MS: i64 = 86_400_000;

/// Three seconds of trouble, the jump, three more, and then quiet.
fn incident_over(jump_ms: i64) -> World {
    let mut world = World::new();
    world.second(10, 0, &[]);
    for _ in 0..3 {
        world.second(10, 5, &[]);
    }
    world.set_ms = jump_ms;
    for _ in 0..3 {
        world.second(10, 5, &[]);
    }
    for _ in 0..120 {
        world.second(10, 0, &[]);
    }
    world
}

fn last(world: &World) -> Incident {
    let incident = world.records.iter().rev().find_map(|record| match record {
        Record::Incident(incident) => Some(incident.as_ref().clone()),
        Record::Event(..) | Record::Flight(..) | Record::Tell(_) => None,
    });
    incident.expect("it is written down")
}

#[test]
fn an_open_incident_keeps_its_time() {
    let undisturbed = incident_over(0);
    for jump_ms in [-400 * DAY_MS, -1_000, 1_000, 400 * DAY_MS] {
        let world = incident_over(jump_ms);
        assert_eq!(last(&world), last(&undisturbed), "set by {jump_ms} ms");
        assert_eq!(world.events(), undisturbed.events(), "set by {jump_ms} ms");
        assert_eq!(world.told(), [State::Open, State::Watching, State::Closed]);
        let times: Vec<Wall> = world.events().iter().map(|event| event.at).collect();
        assert!(times.is_sorted(), "{times:?}");
    }
}

#[test]
fn the_next_incident_has_the_time_that_was_set() {
    let mut world = incident_over(-DAY_MS);
    for _ in 0..700 {
        world.second(10, 0, &[]);
    }
    world.second(10, 5, &[]);
    let open = world.desk.open_incident().expect("it is another one");
    assert!(open.opened < Wall(START), "{:?}", open.opened);
    assert_eq!(open.reopened, 0);
}
