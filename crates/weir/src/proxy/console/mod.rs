//! The console: a database of our own on the address where clients connect.
//!
//! What a text means and what a table holds is decided in [`weir_core::console`]; here sessions
//! are held, workers are asked and orders are given. It runs on the login threads, so that it
//! answers when every slot is taken.
//!
//! | file | job |
//! | --- | --- |
//! | `session` | one session: messages in, answers out, and what can interrupt a command |
//! | `extended` | statements and portals of the extended protocol |
//! | `answer` | results as messages |
//! | `gather` | the workers' snapshots and everything else tables are made from |
//! | `operate` | orders to workers and to the process |
//! | `heal` | orders to the healing ladder |

mod answer;
mod extended;
mod gather;
mod heal;
mod operate;
mod session;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::sync::{Notify, Semaphore, oneshot, watch};
use weir_core::config::limits;
use weir_core::console::{ConfigRow, History, Holds, Shutdown, Snapshot};
use weir_core::incident::Signals;
use weir_core::ledger::{Picture, Recorder};

pub use gather::{Gathered, NoAnswer, snapshot};
pub use heal::intervene;

use crate::proxy::login::Visitor;
use crate::proxy::threads::House;

/// The program and its version, for SHOW VERSION.
pub const VERSION: &str = concat!("Weir ", env!("CARGO_PKG_VERSION"));

/// What an administrator orders of the process as a whole.
#[derive(Debug)]
pub enum Order {
    /// Read the configuration again; answered with what is wrong with it.
    Reload(oneshot::Sender<Result<(), String>>),
    /// Stop.
    Stop(Shutdown),
}

/// What the sessions of the console share.
#[derive(Debug)]
pub struct Console {
    /// Places of sessions.
    pub places: Arc<Semaphore>,
    sessions: Mutex<Sessions>,
    holds: Mutex<Holds>,
    history: Mutex<History>,
    recorder: Mutex<Recorder>,
    /// What the ledgers said a second ago, for those who follow it.
    signals: watch::Sender<Signals>,
    /// The configuration as it is written.
    pub config: ArcSwap<Vec<ConfigRow>>,
    started: Instant,
}

/// Who can be interrupted by a cancel request.
#[derive(Debug, Default)]
struct Sessions {
    next: i32,
    by_pid: HashMap<i32, (Vec<u8>, Arc<Notify>)>,
}

/// The high byte of the process ids of console sessions; workers have 0 to 63.
const PID_BYTE: i32 = 0x7f;

impl Default for Console {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(limits::CONSOLE_SESSIONS)),
            sessions: Mutex::default(),
            holds: Mutex::default(),
            history: Mutex::default(),
            recorder: Mutex::default(),
            signals: watch::Sender::default(),
            config: ArcSwap::default(),
            started: Instant::now(),
        }
    }
}

/// Serves every visitor, and keeps the history that averages need, until the process ends.
/// `orders` takes what administrators order of the process.
pub async fn serve(house: Arc<House>, mut visitors: Receiver<Visitor>, orders: Sender<Order>) {
    tokio::spawn(gather::keep_history(Arc::clone(&house)));
    tokio::spawn(gather::record_ledger(Arc::clone(&house)));
    while let Some(visitor) = visitors.recv().await {
        tokio::spawn(session::serve(Arc::clone(&house), visitor, orders.clone()));
    }
}

impl Console {
    /// Whether new clients of this database are refused.
    #[must_use]
    pub fn is_disabled(&self, database: &str) -> bool {
        self.holds().is_disabled(database)
    }

    /// A cancel request names a console session: whatever it waits for is given up. False when the
    /// process id is none of ours.
    pub fn cancel(&self, pid: i32, secret: &[u8]) -> bool {
        if pid >> 24 != PID_BYTE {
            return false;
        }
        let sessions = lock(&self.sessions);
        if let Some((known, interrupt)) = sessions.by_pid.get(&pid)
            && known == secret
        {
            interrupt.notify_one();
        }
        true
    }

    /// Makes a session known to [`Self::cancel`] and returns its process id.
    fn register(&self, secret: Vec<u8>, interrupt: Arc<Notify>) -> i32 {
        let mut sessions = lock(&self.sessions);
        sessions.next = (sessions.next + 1) & 0x00ff_ffff;
        let pid = PID_BYTE << 24 | sessions.next;
        sessions.by_pid.insert(pid, (secret, interrupt));
        pid
    }

    fn forget(&self, pid: i32) {
        lock(&self.sessions).by_pid.remove(&pid);
    }

    fn holds(&self) -> MutexGuard<'_, Holds> {
        lock(&self.holds)
    }

    fn history(&self) -> MutexGuard<'_, History> {
        lock(&self.history)
    }

    /// Notes what the ledgers say now.
    fn record(&self, snapshot: &Snapshot) {
        let mut recorder = lock(&self.recorder);
        recorder.note(self.now(), &snapshot.ledger, slots(snapshot));
        let latest = recorder.seconds().next_back();
        self.signals.send_replace(Signals::of(&snapshot.ledger, latest.map(|frame| &**frame)));
    }

    /// What the ledgers say, each second anew.
    #[must_use]
    pub fn signals(&self) -> watch::Receiver<Signals> {
        self.signals.subscribe()
    }

    /// What the ledgers say now, and what they said lately.
    fn picture(&self, snapshot: &Snapshot) -> Picture {
        let recorder = lock(&self.recorder);
        Picture::of(&snapshot.ledger, &recorder, self.started.elapsed(), slots(snapshot))
    }

    /// The time on the clock of the history.
    fn now(&self) -> weir_core::time::Instant {
        let nanos = self.started.elapsed().as_nanos();
        weir_core::time::Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// Server connections there may be, all pools together.
fn slots(snapshot: &Snapshot) -> u32 {
    snapshot.pools.iter().fold(0, |sum, pool| sum.saturating_add(pool.view.size_max))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
