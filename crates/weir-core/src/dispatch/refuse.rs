//! Who is refused, and with what numbers.

use std::time::Duration;

use crate::time::Instant;

use super::claim::{Claim, Policy};
use super::class::UNLIMITED;
use super::explain::{Explanation, Why};
use super::queue::{Dispatch, Place};
use super::waiters::Waiters;

/// Grants in the last half second below which a prediction would be a guess.
const GRANTS_MIN: u64 = 32;

impl Dispatch {
    /// Why a claim that cannot be served at once need not even wait: others matter more, or those
    /// who came before take longer than `wait_max`.
    pub(crate) fn turns_away(
        &self,
        now: Instant,
        (place, claim): (Place, &Claim),
        wait_max: Option<Duration>,
    ) -> Option<Explanation> {
        let class = &self.classes[place.at()];
        if self.policy != Policy::Fair || self.frozen || class.advised.shed || class.rules.exempt {
            return None;
        }
        if !self.level.admits(now, class.rules.criticality, claim.user) {
            return Some(self.explain(place, Why::Shed, Duration::ZERO));
        }
        if class.is_to_blame() && class.overload.is_some_and(|limit| class.queue_time() >= limit) {
            return Some(self.explain(place, class.verdict.why, Duration::ZERO));
        }
        let in_order = class.overload.is_none() && !self.is_calm(now);
        let hopeless = in_order && self.predicted(place).zip(wait_max).is_some_and(|(a, b)| a > b);
        hopeless.then(|| self.explain(place, Why::Hopeless, Duration::ZERO))
    }

    /// A client that has waited beyond the deadline of its overloaded class.
    pub(crate) fn overdue(&self, now: Instant, waiters: &Waiters) -> Option<(u32, Explanation)> {
        self.active.iter().find_map(|&at| {
            let place = Self::place_at(usize::from(at));
            let class = &self.classes[place.at()];
            let oldest = class.waiting.front()?;
            let waited = now.since(waiters.at(oldest).since);
            let late = class.overload.is_some_and(|limit| waited >= limit && !class.advised.shed);
            late.then(|| (oldest, self.explain(place, class.verdict.why, waited)))
        })
    }

    /// How long a newcomer of the class would wait in order of arrival, as grants go lately.
    pub(super) fn predicted(&self, place: Place) -> Option<Duration> {
        let class = &self.classes[place.at()];
        let ahead = class.waiting.len();
        let known = ahead > 0 && class.account.grants() >= GRANTS_MIN;
        let interval = class.account.grant_interval_nanos();
        known.then(|| Duration::from_nanos(interval.saturating_mul(u64::from(ahead))))
    }

    /// The numbers that led to a decision about a class.
    pub(crate) fn explain(&self, place: Place, why: Why, waited: Duration) -> Explanation {
        let class = &self.classes[place.at()];
        let mut verdict = class.verdict;
        verdict.held = class.account.held;
        verdict.waiting = class.waiting.len();
        let top = self.classes.iter().max_by_key(|class| class.account.held);
        Explanation {
            class: class.id,
            verdict,
            why,
            waited,
            predicted: self.predicted(place),
            cap: Some(class.limit()).filter(|&limit| limit != UNLIMITED),
            top: top.map(|top| (top.id, top.account.held)).filter(|&(_, held)| held > 0),
        }
    }
}
