//! Says what changes: of a server, and of an incident.

use std::io::{self, Write};
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;
use weir_core::activity::Proxy;
use weir_core::alert::{Message, More};
use weir_core::config::Settings;
use weir_core::config::choices::Language;
use weir_core::diagnosis::health::{Health, Status, text};
use weir_core::diagnosis::{Cause, Severity, Thresholds};
use weir_core::incident::{IncidentId, State};

use crate::incident::{Reporter, more};
use crate::monitor::guard::Lookout;
use crate::monitor::watcher::{Seen, Surroundings};

/// Prints.
pub(super) struct Teller {
    json: bool,
    /// What this place is called in messages.
    name: String,
    /// Where more is to be read.
    more: More,
    /// The incident and the state that were told last.
    told: Option<(IncidentId, State)>,
}

impl Teller {
    pub(super) fn new(json: bool, settings: &Settings) -> Self {
        let (name, more) = (settings.incidents.name.clone(), more(settings, More::Nowhere));
        Self { json, name, more, told: None }
    }

    /// The place may be called otherwise now.
    pub(super) fn rename(&mut self, settings: &Settings) {
        self.name.clone_from(&settings.incidents.name);
    }

    pub(super) fn show(&self, health: &Health) -> io::Result<()> {
        // Plain data has a form in JSON.
        let value = || serde_json::to_value(health).unwrap_or_default();
        self.print(value, || text(health))
    }

    /// Says that an incident has another state.
    pub(super) fn tell_of_incident(&mut self, reporter: &Reporter) -> io::Result<()> {
        let Some(story) = reporter.shelf().all().into_iter().next() else { return Ok(()) };
        let incident = &story.incident;
        let state = Some((incident.id.clone(), incident.state));
        // What an earlier process left is closed, and no news.
        let news = self.told != state && (self.told.is_some() || incident.state != State::Closed);
        if news {
            self.told = state;
            let message = || Message::change(&self.name, incident.clone(), self.more.clone());
            self.print(|| json!({ "incident": incident }), || words(&message()))?;
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

fn words(message: &Message) -> String {
    let lines = message.lines(Language::En).into_iter().map(|line| format!("  {line}\n"));
    let lines: String = lines.collect();
    let id = message.id().map(ToString::to_string).unwrap_or_default();
    format!("{} ({id})\n{lines}", message.title(Language::En))
}

/// What must differ to be told: status, and causes with their severities.
type Gist = (Status, Option<String>, Vec<(Cause, Severity)>);

/// A watcher's surroundings without a proxy.
pub(super) struct Outside {
    thresholds: Arc<ArcSwap<Thresholds>>,
    tell: UnboundedSender<Health>,
    lookout: Lookout,
    last: Option<Gist>,
}

impl Outside {
    pub(super) fn new(
        thresholds: Arc<ArcSwap<Thresholds>>,
        tell: UnboundedSender<Health>,
        lookout: Lookout,
    ) -> Self {
        Self { thresholds, tell, lookout, last: None }
    }
}

impl Surroundings for Outside {
    fn thresholds(&self) -> Thresholds {
        self.thresholds.load().as_ref().clone()
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
