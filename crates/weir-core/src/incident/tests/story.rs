//! An incident from the first sign to the end.

use super::*;
use crate::incident::EventKind as Kind;

fn names(world: &World) -> Vec<&'static str> {
    let name = |event: &&Event| match &event.kind {
        Kind::FirstDeviation { .. } => "deviation",
        Kind::FirstWait { .. } => "wait",
        Kind::FirstRefusal { .. } => "refusal",
        Kind::FirstFailure { .. } => "failure",
        Kind::LimitReached { .. } => "limit",
        Kind::FailureRate { .. } => "rate",
        Kind::Offender { .. } => "offender",
        Kind::Action(_) => "action",
        Kind::Effect(_) => "effect",
        Kind::Lifted(_) => "lifted",
        Kind::ServerLost => "lost",
        Kind::ServerBack { .. } => "back",
        Kind::ConfigChanged { .. } => "config",
        Kind::State { to, .. } => to.as_str(),
        Kind::Recovered { .. } => "recovered",
        Kind::Interrupted => "interrupted",
        Kind::LeftOut { .. } => "left out",
    };
    world.events().iter().map(name).collect()
}

#[test]
fn the_whole_course_is_written_down_by_itself() {
    let mut world = World::new();
    for _ in 0..60 {
        world.second(100, 0, &[]);
    }
    assert!(world.records.is_empty(), "calm traffic leaves no record");
    world.signals.slots.waiting = 12.0;
    world.signals.connections = Some((100, 100));
    world.second(100, 60, &[finding(Cause::LimitNear, Severity::Critical, "", 0.0)]);
    assert_eq!(world.desk.open_incident().unwrap().state, State::Open);
    assert!(world.told().is_empty(), "the cause is waited for");
    let causes = [
        finding(Cause::LongStatement, Severity::Critical, "report", 30.0),
        finding(Cause::WaitsOnApplication, Severity::Critical, "bulk", 60.0),
    ];
    world.second(100, 80, &causes);
    assert_eq!(world.told(), [State::Open]);
    let action = Action {
        number: 41,
        step: Step::Cap,
        verdict: Verdict::Done,
        target: Culprit { route: Some("bulk".into()), ..Culprit::default() },
        reason: Reason::HoldsMost,
        evidence: Vec::new(),
        prediction: Prediction { slots: 58, waiting: 12, waiting_after: 0 },
    };
    world.note(Note::Action(Box::new(action)));
    let effect = Effect { number: 41, slots_freed: 55, waiting_before: 12, waiting_after: 0 };
    world.note(Note::Effect(effect));
    world.signals.slots.waiting = 0.0;
    for _ in 0..80 {
        world.second(100, 0, &[]);
    }
    assert_eq!(world.told(), [State::Open, State::Mitigating, State::Watching, State::Closed]);
    let expected = "deviation wait open limit refusal rate offender offender action \
                    mitigating effect recovered watching closed";
    assert_eq!(names(&world).join(" "), expected);
    let incident = world.last();
    assert_eq!(incident.impact.lost(), 140);
    assert_eq!(incident.impact.lasted_ms, 2_000);
    assert_eq!((incident.actions, incident.slots_freed), (1, 55));
    assert_eq!(incident.lead().unwrap().finding.cause, Cause::WaitsOnApplication);
    assert_eq!(incident.impact.connections_max, Some((100, 100)));
    let seqs: Vec<u32> = world.events().iter().map(|event| event.seq).collect();
    assert!(seqs.iter().copied().zip(1..).all(|(seq, place)| seq == place), "{seqs:?}");
    let ends = world.records.iter().rev().find_map(|record| match record {
        Record::Flight(_, flight) => Some(flight),
        Record::Event(..) | Record::Incident(_) | Record::Tell(_) => None,
    });
    let flight = ends.unwrap();
    assert_eq!(flight.calm_ms, Some(2_000));
    assert!(flight.points[0].at_ms <= -59_000, "the minute before is kept");
}

