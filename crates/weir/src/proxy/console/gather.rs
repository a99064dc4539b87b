//! The workers' snapshots, and everything else that tables and metrics are made from.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, timeout};
use weir_core::console::{ConfigRow, History, Holds, Snapshot, View};
use weir_core::incident::report::Story;
use weir_core::incident::{Around, ClassNow, DispatchLog};
use weir_core::ledger::Picture;
use weir_core::time::Instant;

use super::VERSION;
use crate::proxy::directory::Directory;
use crate::proxy::mail::{Detail, ToWorker};
use crate::proxy::threads::House;

/// How long workers may take to answer. They answer between two turns of their loop, so one that
/// takes this long is stuck.
const PATIENCE: Duration = Duration::from_secs(5);

/// A worker did not answer in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("worker {worker} did not answer within {} s", PATIENCE.as_secs())]
pub struct NoAnswer {
    /// Its index.
    pub worker: usize,
}

/// What a [`View`] borrows from.
#[derive(Debug)]
pub struct Gathered {
    snapshot: Snapshot,
    directory: Arc<Directory>,
    config: Arc<Vec<ConfigRow>>,
    ledger: Picture,
    incidents: Vec<Arc<Story>>,
    history: History,
    holds: Holds,
    stopping: bool,
    logins: u64,
    now: Instant,
}

impl Gathered {
    /// Asks every worker and looks at the rest.
    ///
    /// # Errors
    /// [`NoAnswer`] of the first worker that is stuck, or has ended.
    pub async fn new(house: &House, detail: Detail) -> Result<Self, NoAnswer> {
        let snapshot = snapshot(house, detail).await?;
        let console = &house.console;
        let ledger = match detail {
            Detail::Ledger | Detail::Slots | Detail::History => console.picture(&snapshot),
            Detail::Pools | Detail::Connections | Detail::Healing => Picture::default(),
        };
        Ok(Self {
            ledger,
            incidents: house.incidents.shelf().all(),
            snapshot,
            directory: house.directory.load_full(),
            config: console.config.load_full(),
            history: console.history().clone(),
            holds: console.holds().clone(),
            stopping: house.stopping.load(Ordering::Relaxed),
            logins: house.lobby.taken() as u64,
            now: console.now(),
        })
    }

    /// Who has the slots, and what their time goes into; empty where that was not asked for.
    #[must_use]
    pub const fn ledger(&self) -> &Picture {
        &self.ledger
    }

    /// The process as it was when it was asked.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        let unix = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
        View {
            version: VERSION,
            now: self.now,
            unix_seconds: unix,
            settings: &self.directory.settings,
            config: &self.config,
            snapshot: &self.snapshot,
            ledger: &self.ledger,
            incidents: &self.incidents,
            history: &self.history,
            holds: &self.holds,
            stopping: self.stopping,
            logins: self.logins,
            resident_bytes: resident_bytes(),
        }
    }
}

/// All workers in one snapshot. They are asked at the same time.
///
/// # Errors
/// [`NoAnswer`] of the first worker that is stuck, or has ended.
pub async fn snapshot(house: &House, detail: Detail) -> Result<Snapshot, NoAnswer> {
    let asked = house.mailboxes.iter().map(|mailbox| {
        let (answer, answered) = oneshot::channel();
        mailbox.put(ToWorker::Inspect { detail, answer });
        answered
    });
    let answers: Vec<_> = asked.collect();
    let all = async {
        let mut whole = Snapshot::default();
        for (worker, answer) in answers.into_iter().enumerate() {
            match timeout(PATIENCE, answer).await {
                Ok(Ok(part)) => whole.merge(part),
                Ok(Err(_)) | Err(_) => return Err(NoAnswer { worker }),
            }
        }
        whole.sort();
        Ok(whole)
    };
    all.await
}

/// Notes totals at the end of each period, for averages, as long as the process runs.
pub(super) async fn keep_history(house: Arc<House>) {
    let mut periods = interval(History::PERIOD);
    periods.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is now, when there is nothing to note.
    periods.tick().await;
    loop {
        periods.tick().await;
        match snapshot(&house, Detail::Pools).await {
            Ok(snapshot) => house.console.history().note(house.console.now(), &snapshot),
            Err(error) => tracing::error!("no averages for this minute: {error}"),
        }
    }
}

/// Notes the ledger each second, for what happened lately, as long as the process runs.
pub(super) async fn record_ledger(house: Arc<House>) {
    let mut seconds = interval(Duration::from_secs(1));
    let mut dispatch = DispatchLog::default();
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        seconds.tick().await;
        if house.stopping.load(Ordering::Relaxed) {
            return;
        }
        match snapshot(&house, Detail::Ledger).await {
            Ok(snapshot) => {
                house.console.record(&snapshot);
                tell_of_dispatch(&house, &mut dispatch, &snapshot);
            }
            Err(error) => tracing::error!("no ledger for this second: {error}"),
        }
    }
}

/// What the dispatch does to classes becomes part of an incident.
fn tell_of_dispatch(house: &House, log: &mut DispatchLog, snapshot: &Snapshot) {
    let classes = &snapshot.ledger.classes;
    let around = Around {
        waiting: classes.iter().map(|class| class.waiting).sum(),
        class: &|route| ClassNow::of(&snapshot.ledger, route),
    };
    let now = house.console.now();
    let notes = log.note(now, &snapshot.controls, around, || house.incidents.number());
    notes.into_iter().for_each(|note| house.incidents.note(note));
}

/// The resident set of this process; 0 where the system does not say.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
