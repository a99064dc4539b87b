//! This worker's parts of pools that several workers serve.

use std::sync::Arc;

use weir_core::ids::PoolId;
use weir_core::pool::PoolSettings;
use weir_core::pool::lending::{Part, Seen};

use crate::proxy::shelf::{Shelf, part};
use crate::proxy::target::{PoolKey, Target};
use crate::proxy::threads::first_worker;
use crate::proxy::worker::Worker;

/// A part of a pool that other workers serve, too.
#[derive(Debug)]
pub(super) struct Lent {
    shelf: Arc<Shelf>,
    part: Part,
    /// This worker's place among those of the pool.
    rank: u32,
    /// The shelf knows that clients wait here.
    hungry: bool,
}

impl Lent {
    /// This worker's part of a pool; `None` where no other worker serves it.
    pub(super) fn of(
        target: &Target,
        key: &PoolKey,
        worker: usize,
        workers: usize,
    ) -> Option<Self> {
        let shelf = Arc::clone(target.shelf.as_ref()?);
        let rank = (worker + workers - first_worker(key, workers)) % workers;
        let rank = u32::try_from(rank).unwrap_or(0);
        let base = shelf.share(rank);
        let part = Part::new(1 + shelf.take(base - 1), base);
        Some(Self { shelf, part, rank, hungry: false })
    }

    /// What the pool's settings come to here.
    pub(super) fn settings(&self, whole: &PoolSettings) -> PoolSettings {
        let mine = |count| part(count, self.rank, self.shelf.workers());
        let size_max = self.part.size();
        PoolSettings {
            size_max,
            size_min: mine(whole.size_min).min(size_max),
            reserve: mine(whole.reserve),
            queue_len_max: mine(whole.queue_len_max).max(1),
            ..whole.clone()
        }
    }

    fn set_hungry(&mut self, hungry: bool) {
        if self.hungry != hungry {
            self.hungry = hungry;
            self.shelf.set_hungry(hungry);
        }
    }

    /// One look; true when the size has changed.
    fn look(&mut self, seen: Seen) -> bool {
        let before = self.part.size();
        let moves = self.part.look(seen, self.shelf.seen_by(self.rank, seen.demand(), self.hungry));
        self.shelf.give(moves.give);
        self.part.took(self.shelf.take(moves.take));
        self.set_hungry(moves.hungry);
        self.part.size() != before
    }
}

impl Drop for Lent {
    /// The worker has given the pool up.
    fn drop(&mut self) {
        self.set_hungry(false);
        self.shelf.set_demand(self.rank, 0);
        self.shelf.give(self.part.lent_to_us());
    }
}

impl Worker {
    /// Takes and lends slots of pools that other workers serve, too.
    pub(super) fn lend(&mut self) {
        for at in 0..self.homes.len() {
            if self.homes[at].lent.is_none() {
                continue;
            }
            // There are fewer pools than a `u32` counts.
            let pool = PoolId(u32::try_from(at).unwrap_or(u32::MAX));
            let view = self.pools.view(pool);
            let seen = Seen { open: view.open(), idle: view.idle, waiting: view.waiting };
            let home = &mut self.homes[at];
            let Some(lent) = &mut home.lent else { continue };
            if lent.look(seen) {
                let settings = lent.settings(&home.target.pool);
                self.pools.reconfigure(self.now, pool, settings);
            }
        }
    }

    /// The pool's settings in this worker, after a reload too.
    pub(super) fn settings_of(&mut self, pool: PoolId, target: &Target) -> PoolSettings {
        match &mut self.homes[pool.0 as usize].lent {
            None => target.pool.clone(),
            Some(lent) => {
                lent.part.rebase(lent.shelf.share(lent.rank));
                lent.settings(&target.pool)
            }
        }
    }
}
