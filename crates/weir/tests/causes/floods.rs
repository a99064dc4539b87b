//! Causes by masses: of cancel requests, of work, of connections to the proxy itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use weir_testkit::{Account, Scratch, Session, cancel, until};

use crate::proxied::Proxied;
use crate::scene::{PATIENCE, Scene, causes};

/// Threads that do the same again and again until this is dropped.
struct Flood {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Flood {
    fn of(threads: Vec<Box<dyn FnMut() + Send>>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let one = |mut again: Box<dyn FnMut() + Send>| {
            let over = Arc::clone(&over);
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    again();
                }
            })
        };
        let threads = threads.into_iter().map(one).collect();
        Self { over, threads }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A thread that panicked has shown why.
            let _ = thread.join();
        }
    }
}

#[test]
fn clients_that_cancel_in_masses() {
    let scene = Scene::new();
    let proxied =
        Proxied::before(&scene.server, 4, "storm_per_second = 2\nlong_statement = \"1h\"");
    let client = proxied.client();
    let (port, key) = (proxied.port(), client.key());
    let again = move || cancel(port, &key).unwrap();
    let _flood = Flood::of(vec![Box::new(again.clone()), Box::new(again)]);
    let health = proxied.until_first("cancel-storm");
    let evidence = &health["servers"][0]["issues"][0]["evidence"];
    let rate =
        evidence.as_array().unwrap().iter().find(|figure| figure["measure"] == "cancel-rate");
    assert!(rate.unwrap()["value"].as_f64().unwrap() >= 2.0, "{evidence}");
}

/// Transactions of the usual work, one a second: the guard believes nothing to be usual before it
/// has seen a minute of it.
const USUAL: u64 = 65;

/// A proxy with so many slots that has seen a minute of usual work of the route `/usual`.
fn after_a_usual_minute(scene: &Scene, slots: u32, own: &str) -> Proxied {
    let proxied = Proxied::before(&scene.server, slots, own);
    let done = Arc::new(AtomicU64::new(0));
    let (mut client, counted) = (proxied.client(), Arc::clone(&done));
    let usual = move || {
        client.query("SELECT 1 /*route='/usual'*/").unwrap();
        counted.fetch_add(1, Ordering::Relaxed);
        // The pace of the work: nothing is waited for.
        thread::sleep(Duration::from_secs(1));
    };
    let usual = Flood::of(vec![Box::new(usual)]);
    let enough = || Ok((done.load(Ordering::Relaxed) >= USUAL).then_some(()));
    until("a minute of usual work", PATIENCE * 5, enough).unwrap();
    drop(usual);
    proxied
}

/// So many clients that ask this again and again. Who is refused comes again, as clients do.
fn again(proxied: &Proxied, clients: usize, sql: &'static str) -> Flood {
    let one = |mut client: Session| -> Box<dyn FnMut() + Send> {
        Box::new(move || {
            let _ = client.query(sql);
        })
    };
    Flood::of((0..clients).map(|_| one(proxied.client())).collect())
}

#[test]
fn far_more_work_than_usual() {
    let scene = Scene::new();
    let own = "slot_wait = \"100ms\"\nlong_statement = \"1h\"";
    let proxied = after_a_usual_minute(&scene, 1, own);
    let _surge = again(&proxied, 20, "SELECT pg_sleep(0.02) /*route='/usual'*/");
    let named = || {
        let health = proxied.health();
        let issue = &health["servers"][0]["issues"][0];
        let named = issue["cause"] == "arrival-surge" && issue["culprit"]["route"] == "/usual";
        Ok(named.then_some(()))
    };
    until("the route to be named", PATIENCE, named).unwrap();
}

#[test]
fn a_slow_route_because_of_which_others_come_again_and_again() {
    let scene = Scene::new();
    let own = "long_statement = \"1h\"\nslow_statement = \"100ms\"";
    let proxied = after_a_usual_minute(&scene, 4, own);
    proxied.asking(3, "SELECT pg_sleep(3600) /*route='/search'*/");
    let search = "state = 'active' AND query LIKE '%/search%'";
    let run = || Ok((scene.count(search) == 3).then_some(()));
    until("the searches to run", PATIENCE, run).unwrap();
    // Through the one slot that is left come many times the usual, and their clients wait.
    let _again = again(&proxied, 20, "SELECT pg_sleep(0.01) /*route='/usual'*/");
    let health = proxied.until_first("slow-route");
    assert_eq!(health["servers"][0]["issues"][0]["culprit"]["route"], "/search");
    // And so it stays when all rates have been measured.
    let mut looks = 0;
    until("fifty more looks", PATIENCE, || {
        let health = proxied.health();
        let found = causes(&health);
        assert_ne!(found.first().map(String::as_str), Some("arrival-surge"), "{health:#}");
        looks += 1;
        Ok((looks >= 50).then_some(()))
    })
    .unwrap();
}

/// Descriptors that the proxy may have.
const DESCRIPTORS: usize = 128;

/// Those that are left: fewer than those of which it warns.
const SPARE: usize = 16;

#[test]
fn a_proxy_that_runs_out_of_descriptors() {
    let scene = Scene::new();
    let home = Scratch::new(Account::own()).unwrap();
    let program = home.path().join("weir");
    let weir = env!("CARGO_BIN_EXE_weir");
    fs::write(&program, format!("#!/bin/sh\nulimit -n {DESCRIPTORS} && exec {weir} \"$@\"\n"))
        .unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let proxied = Proxied::run_as(&program, &scene.server, 4, "");
    let mut clients = Vec::new();
    // Up to where it says so, and never so many that no descriptor is left for the question.
    let found = until("the finding", PATIENCE, || {
        let health = proxied.health();
        let found = causes(&health);
        if found.is_empty() && proxied.descriptors() < DESCRIPTORS - SPARE {
            clients.extend(proxied.try_client());
        }
        Ok((found.first().map(String::as_str) == Some("descriptor-limit")).then_some(health))
    });
    let issue = &found.unwrap()["servers"][0]["issues"][0];
    assert!(issue["remedy"]["text"].as_str().unwrap().contains("LimitNOFILE"), "{issue:#}");
    assert!(clients.len() > 20, "{} clients were enough", clients.len());
}
