//! One pool: its counts and what follows from them.

use crate::arena::List;
use crate::dispatch::Dispatch;
use crate::ids::{BudgetId, PoolId};
use crate::time::Instant;

use super::chance::Chance;
use super::effect::{CloseReason, Counts, DialError};
use super::server::{NEVER, Slot, State};
use super::settings::{PoolSettings, Rotation};

/// What a pool is allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Everything.
    Running,
    /// No grants and no dials; connections are closed as they come free.
    Pausing,
    /// The same, and no connection is left.
    Paused,
    /// Removed, but connections are left.
    Removing,
    /// The proxy is stopping.
    Stopping,
    /// Removed; the id is free for another pool.
    Forgotten,
}

/// The state of one pool. The slots and waiting clients themselves are in the worker's arenas.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) id: PoolId,
    /// What its slots count against besides its own size.
    pub(super) budgets: Box<[BudgetId]>,
    pub(super) settings: PoolSettings,
    pub(super) mode: Mode,
    /// Counts RECONNECTs.
    pub(super) epoch: u32,
    /// The slots, one list for each [`State`], each in the order the state was entered; those that
    /// clients hold are only counted.
    pub(super) lists: [List; State::COUNT],
    /// Slots in all lists together.
    pub(super) open: u32,
    /// Waiting clients, and which of them is next.
    pub(super) queue: Dispatch,
    /// Nothing is due before this; possibly nothing is then.
    pub(super) due: Instant,
    /// Counted in its budgets as a pool that may want a slot that one of them does not have.
    pub(super) hungry: bool,
    /// The minimum is kept filled; not after `let_go_idle` until somebody asks again.
    pub(super) filling: bool,
    /// Failed attempts to connect in a row.
    pub(super) failures: u32,
    /// When the failure counted last happened.
    pub(super) failed_at: Instant,
    /// No attempt to connect before this.
    pub(super) retry_at: Instant,
    /// The last failure, until an attempt succeeds.
    pub(super) fault: Option<DialError>,
    pub(super) chance: Chance,
}

impl Pool {
    pub(super) fn new(id: PoolId, budgets: &[BudgetId], settings: PoolSettings) -> Self {
        let rotation_seed = match settings.rotation {
            Rotation::Random(seed) => seed,
            Rotation::Lifo | Rotation::RoundRobin | Rotation::EveryTransaction => 0,
        };
        Self {
            id,
            budgets: budgets.into(),
            queue: Dispatch::new(settings.dispatch, settings.size_max),
            chance: Chance::new(settings.seed ^ rotation_seed ^ u64::from(id.0)),
            settings,
            mode: Mode::Running,
            epoch: 0,
            lists: [List::EMPTY; State::COUNT],
            open: 0,
            due: Instant::ZERO,
            hungry: false,
            filling: true,
            failures: 0,
            failed_at: Instant::ZERO,
            retry_at: Instant::ZERO,
            fault: None,
        }
    }

    /// Slots in `state`.
    #[inline]
    pub(super) const fn count(&self, state: State) -> u32 {
        self.lists[state as usize].len()
    }

    /// Slots that are or may become usable: all but those on their way out.
    pub(super) const fn staying(&self) -> u32 {
        self.open - self.count(State::Closing) - self.count(State::Abandoned)
    }

    /// True when a connection to the server exists, so that clients need not give up.
    pub(super) const fn is_connected(&self) -> bool {
        self.staying() > self.count(State::Dialling)
    }

    /// True when no connection is there or under way, so that nobody is served.
    pub(super) const fn is_bare(&self) -> bool {
        self.staying() == 0
    }

    /// Most slots, the reserve included.
    pub(super) const fn ceiling(&self) -> u32 {
        self.settings.size_max.saturating_add(self.settings.reserve)
    }

    /// Slots kept without demand, and out of reach of sibling pools.
    pub(super) fn floor(&self) -> u32 {
        self.settings.size_min.min(self.settings.size_max)
    }

    /// Clients let in by their classes that no dial and no check under way will serve.
    pub(super) const fn uncovered(&self) -> u32 {
        let coming = self.count(State::Dialling) + self.count(State::Checking);
        self.queue.eligible().saturating_sub(coming)
    }

    /// Attempts to connect that may be started now, as far as this pool is concerned.
    pub(super) fn dials_allowed(&self, now: Instant, ceiling: u32) -> u32 {
        if self.mode != Mode::Running || now < self.retry_at {
            return 0;
        }
        let parallel = if self.failures > 0 { 1 } else { self.settings.dials_parallel_max.max(1) };
        let under_way = self.count(State::Dialling) + self.count(State::Abandoned);
        parallel.saturating_sub(under_way).min(ceiling.saturating_sub(self.open))
    }

    /// Attempts to keep the minimum that may be started now.
    pub(super) fn fill(&self, now: Instant) -> u32 {
        let missing = self.floor().saturating_sub(self.staying());
        let wanted = if self.filling { missing } else { 0 };
        wanted.min(self.dials_allowed(now, self.settings.size_max))
    }

    /// True when nothing could be done now for somebody who comes to wait: no connection idles, and
    /// no other may be opened.
    #[inline]
    pub(super) const fn is_full(&self) -> bool {
        self.count(State::Idle) == 0 && self.open >= self.ceiling() && self.budgets.is_empty()
    }

    /// Why a free connection must be closed rather than used, as far as this pool is concerned.
    #[inline]
    pub(super) fn unwanted(&self, now: Instant, slot: &Slot) -> Option<CloseReason> {
        match self.mode {
            Mode::Running => {}
            Mode::Pausing | Mode::Paused => return Some(CloseReason::Pause),
            Mode::Removing | Mode::Forgotten => return Some(CloseReason::Removed),
            Mode::Stopping => return Some(CloseReason::Stopping),
        }
        if slot.epoch != self.epoch {
            return Some(CloseReason::Reconnect);
        }
        if slot.expires <= now {
            return Some(CloseReason::Lifetime);
        }
        (self.staying() > self.ceiling()).then_some(CloseReason::Surplus)
    }

    /// Makes sure that a tick comes no later than `at`. The worker's own time must follow.
    #[inline]
    pub(super) fn arm(&mut self, at: Instant) {
        self.due = self.due.min(at);
    }

    /// Notes a failed attempt begun at `begun`, and puts the next one off. Attempts that were
    /// under way when the first failed tell nothing new and do not lengthen the wait.
    pub(super) fn note_failure(&mut self, now: Instant, begun: Instant, error: DialError) {
        self.fault = Some(error);
        if self.failures > 0 && begun <= self.failed_at {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        self.failed_at = now;
        let delay = self.settings.retry.delay(self.failures);
        self.retry_at = now + (delay - self.chance.up_to(delay / 2));
    }

    /// Forgets failures.
    pub(super) fn note_success(&mut self) {
        self.failures = 0;
        self.retry_at = Instant::ZERO;
        self.fault = None;
    }

    /// The counts for a message.
    pub(super) const fn counts(&self) -> Counts {
        Counts {
            active: self.count(State::Active),
            idle: self.count(State::Idle),
            dialling: self.count(State::Dialling) + self.count(State::Abandoned),
            between: self.count(State::Settling)
                + self.count(State::Checking)
                + self.count(State::Closing),
            waiting: self.queue.len(),
            size_max: self.settings.size_max,
        }
    }

    /// Leaves nothing due.
    pub(super) const fn disarm(&mut self) {
        self.due = NEVER;
    }
}
