//! What is kept comes back as it was, also around a full disk and an end in the middle.

use weir_core::incident::{EventKind, State};
use weir_testkit::{Account, Scratch};

use super::*;
use crate::incident::Keeper;
use crate::store::IncidentStore;

#[test]
fn an_incident_comes_back_as_it_was() {
    let home = Scratch::new(Account::own()).unwrap();
    let mut store = IncidentStore::open(home.path()).unwrap();
    let records = Script::new(1).play("..xxx......");
    store.store(&records).unwrap();
    let reader = IncidentStore::open_to_read(home.path()).unwrap();
    let [incident] = &reader.list(10).unwrap()[..] else { panic!("one incident") };
    assert_eq!((incident.state, incident.impact.refused), (State::Closed, 120));
    let events: Vec<_> = records
        .iter()
        .filter_map(|record| match record {
            Record::Event(_, event) => Some(event.clone()),
            Record::Incident(_) | Record::Flight(..) | Record::Tell(_) => None,
        })
        .collect();
    assert_eq!(reader.events(&incident.id).unwrap(), events);
    assert_eq!(reader.flight(&incident.id).unwrap().points.len(), 9);
    assert_eq!(reader.find("2024").unwrap().unwrap().id, incident.id);
    assert_eq!(reader.find("").unwrap().unwrap().id, incident.id);
    assert_eq!(reader.find("%").unwrap(), None);
}

#[test]
fn what_a_process_left_open_is_closed_by_the_next() {
    let home = Scratch::new(Account::own()).unwrap();
    let mut store = IncidentStore::open(home.path()).unwrap();
    store.store(&Script::new(1).play("..xxx")).unwrap();
    drop(store);
    let keeper = Keeper::open(Some(home.path()), Wall(1_718_965_000_000), Wall(0));
    let store = keeper.store();
    let incident = store.find("").unwrap().unwrap();
    assert_eq!(incident.state, State::Closed);
    let events = store.events(&incident.id).unwrap();
    let last: Vec<&EventKind> = events.iter().rev().take(2).map(|event| &event.kind).collect();
    let closed = EventKind::State { from: Some(State::Open), to: State::Closed };
    assert_eq!(last, [&closed, &EventKind::Interrupted]);
    assert!(events.iter().map(|event| event.seq).eq(1..=events.len() as u32));
    drop(keeper);
    let again = Keeper::open(Some(home.path()), Wall(1_718_965_000_000), Wall(0));
    assert_eq!(again.store().events(&incident.id).unwrap(), events, "only once");
}

#[test]
fn old_incidents_are_forgotten_whole() {
    let home = Scratch::new(Account::own()).unwrap();
    let mut store = IncidentStore::open(home.path()).unwrap();
    store.store(&Script::new(1).play("..xxx......")).unwrap();
    let incident = store.find("").unwrap().unwrap();
    store.forget(incident.opened).unwrap();
    assert_eq!(store.list(10).unwrap().len(), 1, "not before it is old");
    store.forget(Wall(incident.opened.0 + 1)).unwrap();
    assert!(store.list(10).unwrap().is_empty());
    assert!(store.events(&incident.id).unwrap().is_empty());
    assert!(store.flight(&incident.id).unwrap().points.is_empty());
}

#[test]
fn a_full_disk_takes_nothing_and_later_everything() {
    let home = Scratch::new(Account::own()).unwrap();
    let mut keeper = Keeper::new(Some(IncidentStore::open(home.path()).unwrap()));
    let mut script = Script::new(1);
    keeper.keep(&script.play("..x"));
    let before = keeper.store().find("").unwrap().unwrap();
    keeper.store().fill(true);
    for _ in 0..200 {
        keeper.keep(&script.play("x"));
    }
    assert!(keeper.unstored() > 0, "the disk is full");
    assert_eq!(script.desk.open_incident().unwrap().id, before.id, "the desk goes on");
    keeper.store().fill(false);
    keeper.keep(&script.play("x......"));
    assert_eq!(keeper.unstored(), 0);
    let incident = keeper.store().find("").unwrap().unwrap();
    assert_eq!((incident.state, incident.impact.refused), (State::Closed, 202 * 40));
}

#[test]
fn without_a_directory_nothing_is_kept_and_nothing_piles_up() {
    let mut keeper = Keeper::open(None, Wall(0), Wall(0));
    keeper.keep(&Script::new(1).play("..xxx......"));
    assert_eq!(keeper.unstored(), 0);
}
