//! Messages to real receivers: servers in this process that write down what they get.

mod end;
mod post;
mod server;
mod smtp;

use std::time::Duration;

use tokio::time::timeout;
use weir_core::alert::{Message, More};
use weir_core::config::choices::{AlertKind, Language};
use weir_core::config::settings::{Receiver, Secret};
use weir_core::incident::{Impact, Incident, IncidentId, State, Wall};

/// Generous: a loaded machine is slow, and a test that hangs says so.
const PATIENCE: Duration = Duration::from_secs(60);

fn receiver(kind: AlertKind, url: &str) -> Receiver {
    Receiver {
        kind,
        url: Secret::new(url),
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

fn incident(state: State) -> Incident {
    Incident {
        id: IncidentId("20240621-101600-0001".into()),
        state,
        opened: Wall(1_718_964_960_000),
        updated: Wall(1_718_964_961_000),
        closed: None,
        reopened: 0,
        suspects: Vec::new(),
        impact: Impact { refused: 42, ..Impact::default() },
        actions: 0,
        slots_freed: 0,
        counterfactuals: Vec::new(),
    }
}

fn message(state: State) -> Message {
    Message::change("shop", incident(state), More::Nowhere)
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it comes in time")
}
