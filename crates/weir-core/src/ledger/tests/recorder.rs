//! The rings: what each second held, and what is left of it after ten and after a day.

use std::sync::Arc;
use std::time::Duration;

use crate::config::limits::{
    LEDGER_SECOND_CLASSES, LEDGER_SECONDS, LEDGER_TEN_CLASSES, LEDGER_TENS,
};
use crate::ledger::{ClassKind, ClassRow, ClassSums, LedgerSnapshot, Phase, Recorder};
use crate::time::Instant;

const SECOND: u64 = 1_000_000_000;

/// A class that has executed so many nanoseconds since the start.
fn class(serial: u64, label: &str, kind: ClassKind, nanos: u64) -> ClassRow {
    let mut sums = ClassSums { claims: nanos / SECOND, ..ClassSums::default() };
    sums.times.charge(Phase::Executing, nanos);
    ClassRow { key: (0, serial), label: label.into(), kind, sums, holding: 0, waiting: 1 }
}

fn snapshot(classes: Vec<ClassRow>) -> LedgerSnapshot {
    let mut seen = LedgerSnapshot::default();
    classes.iter().for_each(|class| seen.times += &class.sums.times);
    LedgerSnapshot { classes, ..seen }
}

fn at(second: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(second)
}

/// One route that holds a slot all the time, for so many seconds.
fn steady(seconds: u64) -> Recorder {
    let mut recorder = Recorder::default();
    for second in 0..=seconds {
        let seen = snapshot(vec![class(2, "/a", ClassKind::Tag, second * SECOND)]);
        recorder.note(at(second), &seen, 20);
    }
    recorder
}

#[test]
fn a_second_is_the_difference_to_the_one_before() {
    let mut recorder = Recorder::default();
    assert!(recorder.last(Duration::from_secs(9)).is_none());
    let executed = [100, 103, 103, 104];
    for (second, sum) in (0..).zip(executed) {
        let seen = snapshot(vec![class(2, "/a", ClassKind::Tag, sum * SECOND)]);
        recorder.note(at(second), &seen, 20);
    }
    let held: Vec<f64> = recorder.seconds().map(|frame| frame.held()).collect();
    assert_eq!(held, [3.0, 0.0, 1.0], "what was before the first look is nobody's second");
    let frames: Vec<usize> = recorder.seconds().map(|frame| frame.classes.len()).collect();
    assert_eq!(frames, [1, 0, 1], "who did nothing is not listed");
    let last = recorder.last(Duration::from_secs(2)).unwrap();
    assert_eq!((last.span, last.held(), last.waiting), (Duration::from_secs(2), 0.5, 1));
    assert_eq!(last.classes[0].sums.claims, 1);
}

#[test]
fn ten_seconds_are_one_stretch_and_lose_nothing() {
    let recorder = steady(35);
    let tens: Vec<_> = recorder.tens().collect();
    assert_eq!(tens.len(), 3);
    for ten in &tens {
        assert_eq!((ten.span, ten.held(), ten.slots), (Duration::from_secs(10), 1.0, 20));
    }
    assert_eq!(tens[2].at, at(30));
    let whole = recorder.last(Duration::from_secs(900)).unwrap();
    assert_eq!(whole.times[Phase::Executing], u128::from(35 * SECOND));
}

#[test]
fn the_rings_are_bounded_and_keep_the_latest() {
    let seconds = (LEDGER_TENS as u64 + 5) * 10;
    let recorder = steady(seconds);
    assert_eq!(recorder.seconds().count(), LEDGER_SECONDS);
    assert_eq!(recorder.tens().count(), LEDGER_TENS);
    assert_eq!(recorder.seconds().next_back().unwrap().at, at(seconds));
    assert_eq!(recorder.tens().next_back().unwrap().at, at(seconds));
    assert_eq!(recorder.tens().next().unwrap().at, at(60), "the first five are gone");
}

#[test]
fn a_frozen_recorder_stays_as_it_was() {
    let mut recorder = steady(5);
    let frozen = recorder.freeze();
    recorder.note(at(6), &snapshot(vec![class(2, "/a", ClassKind::Tag, 9 * SECOND)]), 20);
    assert_eq!((frozen.len(), recorder.freeze().len()), (5, 6));
    assert_eq!(frozen.last().unwrap().at, at(5));
}

#[test]
fn the_longest_classes_keep_their_names_and_the_rest_is_other() {
    let many = |seconds: u64| {
        let rows =
            (0..100).map(|n| class(n, &format!("/{n}"), ClassKind::Tag, seconds * n * SECOND));
        snapshot(rows.collect())
    };
    let mut recorder = Recorder::default();
    (0..=10).for_each(|second| recorder.note(at(second), &many(second), 200));
    let sum = |classes: &[crate::ledger::FrameClass]| -> u128 {
        classes.iter().map(|class| class.sums.times.total()).sum()
    };
    let second = recorder.seconds().next_back().unwrap();
    assert_eq!(second.classes.len(), LEDGER_SECOND_CLASSES);
    assert_eq!((&*second.classes[0].label, second.classes[0].kind), ("/99", ClassKind::Tag));
    assert_eq!(second.classes.last().unwrap().kind, ClassKind::Other);
    assert_eq!(sum(&second.classes), second.times.total());
    let ten = recorder.tens().next().unwrap();
    assert_eq!(ten.classes.len(), LEDGER_TEN_CLASSES);
    assert_eq!(sum(&ten.classes), ten.times.total());
}

#[test]
fn a_class_that_lost_its_place_does_not_count_twice() {
    let mut recorder = Recorder::default();
    let other = |nanos| class(1, "other", ClassKind::Other, nanos);
    recorder.note(at(0), &snapshot(vec![other(0), class(2, "/a", ClassKind::Tag, 50 * SECOND)]), 9);
    // /a gave its place to /b: what it had done is in other, with two seconds more.
    let next = vec![other(52 * SECOND), class(3, "/b", ClassKind::Tag, SECOND)];
    recorder.note(at(1), &snapshot(next), 9);
    let frame = recorder.seconds().next().map(Arc::clone).unwrap();
    let spent: Vec<(&str, u128)> = frame
        .classes
        .iter()
        .map(|class| (&*class.label, class.sums.times.total() / u128::from(SECOND)))
        .collect();
    assert_eq!(spent, [("/b", 1), ("other", 2)]);
}
