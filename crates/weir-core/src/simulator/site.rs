//! The application before the proxy and the PostgreSQL behind it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// The application's workers: each is busy with one request until it has its answer.
#[derive(Debug)]
pub(super) struct Application {
    limit: Option<u32>,
    busy: u32,
    backlog: VecDeque<u32>,
}

impl Application {
    pub(super) const fn new(limit: Option<u32>) -> Self {
        Self { limit, busy: 0, backlog: VecDeque::new() }
    }

    /// True when a client that gives up takes its waiting request back; a blocked worker cannot.
    pub(super) const fn can_withdraw(&self) -> bool {
        self.limit.is_none()
    }

    /// A request arrives: true when it is worked on at once.
    pub(super) fn enter(&mut self, attempt: u32) -> bool {
        if self.limit.is_some_and(|limit| self.busy >= limit) {
            self.backlog.push_back(attempt);
            return false;
        }
        self.busy += 1;
        true
    }

    /// All workers begin anew.
    pub(super) fn empty(&mut self) {
        self.backlog.clear();
    }

    /// A worker is free: the request it turns to.
    pub(super) fn leave(&mut self) -> Option<u32> {
        let next = self.backlog.pop_front();
        self.busy -= u32::from(next.is_none());
        next
    }
}

/// PostgreSQL: how fast statements run, and who waits for a lock.
#[derive(Debug)]
pub(super) struct Database {
    knee: Option<u32>,
    executing: u32,
    /// For each lock, its holder and those who wait for it.
    locks: BTreeMap<String, VecDeque<u32>>,
}

impl Database {
    pub(super) const fn new(knee: Option<u32>) -> Self {
        Self { knee, executing: 0, locks: BTreeMap::new() }
    }

    /// A statement begins that takes `usual` when the server is not busy.
    pub(super) fn begin(&mut self, usual: Duration) -> Duration {
        self.executing += 1;
        match self.knee {
            Some(knee) if self.executing > knee => usual * self.executing / knee,
            Some(_) | None => usual,
        }
    }

    /// A statement ends.
    pub(super) const fn end(&mut self) {
        self.executing -= 1;
    }

    /// Asks for a lock: true when it is free.
    pub(super) fn lock(&mut self, name: &str, attempt: u32) -> bool {
        let queue = self.locks.entry(name.to_owned()).or_default();
        queue.push_back(attempt);
        queue.len() == 1
    }

    /// Gives a lock back or stops waiting for it: who holds it next, if that changed.
    pub(super) fn unlock(&mut self, name: &str, attempt: u32) -> Option<u32> {
        let queue = self.locks.get_mut(name)?;
        let at = queue.iter().position(|&one| one == attempt)?;
        queue.remove(at);
        queue.front().copied().filter(|_| at == 0)
    }
}
