//! What the healer does, and above all what it does not.

use std::time::Duration;

use super::*;
use crate::ids::{ClassId, ServerId};
use crate::time::Instant;

const fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1_000)
}

const fn holder(server: u32, doing: Doing, work: Work) -> Holder {
    let (server, class) = (ServerId(server), ClassId(1));
    Holder { server, class, doing, since: Instant::ZERO, work, shield: None }
}

const IDLE: Holder = holder(1, Doing::Idle, Work::ReadOnly);

fn enforcing() -> Healer {
    let mut healer = Healer::default();
    for step in Step::ALL {
        healer.ladder.set(step, Mode::Enforce);
    }
    healer
}

fn considers(healer: &mut Healer, now: Instant, holders: &[Holder], waiting: u32) -> Vec<Decision> {
    healer.consider(now, Scene { holders, waiting })
}

/// The victims in the order in which they come.
fn victims(holders: &[Holder], limits: &Limits) -> Vec<(Step, u32)> {
    let all = propose(at(100), holders, limits);
    all.iter().map(|one| (one.step, one.holder.server.0)).collect()
}

#[test]
fn who_lost_least_goes_first_and_writers_stay() {
    let holders = [
        holder(1, Doing::Idle, Work::Wrote),
        holder(2, Doing::Executing, Work::NoRows),
        holder(3, Doing::Idle, Work::NoRows),
        holder(4, Doing::Streaming, Work::ReadOnly),
        holder(5, Doing::Idle, Work::Nothing),
        holder(6, Doing::Idle, Work::ReadOnly),
        holder(7, Doing::Committing, Work::Wrote),
    ];
    let mild = [(Step::Evict, 5), (Step::Evict, 6), (Step::Evict, 3)];
    let hard = [(Step::Cancel, 2), (Step::Close, 4)];
    assert_eq!(victims(&holders, &Limits::default()), [&mild[..], &hard].concat());
    let writers = Limits { writers: true, ..Limits::default() };
    assert_eq!(victims(&holders, &writers), [&mild[..], &[(Step::Evict, 1)], &hard].concat());
}

#[test]
fn what_is_shielded_is_never_touched() {
    let shields = [
        Shield::TwoPhase,
        Shield::Replication,
        Shield::Autovacuum,
        Shield::Backup,
        Shield::Migration,
        Shield::Superuser,
        Shield::Exempt,
        Shield::Maintenance,
    ];
    for shield in shields {
        let shielded = Holder { shield: Some(shield), ..IDLE };
        assert_eq!(considers(&mut enforcing(), at(100), &[shielded], 9), []);
    }
}

#[test]
fn nothing_is_done_unless_somebody_waits() {
    let mut healer = enforcing();
    assert_eq!(considers(&mut healer, at(100), &[IDLE], 0), []);
    assert_eq!(healer.records().count(), 0);
    let many: Vec<_> = (0..9).map(|one| holder(one, Doing::Idle, Work::Nothing)).collect();
    assert_eq!(considers(&mut healer, at(100), &many, 2).len(), 2, "no more than wait");
}

#[test]
fn by_default_work_is_only_ended_in_words() {
    let mut healer = Healer::default();
    let decisions = considers(&mut healer, at(100), &[IDLE], 1);
    assert!(matches!(decisions[..], [Decision::Tell(1, _)]), "{decisions:?}");
    assert_eq!(considers(&mut healer, at(101), &[IDLE], 1), [], "it is said once");
    assert_eq!(healer.ladder.mode(ClassId(1), Step::Cap), Mode::Enforce);
    healer.ladder.set_class(ClassId(1), Step::Evict, Some(Mode::Enforce));
    let later = Holder { since: at(50), ..IDLE };
    let decisions = considers(&mut healer, at(102), &[later], 1);
    assert!(matches!(decisions[..], [Decision::Do(2, _)]), "{decisions:?}");
}

#[test]
fn the_effect_is_measured_also_of_what_was_not_done() {
    let mut healer = Healer::default();
    considers(&mut healer, at(100), &[IDLE], 5);
    considers(&mut healer, at(101), &[], 2);
    let record = healer.records().next().copied().expect("there is one");
    assert_eq!(record.verdict, Verdict::Only(Mode::Warn));
    assert_eq!(record.prediction, Prediction { slots: 1, waiting: 5, waiting_after: 4 });
    assert_eq!(record.effect, Some(Effect { waiting: 2, helped: true }));
}

#[test]
fn the_breaker_stops_a_healer_that_does_not_help() {
    let mut healer = enforcing();
    for second in 0..10 {
        let stuck = Holder { server: ServerId(u32::try_from(second).unwrap()), ..IDLE };
        considers(&mut healer, at(100 + second * 2), &[stuck], 7);
    }
    let done = healer.records().filter(|record| record.verdict == Verdict::Done).count();
    assert_eq!((done, healer.guard.is_open()), (3, true));
    let last = healer.records().last().expect("there are some").verdict;
    assert_eq!(last, Verdict::Withheld(Withheld::Breaker));
    healer.guard.reset();
    let fresh = Holder { since: at(150), ..IDLE };
    assert!(matches!(considers(&mut healer, at(200), &[fresh], 7)[..], [Decision::Do(..)]));
}

#[test]
fn the_budget_bounds_what_is_destroyed_in_a_minute() {
    let mut healer = enforcing();
    let many: Vec<_> = (0..40).map(|one| holder(one, Doing::Idle, Work::Nothing)).collect();
    assert_eq!(considers(&mut healer, at(100), &many, 40).len(), 10);
    // All waiting clients are gone a second later: it helped, and the budget still holds.
    assert_eq!(considers(&mut healer, at(130), &many[10..], 5), []);
    assert_eq!(considers(&mut healer, at(160), &many[10..], 5).len(), 5);
}

#[test]
fn freeze_acts_at_once() {
    let mut healer = enforcing();
    healer.guard.freeze(true);
    assert_eq!(considers(&mut healer, at(100), &[IDLE], 5), []);
    assert_eq!(healer.guard.withholds(at(100), Step::Cap), Some(Withheld::Frozen));
    healer.guard.freeze(false);
    assert_eq!(considers(&mut healer, at(100), &[IDLE], 5).len(), 1);
}

#[test]
fn a_dry_run_changes_nothing() {
    let healer = enforcing();
    assert_eq!(healer.dry_run(at(100), &[IDLE]).len(), 1);
    assert_eq!(healer.records().count(), 0);
}

#[test]
fn a_quarantine_probes_and_ends_by_itself() {
    let mut one = Quarantine::new(at(0));
    assert_eq!(one.admit(at(0)), Admission::Refused(Duration::from_secs(1)));
    assert_eq!(one.admit(at(1)), Admission::Probe);
    assert!(matches!(one.admit(at(1)), Admission::Refused(_)), "one probe at a time");
    one.probed(at(3), false);
    assert_eq!(one.admit(at(4)), Admission::Refused(Duration::from_secs(1)), "twice as long");
    for probe in 0..3 {
        assert_eq!(one.admit(at(5 + probe)), Admission::Probe);
        one.probed(at(5 + probe), true);
    }
    assert_eq!(one.admit(at(9)), Admission::Free);
}
