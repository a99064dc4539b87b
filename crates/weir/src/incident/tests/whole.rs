//! The thread: looks in, the file and a receiver out.

use std::net::TcpListener;

use weir_core::alert::More;
use weir_core::config::Settings;
use weir_core::config::choices::{AlertKind, Language};
use weir_core::config::settings::{Receiver, Secret};
use weir_core::incident::State;
use weir_testkit::{Account, Post, Scratch};

use super::*;
use crate::incident::{Incidents, Look};
use crate::store::IncidentStore;

fn receiver(port: u16) -> Receiver {
    Receiver {
        kind: AlertKind::Webhook,
        url: Secret::new(format!("http://127.0.0.1:{port}/")),
        secret: None,
        user: None,
        from: None,
        to: Vec::new(),
        mention: Vec::new(),
        language: Language::En,
        per_minute: 600,
        ca: None,
    }
}

/// What the next POST says, answered with 200.
fn take(listener: &TcpListener) -> serde_json::Value {
    let post = Post::take(&listener.accept().unwrap().0, "200 OK").unwrap();
    serde_json::from_slice(&post.body).unwrap()
}

#[test]
fn what_a_receiver_is_told_is_on_disk_already() {
    let home = Scratch::new(Account::own()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let settings = Settings {
        state_dir: Some(home.path().to_str().unwrap().to_owned()),
        receivers: [("hook".to_owned(), receiver(port))].into(),
        ..Settings::default()
    };
    let kept_here = Incidents::start(&settings, More::Nowhere).unwrap();
    let incidents = kept_here.reporter().clone();
    assert!(incidents.open().is_none() && incidents.shelf().all().is_empty());
    incidents.observe(Look { findings: Vec::new(), signals: Signals::default() });
    let signals = Signals { requests_total: 100, refused_total: 40, ..Signals::default() };
    incidents.observe(Look { findings: vec![finding()], signals });
    let told = take(&listener);
    assert_eq!(told["type"], "weir.incident.open");
    let id = told["data"]["incident"]["id"].as_str().unwrap();
    let store = IncidentStore::open_to_read(home.path()).unwrap();
    let kept = store.find(id).unwrap().expect("it is kept before it is told");
    assert_eq!(kept.impact.refused, 40);
    assert!(!store.events(&kept.id).unwrap().is_empty());
    let open = incidents.open().unwrap();
    assert_eq!(open.id, kept.id);
    assert!(open.line.ends_with("transactions wait on the application (route bulk)"), "{open:?}");
    assert_eq!(incidents.shelf().find("").unwrap().incident.id, kept.id);
    incidents.reload(&settings, "pool.size".into());
    drop(kept_here);
    let events = store.events(&kept.id).unwrap();
    let last = serde_json::to_value(events.last().unwrap()).unwrap();
    assert_eq!(last["kind"], "config-changed");
    let shelf = incidents.shelf().all();
    assert_eq!((shelf.len(), &shelf[0].events), (1, &events), "memory has what the disk has");
    let again = Incidents::start(&settings, More::Nowhere).unwrap();
    let remembered = again.reporter().shelf().find(id).unwrap();
    assert_eq!(remembered.incident.state, State::Closed, "the process before had left it open");
    assert_eq!(remembered.events.len(), events.len() + 2);
}
