//! How often a receiver is told something, whatever happens.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn failed() -> Verdict {
    Verdict::Failed { why: "x".into(), retry_after: None }
}

fn at(second: u64) -> Instant {
    Instant::from_millis(second * 1000)
}

#[test]
fn changes_that_come_faster_than_they_are_sent_become_one_message() {
    let mut outbox = Outbox::new(1);
    let all = messages();
    let states: Vec<State> = all.iter().map(Message::state).collect();
    assert_eq!(states, [State::Open, State::Watching, State::Closed]);
    outbox.push(at(0), all[0].clone());
    assert!(outbox.next(at(0)).is_some());
    assert_eq!(outbox.settle(at(0), &Verdict::Delivered), Settled::Delivered);
    outbox.push(at(1), all[1].clone());
    outbox.push(at(2), all[2].clone());
    assert_eq!(outbox.next(at(59)), None, "one a minute");
    assert_eq!(outbox.due_at(), Some(at(60)));
    let last = outbox.next(at(60)).unwrap();
    assert_eq!((last.state(), last.merged), (State::Closed, 1));
    assert!(last.text(Default::default()).contains("1 earlier change"));
}

#[test]
fn a_dead_receiver_is_tried_ever_more_rarely_and_then_given_up() {
    let mut outbox = Outbox::new(600);
    outbox.push(at(0), message(State::Open));
    let mut now = at(0);
    let mut waits = Vec::new();
    loop {
        assert!(outbox.next(now).is_some());
        match outbox.settle(now, &failed()) {
            Settled::Again(wait) => {
                waits.push(wait.as_secs());
                now = outbox.due_at().unwrap();
            }
            Settled::GivenUp => break,
            Settled::Delivered => panic!("nobody took it"),
        }
    }
    assert_eq!(waits[..4], [1, 2, 4, 8]);
    assert_eq!((waits.len(), *waits.last().unwrap()), (19, 300));
    assert_eq!((outbox.unsent(), outbox.due_at()), (0, None));
}

#[test]
fn a_newer_change_takes_the_place_of_one_that_failed() {
    let mut outbox = Outbox::new(600);
    outbox.push(at(0), message(State::Open));
    outbox.next(at(0)).unwrap();
    outbox.push(at(1), message(State::Closed));
    let after = Verdict::Failed { why: "x".into(), retry_after: Some(Duration::from_secs(30)) };
    assert_eq!(outbox.settle(at(2), &after), Settled::Again(Duration::from_secs(30)));
    assert_eq!(outbox.next(at(31)), None);
    let next = outbox.next(at(32)).unwrap();
    assert_eq!((next.state(), next.merged, outbox.unsent()), (State::Closed, 1, 1));
}

#[test]
fn the_queue_has_a_bound_and_the_oldest_goes() {
    let mut outbox = Outbox::new(1);
    for number in 0..1_000 {
        let mut message = message_of(number);
        message.merged = number;
        outbox.push(at(0), message);
    }
    assert_eq!(outbox.unsent() as u64 + outbox.dropped(), 1_000);
    let first = outbox.next(at(0)).unwrap();
    assert_eq!(u64::from(first.merged), outbox.dropped());
}

#[test]
fn at_the_end_each_is_tried_once_more_and_none_again() {
    let mut outbox = Outbox::new(600);
    outbox.push(at(0), message_of(1));
    outbox.next(at(0)).unwrap();
    outbox.settle(at(0), &failed());
    outbox.push(at(0), message_of(2));
    outbox.hurry(at(0));
    for left in [1, 0] {
        assert!(outbox.next(at(0)).is_some(), "its pause is over");
        assert!(!outbox.is_finished(), "one is on its way");
        assert_eq!(outbox.settle(at(0), &failed()), Settled::GivenUp);
        assert_eq!((outbox.unsent(), outbox.is_finished()), (left, left == 0));
    }
}

#[test]
fn what_is_under_way_when_all_are_hurried_is_tried_once_more() {
    let mut outbox = Outbox::new(5);
    outbox.push(at(0), message_of(1));
    outbox.next(at(0)).unwrap();
    outbox.hurry(at(0));
    assert_eq!(outbox.settle(at(0), &failed()), Settled::Again(Duration::ZERO));
    assert!(outbox.next(at(0)).is_some(), "at once");
    assert_eq!(outbox.settle(at(0), &failed()), Settled::GivenUp);
    assert!(outbox.is_finished());
}

#[test]
fn a_successor_sends_what_was_left_and_keeps_the_pace() {
    let mut outbox = Outbox::new(5);
    for number in 0..4 {
        outbox.push(at(number), message_of(number.try_into().unwrap()));
    }
    outbox.next(at(4)).unwrap();
    outbox.settle(at(4), &Verdict::Delivered);
    outbox.next(at(5)).unwrap();
    let mut next = outbox.handed_over(at(6), 2);
    assert_eq!(next.unsent(), 3, "one was on its way");
    assert_eq!(next.next(at(6)), None, "two were tried within the minute");
    assert_eq!(next.next(at(64)).unwrap().id(), message_of(1).id());
}

/// A message about an incident of its own.
fn message_of(number: u32) -> Message {
    use crate::incident::IncidentId;
    thread_local! {
        static MODEL: Message = message(State::Open);
    }
    let mut message = MODEL.with(Clone::clone);
    if let Occasion::Change(incident) = &mut message.occasion {
        incident.id = IncidentId(number.to_string());
    }
    message
}

proptest! {
    #[test]
    fn never_more_in_any_minute_than_the_service_takes(
        per_minute in 1_u32..30,
        steps in proptest::collection::vec((0_u64..5_000, 0_u32..4, any::<bool>()), 1..400),
    ) {
        let mut outbox = Outbox::new(per_minute);
        let mut sent: Vec<u64> = Vec::new();
        let mut millis = 0;
        for (pause, incident, fails) in steps {
            millis += pause;
            let now = Instant::from_millis(millis);
            outbox.push(now, message_of(incident));
            if outbox.next(now).is_some() {
                sent.push(millis);
                outbox.settle(now, &if fails { failed() } else { Verdict::Delivered });
            }
        }
        for window in sent.windows(per_minute as usize + 1) {
            prop_assert!(window[window.len() - 1] - window[0] >= 60_000, "{window:?}");
        }
    }
}
