//! One class in the dispatch of one pool.

use std::sync::Arc;
use std::time::Duration;

use crate::arena::List;
use crate::ids::ClassId;
use crate::time::Instant;

use super::account::{Account, WINDOW_NANOS};
use super::baseline::Baseline;
use super::claim::{Advises, ClassRules, Criticality};
use super::explain::Verdict;

/// Shorter holds are never a reason to act: 20 ms.
const HOLD_MIN_NANOS: u64 = 20_000_000;

/// No cap.
pub(super) const UNLIMITED: u32 = u32::MAX;

/// What the dispatch knows of one class.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) id: ClassId,
    /// The name an operator gave it, when it is made of the classes that he said.
    pub(super) group: Option<Arc<str>>,
    pub(super) rules: ClassRules,
    pub(super) account: Account,
    pub(super) baseline: Baseline,
    /// Its waiting clients, the oldest first.
    pub(super) waiting: List,
    /// Its place among the classes with waiting clients.
    pub(super) active_at: usize,
    /// The policy knows no classes: nothing limits this one.
    pub(super) unbound: bool,
    /// Most slots, by the controller.
    pub(super) cap: u32,
    /// What of the controller's is only shown.
    pub(super) advised: Advises,
    /// Most slots, by an operator's command.
    pub(super) manual_cap: u32,
    /// Those who wait longer than this are refused.
    pub(super) overload: Option<Duration>,
    /// The newest waiting client is served first.
    pub(super) newest_first: bool,
    /// Those who can still be served in time come before those who cannot, until then.
    pub(super) sorts_until: Instant,
    /// How many waited when that was noted last, to see whether their number grows.
    pub(super) mark: u32,
    pub(super) marked_at: Instant,
    /// The last of its waiting clients that was seen to have waited too long for that.
    pub(super) missed: Option<u32>,
    /// Waiting clients that got a slot since the last look.
    pub(super) fresh_grants: u32,
    /// The time from one grant to the next, at the last look.
    pub(super) pace: Duration,
    /// Looks at which the pool's queue moved and its own was longer than can be served in time.
    pub(super) behind: u32,
    /// Looks until its cap may grow while it is to blame.
    pub(super) rests: u32,
    /// Looks in a row at which it stood out.
    pub(super) stands_out: u32,
    /// Its transactions hold slots much longer than those of the quick.
    pub(super) long: bool,
    /// What the controller last saw.
    pub(super) verdict: Verdict,
}

impl Class {
    pub(super) fn new(id: ClassId) -> Self {
        Self {
            id,
            group: None,
            rules: ClassRules::default(),
            account: Account::default(),
            baseline: Baseline::default(),
            waiting: List::EMPTY,
            active_at: 0,
            unbound: false,
            cap: UNLIMITED,
            advised: Advises::default(),
            manual_cap: UNLIMITED,
            overload: None,
            newest_first: false,
            sorts_until: Instant::ZERO,
            mark: 0,
            marked_at: Instant::ZERO,
            missed: None,
            fresh_grants: 0,
            pace: Duration::ZERO,
            behind: 0,
            rests: 0,
            stands_out: 0,
            long: false,
            verdict: Verdict::default(),
        }
    }

    /// Most slots it may hold now.
    #[inline]
    pub(super) fn limit(&self) -> u32 {
        if self.unbound {
            return UNLIMITED;
        }
        let cap = if self.advised.cap { UNLIMITED } else { self.cap };
        let cap = cap.min(self.manual_cap);
        self.rules.ceiling.map_or(cap, |ceiling| cap.min(ceiling))
    }

    /// Slots it may take on top of those it holds.
    #[inline]
    pub(super) fn room(&self) -> u32 {
        self.limit().saturating_sub(self.account.held)
    }

    /// Its waiting clients that its limit lets in.
    #[inline]
    pub(super) fn eligible(&self) -> u32 {
        self.waiting.len().min(self.room())
    }

    /// It holds one slot more. Returns how many fewer of its waiting clients its limit lets in.
    #[inline]
    pub(super) fn take(&mut self) -> u32 {
        if self.waiting.is_empty() {
            self.account.take();
            return 0;
        }
        let before = self.eligible();
        self.account.take();
        before - self.eligible()
    }

    /// It gives a slot back that it held since `since`. Returns how many more of its waiting
    /// clients its limit lets in.
    #[inline]
    pub(super) fn give_back(&mut self, since: Instant) -> u32 {
        if self.waiting.is_empty() {
            self.account.give_back(since);
            return 0;
        }
        let before = self.eligible();
        self.account.give_back(since);
        self.eligible() - before
    }

    /// Slots of its minimum that it does not hold.
    pub(super) const fn owed(&self) -> u32 {
        self.rules.minimum.saturating_sub(self.account.held)
    }

    /// Weighted occupancy in whole slots, the measure of who is served next: what is held now
    /// plus what was held lately, over the weight. Smaller differences are no reason to serve
    /// anybody out of order.
    pub(super) fn burden(&mut self, now: Instant) -> u64 {
        self.account.roll(now);
        let occupancy = self.account.occupancy() / (WINDOW_NANOS >> 8);
        1 + ((occupancy * 100 / u64::from(self.rules.weight.max(1))) >> 9)
    }

    /// Its place while everything is slow: what is critical first.
    pub(super) const fn rank(&self) -> u64 {
        match self.rules.criticality {
            Criticality::Critical => 1,
            Criticality::Normal => 2,
            Criticality::Sheddable => 3,
        }
    }

    /// The client that is next within the class.
    #[inline]
    pub(super) fn next(&self) -> Option<u32> {
        if self.newest_first { self.waiting.back() } else { self.waiting.front() }
    }

    /// How much longer than usual it holds slots, in percent; none while that is unknown, no more
    /// than usual while it is next to nothing.
    pub(super) fn inflation_percent(&self) -> Option<u64> {
        let usual = self.baseline.usual_nanos()?;
        let hold = self.account.hold_nanos();
        let percent = hold.saturating_mul(100) / usual;
        Some(if hold < HOLD_MIN_NANOS { percent.min(100) } else { percent })
    }

    /// Ends what the controller decided.
    pub(super) fn acquit(&mut self) {
        self.cap = UNLIMITED;
        self.overload = None;
        self.newest_first = false;
        self.sorts_until = Instant::ZERO;
        self.behind = 0;
        self.rests = 0;
        self.stands_out = 0;
        self.long = false;
        self.verdict = Verdict::default();
    }
}
