//! Caps and early refusals of one class that are only shown, while those of others are not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use weir_testkit::until;

use crate::ladder::{actions, reload};
use crate::load::Load;
use crate::stage::{PATIENCE, Row, Stage};

/// A pool and the class `batch`, with the modes of its caps and early refusals.
fn modes(cap: &str, shed: &str) -> String {
    format!(
        "[pool]\nsize = 8\n\
         [classes.batch]\nroutes = [\"bulk\"]\ncap = \"{cap}\"\nshed = \"{shed}\"\n"
    )
}

/// How long two thousand transactions may take, which are ten seconds on a machine of their own.
const WORK_MAX: Duration = Duration::from_secs(600);

/// A short transaction of a shop.
const BUY: &str = "SELECT pg_sleep(0.03) /* route='shop' */";

/// Clients of a shop, and others whose transactions get slow once that is wanted and what is usual
/// is known.
fn traffic(stage: &Stage) -> (Load, Arc<AtomicBool>) {
    let (slow, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut load = Load::new();
    let count = Arc::clone(&served);
    load.add(stage, 12, move |client| {
        count.fetch_add(1, Ordering::Relaxed);
        client.query(BUY).map(drop)
    });
    let (count, slows) = (Arc::clone(&served), Arc::clone(&slow));
    load.add(stage, 8, move |client| {
        count.fetch_add(1, Ordering::Relaxed);
        let long = if slows.load(Ordering::Relaxed) { 3.0 } else { 0.03 };
        // A client whose request was refused asks again soon, not at once.
        thread::sleep(Duration::from_millis(20));
        client.query(&format!("SELECT pg_sleep({long}) /* route='bulk' */")).map(drop)
    });
    let known = || Ok((served.load(Ordering::Relaxed) > 2_000).then_some(()));
    until("usual hold times", WORK_MAX, known).unwrap();
    (load, slow)
}

/// Waits for a cap of the class that is enforced or not.
fn until_cap(stage: &Stage, enforced: &str) -> Row {
    let fits = |row: &Row| {
        row["route"] == "batch" && !row["cap"].is_empty() && row["enforced"] == enforced
    };
    until("a cap", PATIENCE, || Ok(stage.show("SHOW CAPS").into_iter().find(fits))).unwrap()
}

/// Waits until the effect of a cap of the class is known that had this outcome.
fn until_recorded(stage: &Stage, outcome: &str) -> Row {
    let fits = |row: &Row| {
        (&*row["route"], &*row["outcome"]) == ("batch", outcome) && !row["waiting_after"].is_empty()
    };
    until("a record of it", PATIENCE, || Ok(actions(stage, "cap").into_iter().find(fits))).unwrap()
}

#[test]
fn the_caps_of_one_class_are_only_shown_until_that_is_changed() {
    let stage = Stage::with(&modes("warn", "observe"));
    let (load, slow) = traffic(&stage);
    slow.store(true, Ordering::Relaxed);
    assert_eq!(until_cap(&stage, "0")["limit"], "");
    let warned = until_recorded(&stage, "warn");
    assert!(warned["waiting_before"].parse::<u32>().is_ok(), "{warned:?}");
    let done = |row: &Row| row["route"] == "batch" && row["outcome"] == "done";
    assert!(!stage.show("SHOW ACTIONS").iter().any(done), "nothing of the class is done");
    reload(&stage, &modes("enforce", "enforce"));
    assert_ne!(until_cap(&stage, "1")["limit"], "");
    until_recorded(&stage, "done");
    load.end();
    let sums = stage.show("SHOW ACTIONS SUMMARY");
    let known = |how| sums.iter().any(|row| row["step"] == "cap" && row["outcome"] == how);
    assert!(known("warned") && known("done"), "{sums:?}");
}
