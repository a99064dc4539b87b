//! `weir watch`: looks again and again, and says what changes.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use weir_core::activity::Proxy;
use weir_core::config::Settings;
use weir_core::diagnosis::health::{Health, Status, text};
use weir_core::diagnosis::{Cause, Severity, Thresholds};

use crate::monitor::target::targets;
use crate::monitor::watcher::{Seen, Surroundings, Watcher};
use crate::proxy::tls::server_side;

/// Follows all servers until SIGINT or SIGTERM.
pub(super) async fn follow(settings: &Settings, json: bool) -> Result<ExitCode> {
    let tls = server_side::prepare(&settings.server_tls)?;
    let (tell, mut told) = unbounded_channel();
    let mut watchers = JoinSet::new();
    for target in targets(settings, &tls) {
        match target {
            Ok(target) => {
                let thresholds = settings.guard.thresholds.clone();
                let outside = Outside { thresholds, tell: tell.clone(), last: None };
                watchers.spawn(Watcher::new(target).watch(settings.guard.interval, outside));
            }
            Err(unwatched) => show(&Health::unknown(&unwatched.name, &unwatched.why), json)?,
        }
    }
    drop(tell);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(ExitCode::SUCCESS),
            _ = interrupt.recv() => return Ok(ExitCode::SUCCESS),
            change = told.recv() => match change {
                Some(health) => show(&health, json)?,
                // There is no server to watch.
                None => return Ok(ExitCode::from(Status::Unknown.exit_code())),
            },
        }
    }
}

fn show(health: &Health, json: bool) -> io::Result<()> {
    let mut out = io::stdout();
    if json {
        let value = serde_json::to_value(health).unwrap_or_default();
        writeln!(out, "{value}")?;
    } else {
        out.write_all(text(health).as_bytes())?;
    }
    out.flush()
}

/// What must differ to be told: status, and causes with their severities.
type Gist = (Status, Option<String>, Vec<(Cause, Severity)>);

/// A watcher's surroundings without a proxy.
struct Outside {
    thresholds: Thresholds,
    tell: UnboundedSender<Health>,
    last: Option<Gist>,
}

impl Surroundings for Outside {
    fn thresholds(&self) -> Thresholds {
        self.thresholds.clone()
    }

    async fn proxy(&mut self, _: &str) -> Option<Proxy> {
        None
    }

    fn publish(&mut self, _: &str, seen: Seen) {
        let health = seen.now();
        let mut causes: Vec<_> =
            health.issues.iter().map(|issue| (issue.cause, issue.severity)).collect();
        causes.sort_unstable();
        causes.dedup();
        let gist = Some((health.status, health.error.clone(), causes));
        if self.last != gist {
            self.last = gist;
            // Nobody listens any more when the command ends.
            let _ = self.tell.send(health);
        }
    }
}
