//! Keeps stretches: on disk where there is a state directory; in memory while the disk takes none,
//! which it says once.

use std::collections::VecDeque;
use std::path::PathBuf;

use anyhow::Result;
use weir_core::config::limits::LEDGER_SUMMARIES_IN_MEMORY;
use weir_core::config::settings;
use weir_core::ledger::Summary;

use super::before;
use crate::store::LedgerStore;

/// Stretches from one look for what is too old to the next.
const FORGET_EVERY: u32 = 60;

/// Keeps stretches. Its calls wait for the disk.
#[derive(Debug)]
pub(super) struct Keeper {
    dir: Option<PathBuf>,
    settings: settings::History,
    store: Option<LedgerStore>,
    /// What is not on disk.
    here: VecDeque<Summary>,
    taken: u32,
    failing: bool,
}

impl Keeper {
    /// Keeps in this directory; in memory where there is none. Opens nothing yet.
    pub(super) fn new(dir: Option<PathBuf>, settings: settings::History) -> Self {
        let here = VecDeque::new();
        Self { dir, settings, store: None, here, taken: 0, failing: false }
    }

    /// Keeps one more. When this returns it is on disk, or there is no disk that takes it.
    pub(super) fn keep(&mut self, summary: Summary) {
        self.here.push_back(summary);
        match self.store_all() {
            Ok(()) => {
                if std::mem::take(&mut self.failing) {
                    tracing::info!("the ledger's history is stored again");
                }
            }
            Err(why) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(
                        "the ledger's history is kept in memory until it can be stored: {why}"
                    );
                }
            }
        }
        while self.here.len() > LEDGER_SUMMARIES_IN_MEMORY {
            self.here.pop_front();
        }
    }

    /// What is not on disk, the oldest first.
    pub(super) fn in_memory(&self) -> Vec<Summary> {
        self.here.iter().cloned().collect()
    }

    fn store_all(&mut self) -> Result<()> {
        let Some(dir) = &self.dir else { return Ok(()) };
        let store = match &mut self.store {
            Some(store) => store,
            none => none.insert(LedgerStore::open(dir, self.settings.bytes_max)?),
        };
        while let Some(next) = self.here.front() {
            if self.taken.is_multiple_of(FORGET_EVERY) {
                store.forget(before(next.until, self.settings.keep))?;
            }
            while store.make_room()? > 0 {}
            store.store([next])?;
            self.taken = self.taken.wrapping_add(1);
            self.here.pop_front();
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn store(&self) -> &LedgerStore {
        self.store.as_ref().expect("there is a store")
    }
}