#[test]
fn the_first_signs_stand_before_the_opening_with_their_own_times() {
    let mut world = World::new();
    world.second(10, 0, &[]);
    world.second(10, 0, &[finding(Cause::LongStatement, Severity::Warning, "report", 6.0)]);
    world.second(10, 0, &[]);
    world.signals.slots.waiting = 3.0;
    world.second(10, 0, &[]);
    world.second(10, 4, &[]);
    assert_eq!(names(&world).join(" "), "deviation wait open refusal");
    let opened = world.desk.open_incident().unwrap().opened;
    let before: Vec<i64> =
        world.events().iter().map(|event| event.at.0 as i64 - opened.0 as i64).collect();
    assert_eq!(before, [-3_000, -1_000, 0, 0]);
}

#[test]
fn signs_that_nothing_followed_are_forgotten() {
    let mut world = World::new();
    world.second(10, 0, &[finding(Cause::LongStatement, Severity::Warning, "report", 6.0)]);
    for _ in 0..400 {
        world.second(10, 0, &[]);
    }
    world.second(10, 4, &[]);
    assert_eq!(names(&world).join(" "), "open refusal");
}

#[test]
fn without_a_cause_people_are_told_after_a_short_wait() {
    let mut world = World::new();
    world.second(10, 0, &[]);
    for _ in 0..10 {
        world.second(10, 1, &[]);
    }
    assert_eq!(world.told(), [State::Open]);
}

#[test]
fn a_server_that_goes_and_comes_back_is_in_the_record() {
    let mut world = World::new();
    world.signals.server = Server::Down;
    world.second(10, 0, &[]);
    world.second(10, 0, &[]);
    world.signals.server = Server::Up;
    for _ in 0..70 {
        world.second(10, 0, &[]);
    }
    assert_eq!(names(&world).join(" "), "open lost back recovered watching closed");
    assert!(world.events().iter().any(|event| event.kind == Kind::ServerBack { seconds: 2 }));
}

#[test]
fn the_same_trouble_soon_after_closing_is_the_same_incident() {
    let mut world = World::new();
    world.second(10, 0, &[]);
    world.second(10, 5, &[]);
    for _ in 0..100 {
        world.second(10, 0, &[]);
    }
    let first = world.last().clone();
    assert_eq!(first.state, State::Closed);
    world.second(10, 5, &[]);
    let again = world.desk.open_incident().unwrap();
    assert_eq!((&again.id, again.reopened), (&first.id, 1));
    for _ in 0..3_000 {
        world.second(10, 0, &[]);
    }
    world.second(10, 5, &[]);
    assert_ne!(world.desk.open_incident().unwrap().id, first.id);
}

#[test]
fn trouble_that_comes_back_is_told_with_its_own_cause() {
    let critical = |cause, route, explained| [finding(cause, Severity::Critical, route, explained)];
    let first = critical(Cause::WaitsOnApplication, "bulk", 9.0);
    let other = critical(Cause::LockChain, "import", 4.0);
    let leads = |world: &World| -> Vec<(State, Option<Cause>)> {
        let tell = |record: &Record| match record {
            Record::Tell(incident) => {
                Some((incident.state, incident.lead().map(|lead| lead.finding.cause)))
            }
            Record::Event(..) | Record::Incident(_) | Record::Flight(..) => None,
        };
        world.records.iter().filter_map(tell).collect()
    };
    // After it closed, and while it is still watched.
    for calm in [100, 15] {
        let mut world = World::new();
        world.second(10, 5, &first);
        for _ in 0..calm {
            world.second(10, 0, &[]);
        }
        world.records.clear();
        // Refused before anybody knows why.
        world.second(10, 5, &[]);
        assert_eq!(leads(&world), [], "{calm}: the cause of before may be another one");
        world.second(10, 5, &other);
        assert_eq!(leads(&world), [(State::Open, Some(Cause::LockChain))], "{calm}");
        assert_eq!(world.desk.open_incident().unwrap().suspects.len(), 2);
        world.records.clear();
        for _ in 0..500 {
            world.second(10, 0, &[]);
        }
        let told = leads(&world);
        assert_eq!(told.last(), Some(&(State::Closed, Some(Cause::LockChain))), "{told:?}");
        let worst = world.last().lead().map(|lead| lead.finding.cause);
        assert_eq!(worst, Some(Cause::WaitsOnApplication), "the record is of the whole time");
    }
}

