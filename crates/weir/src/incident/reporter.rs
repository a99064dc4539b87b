//! How the rest of the process speaks to the thread of incidents. Whoever brings something never
//! waits: what finds no place is lost, and the log says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Instant;

use weir_core::config::limits::INCIDENT_ORDERS;
use weir_core::config::settings::Settings;
use weir_core::diagnosis::Finding;
use weir_core::incident::{Incident, IncidentId, Moment, Note, Signals};
use weir_core::time;

use super::thread::wall;

/// What was seen in one moment.
#[derive(Debug, Clone)]
pub struct Look {
    /// What the rules found.
    pub findings: Vec<Finding>,
    /// What was counted.
    pub signals: Signals,
}

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Order {
    Look(Moment, Box<Look>),
    Note(Moment, Note),
    Reload(Box<Settings>),
    End,
}

/// Tells the thread of incidents what is seen and done, and knows whether an incident is open.
/// Cheap to clone; may be used from any thread, a worker's too.
#[derive(Debug, Clone)]
pub struct Reporter {
    orders: SyncSender<Order>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    began: Instant,
    /// The last number that an action was given.
    numbers: AtomicU64,
    /// Something was lost because the thread was busy, and that has been said.
    overrun: AtomicBool,
    /// [`Incident::word`] of the open incident; 0 without one.
    open: AtomicU64,
}

impl Default for Reporter {
    /// One that nobody listens to.
    fn default() -> Self {
        Self::new().0
    }
}

impl Reporter {
    /// A reporter, and where what it is told arrives.
    pub(super) fn new() -> (Self, Receiver<Order>) {
        let (orders, ordered) = sync_channel(INCIDENT_ORDERS);
        let shared = Shared {
            began: Instant::now(),
            numbers: AtomicU64::new(0),
            overrun: AtomicBool::new(false),
            open: AtomicU64::new(0),
        };
        (Self { orders, shared: Arc::new(shared) }, ordered)
    }

    /// Takes one look: each second.
    pub fn observe(&self, look: Look) {
        self.order(Order::Look(self.now(), Box::new(look)));
    }

    /// Takes what somebody did. Actions have a number from [`Self::number`]; effect and end have
    /// the same.
    pub fn note(&self, note: Note) {
        self.order(Order::Note(self.now(), note));
    }

    /// A number for an action that no other action of this process has.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.shared.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Takes another configuration, which is an event of an open incident.
    pub fn reload(&self, settings: &Settings) {
        self.note(Note::ConfigChanged("reloaded".into()));
        self.order(Order::Reload(Box::new(settings.clone())));
    }

    /// The name of the open incident. Costs one load of an atomic while there is none.
    #[must_use]
    pub fn open(&self) -> Option<IncidentId> {
        IncidentId::of_word(self.shared.open.load(Ordering::Relaxed))
    }

    pub(super) fn set_open(&self, incident: Option<&Incident>) {
        self.shared.open.store(incident.map_or(0, Incident::word), Ordering::Relaxed);
    }

    /// Ends the thread once it has done what it was told before. Waits for a place in its queue.
    pub(super) fn end(&self) {
        // A thread that is gone has ended already.
        let _ = self.orders.send(Order::End);
    }

    fn now(&self) -> Moment {
        let nanos = u64::try_from(self.shared.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Moment { mono: time::Instant::from_nanos(nanos), wall: wall() }
    }

    fn order(&self, order: Order) {
        match self.orders.try_send(order) {
            Ok(()) => self.shared.overrun.store(false, Ordering::Relaxed),
            // The process ends.
            Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(_)) => {
                if !self.shared.overrun.swap(true, Ordering::Relaxed) {
                    tracing::error!("the thread of incidents is busy: looks are lost");
                }
            }
        }
    }
}
