//! What is kept comes back as it was, within its bound, also around a disk that takes nothing.

use std::path::Path;

use weir_core::config::settings;
use weir_core::incident::Wall;
use weir_core::ledger::{
    ClassKind, ClassSums, FrameClass, GapSummary, Phase, PhaseTimes, PoolSummary, Summary, WaitSum,
};
use weir_testkit::{Account, Scratch};

use super::keeper::Keeper;
use crate::store::LedgerStore;

const MINUTE: u64 = 60_000;

/// All there is.
const EVER: Wall = Wall(i64::MAX as u64);

fn scratch() -> Scratch {
    Scratch::new(Account::own()).unwrap()
}

fn times(seed: u64) -> PhaseTimes {
    let mut times = PhaseTimes::default();
    for (at, phase) in (1..).zip(Phase::ALL) {
        times.charge(phase, seed * 1_000 + at);
    }
    times
}

/// The minute of this number, with something different in every place; `names` is how many
/// routes and gaps it has, by names of its own.
fn minute(number: u64, names: u64) -> Summary {
    let wait = |count| WaitSum { count, nanos: u128::from(number) + 7 };
    let sums = ClassSums {
        times: times(number),
        claims: number,
        transactions: number + 1,
        rows: number * 10_000,
        granted: wait(2),
        refused: wait(3),
        left: wait(4),
    };
    let class = |at: u64| FrameClass {
        label: format!("/route-{number}-{at}").into(),
        kind: ClassKind::Tag,
        sums,
    };
    let gap = |at: u64| GapSummary {
        route: "/a".into(),
        before: format!("select {number} {at} {}", "x".repeat(200)).into(),
        after: "".into(),
        count: number + at,
        nanos: 5,
    };
    let pool = PoolSummary {
        database: "shop".into(),
        user: "app".into(),
        slots: 20,
        transactions: number,
        statements: 2,
        checkouts: 3,
        waited_nanos: 4,
        times: times(number),
    };
    Summary {
        from: Wall(number * MINUTE),
        until: Wall((number + 1) * MINUTE),
        slots: 20,
        waiting: 3,
        open_nanos: times(number).total(),
        times: times(number),
        pools: vec![pool],
        classes: (0..names).map(class).collect(),
        gaps: (0..names).map(gap).collect(),
    }
}

fn read(dir: &Path) -> Vec<Summary> {
    LedgerStore::open_to_read(dir).unwrap().read(Wall(0), EVER, usize::MAX).unwrap()
}

#[test]
fn a_stretch_comes_back_as_it_was() {
    let home = scratch();
    let mut store = LedgerStore::open(home.path(), 1 << 30).unwrap();
    let all: Vec<Summary> = (1..=9).map(|number| minute(number, 3)).collect();
    store.store(&all).unwrap();
    assert_eq!(read(home.path()), all);
    let some = store.read(Wall(3 * MINUTE), Wall(6 * MINUTE), 2).unwrap();
    assert_eq!(some, all[3..5], "of the third to the fifth minute the latest two");
    assert_eq!(store.forget(Wall(4 * MINUTE + 1)).unwrap(), 3);
    assert_eq!(read(home.path()), all[3..]);
}

#[test]
fn every_kind_of_class_has_a_name_of_its_own_on_disk() {
    let all = [
        ClassKind::Nobody,
        ClassKind::Other,
        ClassKind::Tag,
        ClassKind::Application,
        ClassKind::User,
        ClassKind::Shape,
    ];
    for kind in all {
        assert_eq!(ClassKind::named(kind.as_str()), Some(kind));
    }
}

#[test]
fn the_file_stays_within_its_bound_and_the_latest_are_kept() {
    const BOUND: u64 = 1 << 20;
    let home = scratch();
    let settings = settings::History { bytes_max: BOUND, ..settings::History::default() };
    let mut keeper = Keeper::new(Some(home.path().into()), settings);
    for number in 1..=900 {
        keeper.keep(minute(number, 20));
        assert!(keeper.in_memory().is_empty(), "minute {number} did not fit");
    }
    let size = |name: &str| home.path().join(name).metadata().map_or(0, |metadata| metadata.len());
    assert!(size("ledger.db") <= BOUND, "{} bytes", size("ledger.db"));
    assert!(size("ledger.db-wal") <= 4 * BOUND, "{} bytes", size("ledger.db-wal"));
    let kept = read(home.path());
    assert_eq!(kept.last().unwrap(), &minute(900, 20));
    assert!(kept.len() > 30 && kept.len() < 900, "{} minutes are kept", kept.len());
    let first = 900 - kept.len() as u64 + 1;
    assert!(kept.iter().zip(first..).all(|(one, number)| *one == minute(number, 20)));
}

#[test]
fn what_is_too_old_goes() {
    let home = scratch();
    let keep = std::time::Duration::from_millis(100 * MINUTE);
    let settings = settings::History { keep, ..settings::History::default() };
    let mut keeper = Keeper::new(Some(home.path().into()), settings);
    (1..=400).for_each(|number| keeper.keep(minute(number, 1)));
    let kept = read(home.path());
    assert!((100..=161).contains(&kept.len()), "{} minutes are kept", kept.len());
}

#[test]
fn a_disk_that_takes_nothing_gets_everything_when_it_does_again() {
    let home = scratch();
    let mut keeper = Keeper::new(Some(home.path().into()), settings::History::default());
    keeper.keep(minute(1, 2));
    keeper.store().refuse(true);
    (2..=4).for_each(|number| keeper.keep(minute(number, 2)));
    assert_eq!(keeper.in_memory(), [2, 3, 4].map(|number| minute(number, 2)));
    assert_eq!(read(home.path()).len(), 1);
    keeper.store().refuse(false);
    keeper.keep(minute(5, 2));
    assert!(keeper.in_memory().is_empty());
    assert_eq!(read(home.path()), [1, 2, 3, 4, 5].map(|number| minute(number, 2)));
}

#[test]
fn a_place_that_cannot_be_written_to_is_tried_again_and_memory_is_bounded() {
    use weir_core::config::limits::LEDGER_SUMMARIES_IN_MEMORY as MOST;
    let home = scratch();
    let blocked = home.path().join("ledger.db");
    std::fs::create_dir(&blocked).unwrap();
    let mut keeper = Keeper::new(Some(home.path().into()), settings::History::default());
    let count = MOST as u64 + 3;
    (1..=count).for_each(|number| keeper.keep(minute(number, 1)));
    let here = keeper.in_memory();
    assert_eq!((here.len(), here.last()), (MOST, Some(&minute(count, 1))));
    std::fs::remove_dir(&blocked).unwrap();
    keeper.keep(minute(count + 1, 1));
    assert_eq!(read(home.path()).len(), MOST + 1);
}

#[test]
fn without_a_state_directory_the_latest_are_in_memory() {
    let mut keeper = Keeper::new(None, settings::History::default());
    (1..=3).for_each(|number| keeper.keep(minute(number, 1)));
    assert_eq!(keeper.in_memory().len(), 3);
}

#[test]
fn a_time_is_shown_as_tables() {
    let all: Vec<Summary> = (1..=2).map(|number| minute(number, 2)).collect();
    let text = super::table::write(&Summary::whole(&all).unwrap(), &all);
    assert!(text.starts_with("1970-01-01 00:01:00 UTC to 1970-01-01 00:03:00 UTC: 120 s in 2"));
    assert!(text.contains("Routes, slots on average (4)"), "{text}");
    assert!(text.contains("/route-2-1"), "{text}");
}
