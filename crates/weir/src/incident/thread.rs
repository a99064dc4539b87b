//! The thread of incidents: looks and notes in, records to disk, then messages to people. Whoever
//! brings something never waits.

use std::path::Path;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use weir_core::alert::{Message, More};
use weir_core::config::choices::Language;
use weir_core::config::limits::INCIDENTS_AT_HAND;
use weir_core::config::settings::{self, Settings};
use weir_core::incident::{Incident, IncidentDesk, Record, State, Wall, words};

use super::keeper::Keeper;
use super::reporter::{Order, Reporter};
use crate::alert::Alerts;
use crate::proxy::chance;

/// The target under which the log is told of incidents.
pub const TOLD: &str = "weir::incidents";

/// Keeps incidents, until it is dropped.
#[derive(Debug)]
pub struct Incidents {
    reporter: Reporter,
    thread: Option<JoinHandle<()>>,
}

impl Incidents {
    /// Starts the thread, and that of the receivers. Without a state directory, `otherwise` says
    /// where more is to be read about an incident.
    ///
    /// # Errors
    /// When the system gives no thread or no chance.
    pub fn start(settings: &Settings, otherwise: More) -> Result<Self> {
        let (reporter, orders) = Reporter::new();
        let wall = wall();
        let dir = settings.state_dir.as_deref().map(Path::new);
        let keeper = Keeper::open(dir, wall, oldest(&settings.incidents, wall));
        let price = settings.incidents.price.as_ref();
        reporter.shelf().fill(keeper.latest(INCIDENTS_AT_HAND, price));
        let desk = Desk {
            desk: IncidentDesk::new(
                settings.incidents.rules.clone(),
                u64::from_ne_bytes(chance::bytes()?),
            ),
            keeper,
            alerts: Alerts::start(settings)?,
            settings: settings.incidents.clone(),
            more: more(settings, otherwise),
            reporter: reporter.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("weir-incidents".into())
            .spawn(move || desk.run(&orders))
            .context("cannot start the thread of incidents")?;
        Ok(Self { reporter, thread: Some(thread) })
    }

    /// How to tell it something.
    #[must_use]
    pub const fn reporter(&self) -> &Reporter {
        &self.reporter
    }
}

impl Drop for Incidents {
    fn drop(&mut self) {
        self.reporter.end();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread owns.
struct Desk {
    desk: IncidentDesk,
    keeper: Keeper,
    alerts: Alerts,
    settings: settings::Incidents,
    more: More,
    reporter: Reporter,
}

/// Where more is to be read about incidents.
pub fn more(settings: &Settings, otherwise: More) -> More {
    // Who reads the message stands in another directory.
    let whole = |dir: &String| match std::path::absolute(dir) {
        Ok(path) => path.to_string_lossy().into_owned(),
        Err(_) => dir.clone(),
    };
    settings.state_dir.as_ref().map_or(otherwise, |dir| More::Kept(whole(dir)))
}

impl Desk {
    fn run(mut self, orders: &Receiver<Order>) {
        while let Ok(order) = orders.recv() {
            let records = match order {
                Order::Look(now, look) => self.desk.observe(now, &look.findings, &look.signals),
                Order::Note(now, note) => self.desk.note(now, note),
                Order::Reload(settings) => {
                    self.reload(&settings);
                    continue;
                }
                Order::End => break,
            };
            self.hand_out(records);
        }
        let last = self.desk.leave();
        self.hand_out(last);
    }

    fn hand_out(&mut self, records: Vec<Record>) {
        // First to disk: what is shown must survive a crash.
        self.keeper.keep(&records);
        let open = self.desk.open_incident();
        let price = self.settings.price.as_ref();
        self.reporter.shelf().take(&records, open.as_ref(), price);
        self.reporter.set_open(open.as_ref());
        for record in records {
            if let Record::Tell(incident) = record {
                self.tell(*incident);
            }
        }
    }

    fn reload(&mut self, settings: &Settings) {
        self.settings = settings.incidents.clone();
        self.desk.set_rules(self.settings.rules.clone());
        self.alerts.reload(settings);
    }

    fn tell(&self, incident: Incident) {
        let message = Message::change(&self.settings.name, incident, self.more.clone());
        log(self.settings.language, &message);
        self.alerts.tell(message);
    }
}

/// The log is told of everything, openings at the critical level.
fn log(language: Language, message: &Message) {
    let title = message.title(language);
    let id = message.id().map(ToString::to_string).unwrap_or_default();
    let lines: Vec<String> = message.lines(language);
    // Some are sentences.
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end_matches(['.', '。'])).collect();
    let lines = lines.join("; ");
    let state = words::state(message.state(), language);
    match message.state() {
        State::Open | State::Mitigating => {
            tracing::error!(target: TOLD, severity = "critical", incident = %id, state, "{title}: {lines}");
        }
        State::Watching | State::Closed => {
            tracing::warn!(target: TOLD, severity = "info", incident = %id, state, "{title}: {lines}");
        }
    }
}

/// Incidents from before this are forgotten.
fn oldest(settings: &settings::Incidents, now: Wall) -> Wall {
    let keep = u64::try_from(settings.keep.as_millis()).unwrap_or(u64::MAX);
    Wall(now.0.saturating_sub(keep))
}

/// The calendar's present moment.
pub(super) fn wall() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
