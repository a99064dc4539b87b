//! What the dispatch does to a class that holds the slots stands in the incident, from its start
//! to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use weir_testkit::{Session, until};

use crate::stage::{Stage, event};

/// How long two thousand requests may take, which are ten seconds on a machine of their own.
const WORK_MAX: Duration = Duration::from_secs(600);

/// Clients of a route that go on until they are told to stop.
fn crowd(stage: &Stage, count: usize, work: impl Fn(&mut Session) + Clone + Send + 'static) {
    for _ in 0..count {
        let (mut client, work) = (stage.client(), work.clone());
        thread::spawn(move || work(&mut client));
    }
}

#[test]
fn a_cap_stands_in_the_incident_with_its_effect_and_its_end() {
    let stage = Stage::new("[pool]\nsize = 8\nquery_wait_timeout = \"300ms\"\n");
    let (slow, over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let served = Arc::new(AtomicUsize::new(0));
    let (ends, count) = (Arc::clone(&over), Arc::clone(&served));
    crowd(&stage, 12, move |client| {
        while !ends.load(Ordering::Relaxed) {
            // Some of them are refused: that is the incident.
            let _ = client.query("SELECT pg_sleep(0.03) /* route='shop' */");
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let (ends, count) = (Arc::clone(&over), Arc::clone(&served));
    let slows = Arc::clone(&slow);
    crowd(&stage, 8, move |client| {
        while !ends.load(Ordering::Relaxed) {
            let long = if slows.load(Ordering::Relaxed) { 3.0 } else { 0.03 };
            let _ = client.query(&format!("SELECT pg_sleep({long}) /* route='bulk' */"));
            count.fetch_add(1, Ordering::Relaxed);
            // A client whose request was refused asks again soon, not at once.
            thread::sleep(Duration::from_millis(20));
        }
    });
    // What is usual must be known before something is unusual.
    let known = || Ok((served.load(Ordering::Relaxed) > 2_000).then_some(()));
    until("usual hold times", WORK_MAX, known).unwrap();
    slow.store(true, Ordering::Relaxed);
    let capped = stage.until_incident("a cap of bulk, and its effect", |story| {
        let of_bulk = |event: &serde_json::Value| {
            event["step"] == "cap" && event["target"]["route"] == "bulk"
        };
        event(story, "action", of_bulk) && event(story, "effect", |_| true)
    });
    assert!(capped["incident"]["actions"].as_u64() > Some(0), "{capped:#}");
    assert!(event(&capped, "state", |event| event["to"] == "mitigating"), "{capped:#}");
    over.store(true, Ordering::Relaxed);
    stage.until_incident("the end of the cap", |story| event(story, "lifted", |_| true));
    let said = stage.psql("weir", "SHOW INCIDENT");
    assert!(said.contains("cap the slots, route bulk"), "{said}");
    let (_, report) = stage.http("/api/v1/incidents/latest/report?format=md&lang=zh", "");
    assert!(report.contains("限制连接数") && report.contains("路由 bulk"), "{report}");
}
