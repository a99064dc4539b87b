//! The thread of incidents: looks and notes in, records to disk, then messages to people. Whoever
//! brings something never waits.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use arc_swap::ArcSwapOption;
use weir_core::alert::Message;
use weir_core::config::limits::INCIDENT_ORDERS;
use weir_core::config::settings::{self, Settings};
use weir_core::diagnosis::Finding;
use weir_core::incident::{
    Incident, IncidentDesk, Moment, Note, Record, Signals, State, Wall, words,
};
use weir_core::time;

use super::keeper::Keeper;
use crate::alert::Alerts;
use crate::proxy::chance;

/// What was seen in one moment.
#[derive(Debug, Clone)]
pub struct Look {
    /// What the rules found.
    pub findings: Vec<Finding>,
    /// What was counted.
    pub signals: Signals,
}

/// What the thread is told.
enum Order {
    Look(Moment, Box<Look>),
    Note(Moment, Note),
    Reload(Box<Settings>),
}

/// Keeps incidents, until it is dropped.
#[derive(Debug)]
pub struct Incidents {
    orders: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<()>>,
    began: Instant,
    open: Arc<ArcSwapOption<Incident>>,
    /// Something was lost because the thread was busy, and that has been said.
    overrun: AtomicBool,
}

impl Incidents {
    /// Starts the thread, and that of the receivers.
    ///
    /// # Errors
    /// When the system gives no thread or no chance.
    pub fn start(settings: &Settings) -> Result<Self> {
        let (orders, ordered) = sync_channel(INCIDENT_ORDERS);
        let open = Arc::new(ArcSwapOption::empty());
        let wall = wall();
        let dir = settings.state_dir.as_deref().map(Path::new);
        let desk = Desk {
            desk: IncidentDesk::new(
                settings.incidents.rules.clone(),
                u64::from_ne_bytes(chance::bytes()?),
            ),
            keeper: Keeper::open(dir, wall, oldest(&settings.incidents, wall)),
            alerts: Alerts::start(settings)?,
            settings: settings.incidents.clone(),
            open: Arc::clone(&open),
        };
        let thread = std::thread::Builder::new()
            .name("weir-incidents".into())
            .spawn(move || desk.run(&ordered))
            .context("cannot start the thread of incidents")?;
        let overrun = AtomicBool::new(false);
        Ok(Self {
            orders: Some(orders),
            thread: Some(thread),
            began: Instant::now(),
            open,
            overrun,
        })
    }

    /// Takes one look: each second.
    pub fn observe(&self, look: Look) {
        self.order(Order::Look(self.now(), Box::new(look)));
    }

    /// Takes what somebody did.
    pub fn note(&self, note: Note) {
        self.order(Order::Note(self.now(), note));
    }

    /// Takes another configuration, which is an event of an open incident.
    pub fn reload(&self, settings: &Settings) {
        self.note(Note::ConfigChanged("reloaded".into()));
        self.order(Order::Reload(Box::new(settings.clone())));
    }

    /// The incident that is open.
    #[must_use]
    pub fn open_incident(&self) -> Option<Arc<Incident>> {
        self.open.load_full()
    }

    fn now(&self) -> Moment {
        let nanos = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Moment { mono: time::Instant::from_nanos(nanos), wall: wall() }
    }

    fn order(&self, order: Order) {
        match self.orders.as_ref().map(|orders| orders.try_send(order)) {
            Some(Ok(())) => self.overrun.store(false, Ordering::Relaxed),
            None => {}
            Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) => self.overrun(),
        }
    }

    /// Says once that something was lost.
    fn overrun(&self) {
        if !self.overrun.swap(true, Ordering::Relaxed) {
            tracing::error!("the thread of incidents is busy: looks are lost");
        }
    }
}

impl Drop for Incidents {
    fn drop(&mut self) {
        self.orders = None;
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
    open: Arc<ArcSwapOption<Incident>>,
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
            };
            self.hand_out(records);
        }
        let last = self.desk.leave();
        self.hand_out(last);
    }

    fn hand_out(&mut self, records: Vec<Record>) {
        // First to disk: what is shown must survive a crash.
        self.keeper.keep(&records);
        self.open.store(self.desk.open_incident().map(Arc::new));
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
        log(&self.settings, &incident);
        self.alerts.tell(Message::change(&self.settings.name, incident));
    }
}

/// The log is told of everything, openings at the critical level.
fn log(settings: &settings::Incidents, incident: &Incident) {
    let message = Message::change(&settings.name, incident.clone());
    let (title, id) = (message.title(settings.language), incident.id.to_string());
    let lines = message.lines(settings.language).join("; ");
    let state = words::state(incident.state, settings.language);
    match incident.state {
        State::Open | State::Mitigating => {
            tracing::error!(severity = "critical", incident = %id, state, "{title}: {lines}");
        }
        State::Watching | State::Closed => {
            tracing::warn!(severity = "info", incident = %id, state, "{title}: {lines}");
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
