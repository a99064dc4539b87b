//! How the rest of the process speaks to the thread of incidents. Whoever brings something never
//! waits: what finds no place is lost, and the log says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Instant;

use arc_swap::ArcSwapOption;
use weir_core::config::choices::Language;
use weir_core::config::limits::INCIDENT_ORDERS;
use weir_core::config::settings::Settings;
use weir_core::diagnosis::Finding;
use weir_core::incident::{Incident, IncidentId, Moment, Note, Signals, USER_WORDS, Users, words};
use weir_core::time;

use super::shelf::Shelf;
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
    /// The open incident.
    open: ArcSwapOption<Open>,
    /// Requests that failed for want of a connection and were not refused.
    failed: AtomicU64,
    /// Users of requests that were refused or failed since the last look, as in [`Users`].
    users: [AtomicU64; USER_WORDS],
    shelf: Shelf,
}

/// The open incident, for those who turn clients away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Its name.
    pub id: IncidentId,
    /// The same with its cause, without a full stop: `Incident 20260131-235959-ab12: …`.
    pub line: String,
}

impl Open {
    fn of(incident: &Incident) -> Self {
        let cause = incident.lead().map(|suspect| {
            let who = words::place(&suspect.finding.culprit, Language::En);
            let what = suspect.finding.cause.title();
            who.map_or_else(|| what.to_owned(), |who| format!("{what} ({who})"))
        });
        let cause = cause.unwrap_or_else(|| "its cause is not known yet".into());
        Self { id: incident.id.clone(), line: format!("Incident {}: {cause}", incident.id) }
    }
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
            open: ArcSwapOption::empty(),
            failed: AtomicU64::new(0),
            users: [const { AtomicU64::new(0) }; USER_WORDS],
            shelf: Shelf::default(),
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

    /// Takes another configuration, which is an event of an open incident; `what` says what has
    /// changed.
    pub fn reload(&self, settings: &Settings, what: String) {
        self.note(Note::ConfigChanged(what));
        self.order(Order::Reload(Box::new(settings.clone())));
    }

    /// A request was refused; `user` is a hash of its user, 0 where nobody said. How many were is
    /// the ledger's to count.
    pub fn refused(&self, user: u32) {
        if user != 0 {
            let (word, bit) = Users::place(user);
            self.shared.users[word].fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// A request failed for want of a connection and was not refused: the server connection broke
    /// or was taken from it, or its client waited in vain.
    pub fn failed(&self, user: u32) {
        self.shared.failed.fetch_add(1, Ordering::Relaxed);
        self.refused(user);
    }

    /// How many failed so far.
    #[must_use]
    pub fn failed_total(&self) -> u64 {
        self.shared.failed.load(Ordering::Relaxed)
    }

    /// The users of requests that were refused or failed since this was asked last.
    #[must_use]
    pub fn take_users(&self) -> Users {
        let mut words = Box::new([0; USER_WORDS]);
        for (word, shared) in words.iter_mut().zip(&self.shared.users) {
            *word = shared.swap(0, Ordering::Relaxed);
        }
        Users::of(words)
    }

    /// The open incident. Waits for nobody.
    #[must_use]
    pub fn open(&self) -> Option<Arc<Open>> {
        self.shared.open.load_full()
    }

    /// The latest incidents with all that is known of them.
    #[must_use]
    pub fn shelf(&self) -> &Shelf {
        &self.shared.shelf
    }

    pub(super) fn set_open(&self, incident: Option<&Incident>) {
        let open = incident.map(Open::of);
        if self.shared.open.load().as_deref() != open.as_ref() {
            self.shared.open.store(open.map(Arc::new));
        }
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
