//! One server connection's entry in the ledger.

use std::collections::VecDeque;
use std::time::Duration;

use super::names::{NOBODY, Names};
use super::phase::{Phase, PoolTimes, WorkTimes};
use super::texts::{Mark, NONE};
use crate::ids::PoolId;
use crate::time::Instant;

/// Gaps of a transaction that wait for its end, when its class is certain.
pub(super) const GAPS_KEPT: usize = 8;

/// What a server connection is charged to, and for what.
#[derive(Debug)]
pub(super) struct Account {
    /// False for a place that no connection has.
    pub(super) live: bool,
    pub(super) pool: PoolId,
    pub(super) phase: Phase,
    /// When the phase was entered.
    pub(super) since: Instant,
    /// Up to when it is charged.
    pub(super) charged: Instant,
    /// Who is charged.
    pub(super) class: u32,
    pub(super) work: Work,
    /// What was said last.
    pub(super) statement: u32,
    pub(super) statement_since: Instant,
    /// What was said while the answer to something before it was awaited.
    pub(super) queue: VecDeque<Queued>,
}

/// The transaction under way on a connection.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) open: bool,
    pub(super) since: Instant,
    /// Its class comes from a tag.
    pub(super) tagged: bool,
    /// What it has been charged: moved as a whole when its class changes.
    pub(super) times: WorkTimes,
    /// Hash of its statements' fingerprints, in order.
    pub(super) shape: u64,
    /// The first of its statements. In use by it from the second one on.
    pub(super) first: u32,
    pub(super) statements: u32,
    /// Rows of those that gave very many.
    pub(super) rows: u64,
    pub(super) gaps: Vec<KeptGap>,
}

/// A gap of the transaction under way: the statements before and after, by place.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeptGap {
    pub(super) before: u32,
    pub(super) after: u32,
    pub(super) span: Duration,
}

/// A statement whose turn has not come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queued {
    pub(super) mark: Mark,
    /// It begins when so many requests of the lease have been answered.
    pub(super) due: u32,
}

impl Account {
    /// A connection that is being opened.
    pub(super) fn connecting(now: Instant, pool: PoolId) -> Self {
        Self {
            live: true,
            pool,
            phase: Phase::Connecting,
            since: now,
            charged: now,
            class: NOBODY,
            work: Work::none(now),
            statement: NONE,
            statement_since: now,
            queue: VecDeque::new(),
        }
    }

    /// Nothing of a transaction is left on it: it idles, or waits to be given on.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.live
            && !self.work.open
            && self.queue.is_empty()
            && matches!(self.phase, Phase::Idle | Phase::Executing)
    }

    /// Charges the time up to `now`, which goes into the phase that it is in.
    #[inline]
    pub(super) fn charge(&mut self, now: Instant, names: &mut Names, pools: &mut PoolTimes) {
        let nanos = now.nanos_since(self.charged);
        if nanos == 0 {
            return;
        }
        self.charged = now;
        if self.work.open {
            self.work.times.charge(self.phase, nanos);
        }
        names.get_mut(self.class).sums.times.charge(self.phase, nanos);
        pools.of(self.pool).charge(self.phase, nanos);
    }

    /// Another phase begins, up to which the time has been charged. Returns how long the one
    /// before was, in nanoseconds.
    #[inline]
    pub(super) fn enter(&mut self, now: Instant, phase: Phase) -> u64 {
        self.phase = phase;
        now.nanos_since(std::mem::replace(&mut self.since, now))
    }
}

impl Work {
    fn none(now: Instant) -> Self {
        Self {
            open: false,
            since: now,
            tagged: false,
            times: WorkTimes::default(),
            shape: 0,
            first: NONE,
            statements: 0,
            rows: 0,
            gaps: Vec::new(),
        }
    }

    /// A transaction begins.
    #[inline]
    pub(super) fn begin(&mut self, now: Instant, tagged: bool) {
        self.open = true;
        self.since = now;
        self.tagged = tagged;
        self.times = WorkTimes::default();
        self.shape = 0;
        self.first = NONE;
        self.statements = 0;
        self.rows = 0;
    }

    /// Adds a statement to the shape. The order counts (FNV's multiply, with the rotation that
    /// keeps high bits).
    #[inline]
    pub(super) fn add(&mut self, fingerprint: u64) {
        self.shape = shape_with(self.shape, fingerprint);
        self.statements += 1;
    }
}

/// A shape with one statement more.
#[inline]
pub(super) const fn shape_with(shape: u64, fingerprint: u64) -> u64 {
    (shape.rotate_left(5) ^ fingerprint).wrapping_mul(0x0100_0000_01b3)
}
