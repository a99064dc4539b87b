//! Weir is killed at moments that nobody chose.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use crate::stage::{Stage, kinds};

/// How often.
const KILLS: usize = 4;

/// Events at most before it is killed.
const EVENTS_MAX: u64 = 12;

#[test]
fn what_was_shown_is_there_after_kill_9_and_the_incident_ends() {
    let mut stage = Stage::new();
    for _ in 0..KILLS {
        let holder = stage.hurt();
        let moment = RandomState::new().build_hasher().finish() % EVENTS_MAX;
        // Some are shown before it is killed, some are under way.
        for _ in 0..moment {
            stage.reload();
        }
        let shown = stage.incident();
        stage.kill_and_start_again();
        drop(holder);
        let after = stage.incident();
        assert_eq!(after["incident"]["id"], shown["incident"]["id"]);
        let (before, events) = (shown["events"].as_array(), after["events"].as_array().unwrap());
        assert!(events.starts_with(before.unwrap()), "after {moment} reloads: {after:#}");
        assert_eq!(after["incident"]["state"], "closed", "{after:#}");
        let told = kinds(&after);
        let interrupted = told.iter().filter(|kind| *kind == "interrupted").count();
        assert_eq!(interrupted, 1, "{told:?}");
    }
}
