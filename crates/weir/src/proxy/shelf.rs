//! Slots of pools that several workers serve, as far as no worker has them.
//!
//! What is taken and given is decided in [`weir_core::pool::lending`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use weir_core::pool::lending::{OnShelf, fair_part};

use crate::proxy::target::PoolKey;

/// What the workers of one pool share.
#[derive(Debug)]
pub struct Shelf {
    /// How many workers serve the pool, at least 2.
    workers: u32,
    /// Slots of the pool.
    total: AtomicU32,
    /// Slots that no worker has; below zero after a reload that made the pool smaller.
    free: AtomicI64,
    /// Workers whose clients wait for more.
    hungry: AtomicU32,
    /// Clients of each worker that have a slot or wait for one, by the worker's rank.
    demand: Box<[AtomicU32]>,
    /// Clients so far: each goes to the next worker.
    turn: AtomicUsize,
}

impl Shelf {
    /// All slots but one for each worker, which it never lends. A pool with fewer slots than
    /// workers is served by as many of them as it has slots.
    fn new(slots: u32, workers: u32) -> Self {
        Self {
            workers,
            total: AtomicU32::new(slots),
            free: AtomicI64::new(i64::from(slots) - i64::from(workers)),
            hungry: AtomicU32::new(0),
            demand: (0..workers).map(|_| AtomicU32::new(0)).collect(),
            turn: AtomicUsize::new(0),
        }
    }

    /// How many workers serve the pool.
    #[must_use]
    pub fn workers(&self) -> u32 {
        self.workers
    }

    /// Which of them the next client goes to, counted from the pool's first.
    #[must_use]
    pub fn next(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed) % self.workers as usize
    }

    /// An equal share of the slots, at least 1; the first workers have what does not divide.
    #[must_use]
    pub fn share(&self, rank: u32) -> u32 {
        part(self.total.load(Ordering::Relaxed), rank, self.workers).max(1)
    }

    /// What the worker of this rank sees, with so many clients that have a slot or wait for one,
    /// which is itself `hungry` or not.
    #[must_use]
    pub fn seen_by(&self, rank: u32, demand: u32, hungry: bool) -> OnShelf {
        self.set_demand(rank, demand);
        let others = self.hungry.load(Ordering::Relaxed).saturating_sub(u32::from(hungry));
        let all = self.demand.iter().map(|it| u64::from(it.load(Ordering::Relaxed))).sum();
        let free = self.free.load(Ordering::Relaxed);
        let fair = fair_part(self.total.load(Ordering::Relaxed), demand, all);
        OnShelf { free, others_hungry: others > 0, fair }
    }

    /// Tells the other workers how many clients have a slot or wait for one.
    pub fn set_demand(&self, rank: u32, clients: u32) {
        if let Some(demand) = self.demand.get(rank as usize) {
            demand.store(clients, Ordering::Relaxed);
        }
    }

    /// Takes up to so many slots; returns how many.
    #[must_use]
    pub fn take(&self, wanted: u32) -> u32 {
        let taken = |free: i64| free.clamp(0, i64::from(wanted));
        let before =
            self.free.update(Ordering::Relaxed, Ordering::Relaxed, |free| free - taken(free));
        u32::try_from(taken(before)).unwrap_or(0)
    }

    /// Puts slots back.
    pub fn give(&self, slots: u32) {
        self.free.fetch_add(i64::from(slots), Ordering::Relaxed);
    }

    /// A worker has become hungry, or is so no more.
    pub fn set_hungry(&self, hungry: bool) {
        if hungry {
            self.hungry.fetch_add(1, Ordering::Relaxed);
        } else {
            self.hungry.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The pool has so many slots from now on, at least one for each worker.
    fn resize(&self, slots: u32) {
        let slots = slots.max(self.workers);
        let before = self.total.swap(slots, Ordering::Relaxed);
        self.free.fetch_add(i64::from(slots) - i64::from(before), Ordering::Relaxed);
    }
}

/// An equal part of `whole`: the first of `of` parts have what does not divide.
#[must_use]
pub fn part(whole: u32, rank: u32, of: u32) -> u32 {
    whole / of + u32::from(rank < whole % of)
}

/// The shelves that are in use: a pool has one for as long as any worker serves it, through
/// reloads and while some of its workers have forgotten it.
#[derive(Debug, Default)]
pub struct Shelves {
    known: Mutex<HashMap<PoolKey, Weak<Shelf>>>,
}

impl Shelves {
    /// The pool's shelf, which is made when there is none and `workers` are more than one. `slots`
    /// are those of the pool now.
    pub fn of(&self, pool: &PoolKey, slots: u32, workers: u32) -> Option<Arc<Shelf>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shelf) = known.get(pool).and_then(Weak::upgrade) {
            shelf.resize(slots);
            return Some(shelf);
        }
        let workers = workers.min(slots);
        if workers < 2 {
            return None;
        }
        known.retain(|_, shelf| shelf.strong_count() > 0);
        let shelf = Arc::new(Shelf::new(slots, workers));
        known.insert(pool.clone(), Arc::downgrade(&shelf));
        Some(shelf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> PoolKey {
        PoolKey { database: "shop".into(), user: "app".into() }
    }

    #[test]
    fn slots_go_round_and_none_is_made() {
        let shelf = Shelf::new(8, 2);
        assert_eq!([shelf.take(4), shelf.take(4), shelf.take(4)], [4, 2, 0]);
        shelf.give(3);
        assert_eq!(shelf.take(9), 3);
        shelf.resize(5);
        let seen = OnShelf { free: -3, others_hungry: false, fair: 5 };
        assert_eq!(shelf.seen_by(0, 0, false), seen);
        assert_eq!(shelf.take(1), 0);
        shelf.give(4);
        assert_eq!(shelf.take(9), 1);
    }

    #[test]
    fn a_worker_does_not_lend_for_its_own_hunger() {
        let shelf = Shelf::new(8, 2);
        shelf.set_hungry(true);
        assert!(!shelf.seen_by(0, 5, true).others_hungry);
        assert!(shelf.seen_by(1, 5, false).others_hungry);
        shelf.set_hungry(false);
        assert!(!shelf.seen_by(0, 5, false).others_hungry);
    }

    #[test]
    fn the_fair_part_follows_the_clients_of_all_workers() {
        let shelf = Shelf::new(8, 2);
        assert_eq!(shelf.seen_by(0, 30, true).fair, 8, "nobody else wants any");
        assert_eq!(shelf.seen_by(1, 10, true).fair, 2);
        assert_eq!(shelf.seen_by(0, 30, true).fair, 6);
        shelf.set_demand(1, 0);
        assert_eq!(shelf.seen_by(0, 30, true).fair, 8, "it has gone");
    }

    #[test]
    fn the_shares_are_the_whole() {
        let shelf = Shelf::new(8, 3);
        assert_eq!([shelf.share(0), shelf.share(1), shelf.share(2)], [3, 3, 2]);
    }

    #[test]
    fn a_pool_keeps_its_shelf_while_anybody_has_it() {
        let shelves = Shelves::default();
        let shelf = shelves.of(&key(), 8, 2).unwrap();
        assert_eq!(shelf.take(2), 2);
        let again = shelves.of(&key(), 9, 1).unwrap();
        assert!(Arc::ptr_eq(&shelf, &again), "whatever the settings say by now");
        assert_eq!(again.take(9), 5);
        drop((shelf, again));
        assert!(shelves.of(&key(), 8, 1).is_none());
        assert_eq!(shelves.of(&key(), 3, 8).unwrap().workers(), 3, "as many as it has slots");
    }
}
