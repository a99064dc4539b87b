//! `weir watch`: looks again and again, says what changes, and keeps incidents as a proxy does,
//! from what the guard sees alone.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use weir_core::activity::Proxy;
use weir_core::alert::Message;
use weir_core::config::Settings;
use weir_core::diagnosis::health::{Health, Status, text};
use weir_core::diagnosis::{Cause, Severity, Thresholds};
use weir_core::incident::{Incident, IncidentId, Signals, State};

use crate::incident::{Incidents, Reporter, look};
use crate::monitor::guard::Lookout;
use crate::monitor::target::targets;
use crate::monitor::watcher::{Seen, Surroundings, Watcher};
use crate::proxy::tls::server_side;
use crate::state_dir::StateDir;

/// Follows all servers until SIGINT or SIGTERM.
pub(super) async fn follow(settings: &Settings, json: bool) -> Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let tls = server_side::prepare(&settings.server_tls)?;
    let _state = claim(settings)?;
    let incidents = Incidents::start(settings)?;
    let mut teller = Teller { json, name: settings.incidents.name.clone(), told: None };
    let lookout = Lookout::default();
    let (tell, mut told) = unbounded_channel();
    let mut watchers = JoinSet::new();
    for target in targets(settings, &tls) {
        match target {
            Ok(target) => {
                let thresholds = settings.guard.thresholds.clone();
                let (tell, lookout) = (tell.clone(), lookout.clone());
                let outside = Outside { thresholds, tell, lookout, last: None };
                watchers.spawn(Watcher::new(target).watch(settings.guard.interval, outside));
            }
            Err(unwatched) => {
                teller.show(&Health::unknown(&unwatched.name, &unwatched.why))?;
            }
        }
    }
    drop(tell);
    let mut ticks = interval(settings.guard.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = ticks.tick() => {
                let seen = lookout.all();
                let reporter = incidents.reporter();
                reporter.observe(look(Signals::of_servers(&seen), seen));
                teller.tell_of_incident(reporter)?;
            }
            change = told.recv() => match change {
                Some(health) => teller.show(&health)?,
                // There is no server to watch.
                None => return Ok(ExitCode::from(Status::Unknown.exit_code())),
            },
        }
    }
    watchers.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// The state directory, if there is one, for this process alone.
fn claim(settings: &Settings) -> Result<Option<StateDir>> {
    let Some(dir) = &settings.state_dir else { return Ok(None) };
    let claimed = StateDir::claim(Path::new(dir));
    claimed.context("incidents cannot be kept: name another --state-dir DIR").map(Some)
}

/// Prints.
struct Teller {
    json: bool,
    /// What this place is called in messages.
    name: String,
    /// The incident and the state that were told last.
    told: Option<(IncidentId, State)>,
}

impl Teller {
    fn show(&self, health: &Health) -> io::Result<()> {
        // Plain data has a form in JSON.
        let value = || serde_json::to_value(health).unwrap_or_default();
        self.print(value, || text(health))
    }

    /// Says that an incident has another state.
    fn tell_of_incident(&mut self, reporter: &Reporter) -> io::Result<()> {
        let Some(story) = reporter.shelf().all().into_iter().next() else { return Ok(()) };
        let incident = &story.incident;
        let state = Some((incident.id.clone(), incident.state));
        // What an earlier process left is closed, and no news.
        let news = self.told != state && (self.told.is_some() || incident.state != State::Closed);
        if news {
            self.told = state;
            self.print(|| json!({ "incident": incident }), || words(&self.name, incident))?;
        }
        Ok(())
    }

    fn print(
        &self,
        value: impl FnOnce() -> Value,
        words: impl FnOnce() -> String,
    ) -> io::Result<()> {
        let mut out = io::stdout();
        if self.json {
            writeln!(out, "{}", value())?;
        } else {
            out.write_all(words().as_bytes())?;
        }
        out.flush()
    }
}

fn words(name: &str, incident: &Incident) -> String {
    use weir_core::config::choices::Language::En;
    let message = Message::change(name, incident.clone());
    let lines: Vec<String> =
        message.lines(En).into_iter().map(|line| format!("  {line}\n")).collect();
    format!("{} ({})\n{}", message.title(En), incident.id, lines.concat())
}

/// What must differ to be told: status, and causes with their severities.
type Gist = (Status, Option<String>, Vec<(Cause, Severity)>);

/// A watcher's surroundings without a proxy.
struct Outside {
    thresholds: Thresholds,
    tell: UnboundedSender<Health>,
    lookout: Lookout,
    last: Option<Gist>,
}

impl Surroundings for Outside {
    fn thresholds(&self) -> Thresholds {
        self.thresholds.clone()
    }

    async fn proxy(&mut self, _: &str) -> Option<Proxy> {
        None
    }

    fn publish(&mut self, server: &str, seen: Seen) {
        let health = seen.now();
        self.lookout.put(server, seen);
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
