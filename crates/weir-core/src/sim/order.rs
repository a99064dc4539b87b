//! The rules of order: who may be served or refused before whom.

use std::time::Duration;

use crate::dispatch::{ClassView, Policy};
use crate::ids::{ClassId, PoolId, Ticket};
use crate::pool::{Checkout, Effect, Pools, Refusal};
use crate::time::Instant;

use super::books::{Books, Waiting};
use super::rules::{Verdict, rule};

/// Who has waited less comes before those of its class who can be late already.
const TIMELY: Duration = Duration::from_secs(1);

/// True when a class may not hold as many slots as it likes.
pub(super) fn is_limited(pools: &Pools, pool: PoolId) -> bool {
    pools.is_guarded(pool) || pools.classes(pool).any(|class| class.limit.is_some())
}

/// True when a class has waiting clients that its limit lets in.
pub(super) fn lets_somebody_in(pools: &Pools, pool: PoolId) -> bool {
    pools.classes(pool).any(|class| is_let_in(&class))
}

fn is_let_in(class: &ClassView) -> bool {
    class.waiting > 0 && class.admitted
}

impl Books {
    /// Nobody who could be served waits while another is served at once; nobody is turned away
    /// but by the fair policy.
    pub(super) fn overtakes(
        &self,
        now: Instant,
        pools: &Pools,
        (pool, own): (PoolId, ClassId),
        answer: &Checkout,
    ) -> Verdict {
        let policy = self.pools[&pool].settings.dispatch;
        match answer {
            Checkout::Granted(_) => {
                let before = |class: &ClassView| {
                    let same = policy != Policy::Fair || class.class == own;
                    class.waiting > 0 && same || is_let_in(class)
                };
                let passed = pools.classes(pool).find(before);
                rule(passed.is_none(), || format!("class {own} overtakes {passed:?}"))
            }
            Checkout::Refused(Refusal::Overload(_)) => {
                let fair = policy == Policy::Fair && pools.is_fair(now, pool);
                rule(fair, || format!("class {own} is turned away in calm times"))
            }
            Checkout::Refused(_) | Checkout::Queued(_) => Ok(()),
        }
    }

    /// A grant or refusal is that client's turn.
    pub(super) fn order(&self, now: Instant, pools: &Pools, effect: &Effect) -> Verdict {
        let (ticket, overload, grant) = match effect {
            Effect::Grant { ticket, .. } => (*ticket, false, true),
            Effect::Refuse { ticket, refusal, .. } => {
                (*ticket, matches!(refusal, Refusal::Overload(_)), false)
            }
            Effect::Dial { .. }
            | Effect::AbandonDial { .. }
            | Effect::Close { .. }
            | Effect::Check { .. }
            | Effect::Paused { .. }
            | Effect::Forgotten { .. }
            | Effect::Drained => return Ok(()),
        };
        let pool = self.pool_of(ticket).ok_or_else(|| format!("{ticket:?} does not wait"))?;
        let account = &self.pools[&pool];
        let all = &account.waiting;
        let first = all.front().is_some_and(|one| one.ticket == ticket);
        if first {
            return Ok(());
        }
        let policy = account.settings.dispatch;
        // A limit may have been lifted behind the grant.
        let limited = account.limited || is_limited(pools, pool);
        let may = policy != Policy::Fifo && (pools.is_fair(now, pool) || limited && grant);
        rule(may && (grant || overload), || format!("{effect:?} is not of the first: {all:?}"))?;
        let mut class = of_class(all.iter(), ticket);
        let (oldest, newest) = (class.next(), class.last());
        let timely = of_class(all.iter(), ticket).find(|one| now.since(one.since) < TIMELY);
        let end = |one: Option<&Waiting>| one.is_some_and(|one| one.ticket == ticket);
        let mixed = account.mixed || policy == Policy::Codel;
        let fits = end(oldest) || mixed || grant && (end(newest) || end(timely));
        rule(fits, || format!("{ticket:?} is in the middle of its class: {all:?}"))
    }

    /// The classes of a pool hold and wait for what the pool does.
    pub(super) fn classes_agree(&self, pools: &Pools, pool: PoolId) -> Verdict {
        let view = pools.view(pool);
        let sum = |what: fn(&ClassView) -> u32| pools.classes(pool).map(|one| what(&one)).sum();
        let (held, waiting): (u32, u32) = (sum(|one| one.held), sum(|one| one.waiting));
        rule((held, waiting) == (view.active, view.waiting), || {
            format!("pool {pool}: classes hold {held} and wait {waiting}, not as {view:?}")
        })
    }

    /// The pool in which that ticket waits.
    pub(super) fn pool_of(&self, ticket: Ticket) -> Option<PoolId> {
        let waits = |one: &Waiting| one.ticket == ticket;
        self.pools.iter().find(|(_, one)| one.waiting.iter().any(waits)).map(|(&pool, _)| pool)
    }
}

/// The waiting clients of the same class as `ticket`.
fn of_class<'all>(
    all: impl Iterator<Item = &'all Waiting> + Clone,
    ticket: Ticket,
) -> impl Iterator<Item = &'all Waiting> {
    let class = all.clone().find(|one| one.ticket == ticket).map(|one| one.class);
    all.filter(move |one| Some(one.class) == class)
}
