//! Keeps records: on disk where there is a state directory; in memory while the disk takes none,
//! which it says once.

use std::collections::VecDeque;
use std::path::Path;

use weir_core::config::limits::INCIDENT_RECORDS_UNSTORED;
use weir_core::incident::report::Story;
use weir_core::incident::{Price, Record, Wall};

use crate::store::IncidentStore;

/// Keeps records.
#[derive(Debug)]
pub struct Keeper {
    store: Option<IncidentStore>,
    /// What the disk did not take yet.
    unstored: VecDeque<Record>,
    failing: bool,
}

impl Keeper {
    /// Opens the store of the state directory; without a directory nothing is kept over the end of
    /// the process. Closes what an earlier process left open, and forgets what is too old. A store
    /// that cannot be opened is told of, and does without.
    #[must_use]
    pub fn open(dir: Option<&Path>, now: Wall, forget: Wall) -> Self {
        let store = dir.and_then(|dir| match ready(dir, now, forget) {
            Ok(store) => Some(store),
            Err(why) => {
                tracing::error!("incidents are kept in memory only: {why:#}");
                None
            }
        });
        Self::new(store)
    }

    /// Keeps in this store.
    #[must_use]
    pub fn new(store: Option<IncidentStore>) -> Self {
        Self { store, unstored: VecDeque::new(), failing: false }
    }

    /// Keeps records. When this returns they are on disk, or there is no disk that takes them.
    pub fn keep(&mut self, records: &[Record]) {
        let Some(store) = &mut self.store else { return };
        self.unstored.extend(records.iter().filter(|record| kept(record)).cloned());
        if self.unstored.is_empty() {
            return;
        }
        match store.store(&self.unstored) {
            Ok(()) => {
                self.unstored.clear();
                if std::mem::take(&mut self.failing) {
                    tracing::info!("incidents are stored again");
                }
            }
            Err(why) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!("incidents are kept in memory until they can be stored: {why}");
                }
                while self.unstored.len() > INCIDENT_RECORDS_UNSTORED {
                    self.unstored.pop_front();
                }
            }
        }
    }

    /// The latest incidents on disk, the oldest first. What cannot be read is told of and left out.
    #[must_use]
    pub fn latest(&self, count: usize, price: Option<&Price>) -> Vec<Story> {
        let Some(store) = &self.store else { return Vec::new() };
        let known = store.list(u32::try_from(count).unwrap_or(u32::MAX));
        let stories = known.and_then(|known| {
            let newest_last = known.into_iter().rev();
            newest_last.map(|incident| store.story(incident, price.cloned())).collect()
        });
        stories.unwrap_or_else(|why| {
            tracing::error!("incidents of earlier processes cannot be shown: {why}");
            Vec::new()
        })
    }

    /// Records that wait for the disk.
    #[must_use]
    pub fn unstored(&self) -> usize {
        self.unstored.len()
    }

    #[cfg(test)]
    pub(super) fn store(&self) -> &IncidentStore {
        self.store.as_ref().expect("there is a store")
    }
}

fn ready(dir: &Path, now: Wall, forget: Wall) -> anyhow::Result<IncidentStore> {
    let mut store = IncidentStore::open(dir)?;
    let left = store.close_interrupted(now)?;
    if left > 0 {
        tracing::warn!(count = left, "the last process ended during an incident");
    }
    store.forget(forget)?;
    Ok(store)
}

fn kept(record: &Record) -> bool {
    match record {
        Record::Event(..) | Record::Incident(_) | Record::Flight(..) => true,
        Record::Tell(_) => false,
    }
}
