//! The ledger's history: a summary of each minute, kept on disk for a month.
//!
//! | file | job |
//! | --- | --- |
//! | `feed` | asks the workers at the end of each stretch |
//! | `keeper` | stretches to disk, or to memory while the disk takes none |
//! | `command` | `weir ledger`: reads the state directory |
//! | `table` | the same as text |
//!
//! Losing any of this stops no query: it runs on the login threads, and a disk that hangs makes
//! the next stretch longer, no more.

pub mod command;
mod feed;
mod keeper;
mod table;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use weir_core::config::limits::LEDGER_SUMMARIES_SHOWN;
use weir_core::config::settings::Settings;
use weir_core::incident::Wall;
use weir_core::ledger::Summary;

use self::feed::Feed;
use self::keeper::Keeper;
use crate::proxy::threads::House;
use crate::store::{LedgerStore, StoreError};

/// How long a stop waits for the stretch under way to be written.
const FLUSH_MAX: Duration = Duration::from_secs(5);

/// The history of a running proxy.
#[derive(Debug)]
pub struct History {
    dir: Option<PathBuf>,
    kept: Arc<InMemory>,
    flushes: mpsc::Sender<oneshot::Sender<()>>,
}

/// Stretches that are not on disk.
#[derive(Debug, Default)]
struct InMemory(Mutex<Vec<Summary>>);

impl InMemory {
    fn replace(&self, stretches: Vec<Summary>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stretches;
    }

    fn get(&self) -> Vec<Summary> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What is known of a time.
#[derive(Debug)]
pub struct Known {
    /// The oldest first; of more than the bound the latest.
    pub stretches: Vec<Summary>,
    /// How many of them are in memory only.
    pub in_memory: usize,
    /// Why those on disk are missing, when they are.
    pub unread: Option<StoreError>,
}

impl History {
    /// Begins to keep the history. Without a ledger it only reads what was kept before.
    #[must_use]
    pub fn start(settings: &Settings, runtime: &Runtime, house: Arc<House>) -> Self {
        let dir = settings.state_dir.as_ref().map(PathBuf::from);
        let kept = Arc::new(InMemory::default());
        let (flushes, flushed) = mpsc::channel(1);
        let feed = Feed {
            house,
            keeper: Keeper::new(dir.clone(), settings.history.clone()),
            kept: Arc::clone(&kept),
            every: settings.history.every,
        };
        if settings.ledger {
            runtime.spawn(feed.run(wall(), flushed));
        }
        Self { dir, kept, flushes }
    }

    /// Writes the stretch under way, because the process may end soon. Waits a bounded time.
    pub async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.flushes.try_send(done).is_ok() && timeout(FLUSH_MAX, written).await.is_err() {
            tracing::error!("the last stretch of the ledger's history is lost: the disk is busy");
        }
    }

    /// What is known of the time from `since` to `until`. Reads the disk.
    #[must_use]
    pub fn read(&self, since: Wall, until: Wall) -> Known {
        // Memory first: what moves to the disk meanwhile is then seen twice, not missed.
        let memory = self.kept.get();
        let on_disk = self.dir.as_ref().map(|dir| stored(dir, since, until)).transpose();
        let (mut stretches, unread) = match on_disk {
            Ok(stretches) => (stretches.unwrap_or_default(), None),
            Err(why) => (Vec::new(), Some(why)),
        };
        let here = |one: &Summary| one.until > since && one.from < until;
        let new: Vec<Summary> =
            memory.into_iter().filter(|one| here(one) && !stretches.contains(one)).collect();
        let in_memory = new.len();
        stretches.extend(new);
        stretches.drain(..stretches.len().saturating_sub(LEDGER_SUMMARIES_SHOWN));
        Known { stretches, in_memory, unread }
    }
}

/// What is on disk; nothing where there is no file yet.
fn stored(dir: &Path, since: Wall, until: Wall) -> Result<Vec<Summary>, StoreError> {
    if !LedgerStore::exists(dir) {
        return Ok(Vec::new());
    }
    LedgerStore::open_to_read(dir)?.read_known(dir, since, until, LEDGER_SUMMARIES_SHOWN)
}

/// The calendar's present moment.
pub fn wall() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// So long before now.
#[must_use]
pub fn before(now: Wall, span: Duration) -> Wall {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    Wall(now.0.saturating_sub(millis))
}

#[cfg(test)]
mod tests;