#[test]
fn the_summary_never_lags_behind_the_events() {
    let mut world = World::new();
    world.second(100, 0, &[]);
    let check = |world: &mut World| {
        let event = world.records.iter().rposition(|record| matches!(record, Record::Event(..)));
        let whole = world.records.iter().rposition(|record| matches!(record, Record::Incident(_)));
        assert!(event.is_some() && whole > event, "{:?}", world.records);
        world.records.clear();
    };
    world.second(100, 5, &[]);
    check(&mut world);
    world.second(100, 95, &[finding(Cause::LockChain, Severity::Critical, "import", 4.0)]);
    let known = world.last();
    assert_eq!((known.impact.refused, known.suspects.len()), (100, 1));
    check(&mut world);
    world.note(action(9, Verdict::Done));
    assert_eq!(world.last().actions, 1);
    check(&mut world);
    world.note(effect(9));
    check(&mut world);
    world.note(effect(10));
    assert_eq!(world.records, [], "what is of no action of this incident is no event of it");
}

#[test]
fn warnings_open_nothing_unless_they_are_asked_to() {
    let warning = [finding(Cause::LongStatement, Severity::Warning, "report", 3.0)];
    let mut world = World::new();
    world.second(10, 0, &warning);
    assert!(world.desk.open_incident().is_none());
    world.desk.set_rules(Rules { open_at: Severity::Warning, ..Rules::default() });
    world.second(10, 0, &warning);
    assert!(world.desk.open_incident().is_some());
}

fn action(number: u64, verdict: Verdict) -> Note {
    Note::Action(Box::new(Action {
        number,
        step: Step::Cap,
        verdict,
        target: Culprit { route: Some("bulk".into()), ..Culprit::default() },
        reason: Reason::HoldsLong,
        evidence: Vec::new(),
        prediction: Prediction { slots: 5, waiting: 9, waiting_after: 4 },
    }))
}

fn effect(number: u64) -> Note {
    Note::Effect(Effect { number, slots_freed: 5, waiting_before: 9, waiting_after: 3 })
}

#[test]
fn what_was_done_before_the_opening_stands_before_it_and_goes_on() {
    let mut world = World::new();
    world.second(10, 0, &[]);
    world.note(action(6, Verdict::Done));
    world.note(Note::Lifted(Lifted { number: 6, lasted_ms: 400, refused: 0 }));
    world.second(10, 0, &[]);
    world.note(action(7, Verdict::Done));
    world.signals.slots.waiting = 3.0;
    world.second(10, 0, &[]);
    assert!(world.records.is_empty(), "it is nobody's event yet");
    world.second(10, 4, &[]);
    assert_eq!(names(&world).join(" "), "action lifted action wait open mitigating refusal");
    let opened = world.desk.open_incident().unwrap().opened;
    let before = |event: &&Event| opened.0 as i64 - event.at.0 as i64;
    assert_eq!(
        world.events().iter().map(before).collect::<Vec<_>>(),
        [2000, 2000, 1000, 1000, 0, 0, 0]
    );
    assert!(world.told().is_empty(), "the cause is waited for, although somebody acts");
    world.note(effect(7));
    world.note(effect(5));
    let last = world.events().last().unwrap().kind.clone();
    let mine = Effect { number: 2, slots_freed: 5, waiting_before: 9, waiting_after: 3 };
    assert_eq!(last, Kind::Effect(mine), "its own second action; another's effect is not told");
    let incident = world.desk.open_incident().unwrap();
    assert_eq!((incident.actions, incident.slots_freed), (2, 5));
}

#[test]
fn what_was_only_foretold_or_is_over_mitigates_nothing() {
    let mut world = World::new();
    world.second(10, 0, &[]);
    world.note(action(1, Verdict::Done));
    world.note(Note::Lifted(Lifted { number: 1, lasted_ms: 400, refused: 0 }));
    world.note(action(2, Verdict::Only(Mode::Warn)));
    world.second(10, 4, &[]);
    world.note(action(3, Verdict::Withheld(Withheld::Budget)));
    assert_eq!(world.desk.open_incident().unwrap().state, State::Open);
    world.note(action(4, Verdict::Done));
    assert_eq!(world.desk.open_incident().unwrap().state, State::Mitigating);
}
