//! Work that is no fault: nothing may be raised.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use weir_testkit::until;

use crate::scene::{PATIENCE, Scene, causes};
use crate::stage::guard;

/// Looks that must all find nothing.
const LOOKS: usize = 5;

fn nothing_is_raised(scene: &Scene, guard: &str) {
    for _ in 0..LOOKS {
        let answer = scene.check(guard);
        assert_eq!(causes(&answer), [] as [&str; 0], "{answer:#}");
        assert_eq!(answer["healthy"], true);
    }
}

#[test]
fn heavy_but_healthy_load() {
    let scene = Scene::new();
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let worker = |mut session: weir_testkit::Session| {
        let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                session.query("BEGIN; SELECT sum(n) FROM stock; COMMIT").unwrap();
                done.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let workers: Vec<_> = (0..12).map(|_| worker(scene.session())).collect();
    let busy = || Ok((done.load(Ordering::Relaxed) > 100).then_some(()));
    until("the load", PATIENCE, busy).unwrap();
    // The usual thresholds, but for one that a busy machine could reach by itself.
    nothing_is_raised(&scene, "slow_answer = \"1h\"");
    stop.store(true, Ordering::Relaxed);
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

#[test]
fn a_backup_and_a_long_migration() {
    let scene = Scene::new();
    let strict = guard("long_statements_max = 0\nidle_transaction_calm = \"100ms\"");
    let backup = scene.deaf(1, "pg_dump");
    nothing_is_raised(&scene, &strict);
    drop(backup);
    scene.clear();
    scene.running(1, "CREATE INDEX slow_one ON stock (slow(id))");
    nothing_is_raised(&scene, &strict);
    scene.clear();
}
