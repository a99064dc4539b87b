//! One slot and the server connection in it.

use std::time::Duration;

use crate::dispatch::Place;
use crate::ids::{ClientId, PoolId};
use crate::time::Instant;

use super::chance::Chance;
use super::settings::PoolSettings;

/// A moment that never comes.
pub(super) const NEVER: Instant = Instant::from_nanos(u64::MAX);

/// `span` after `now`; never when there is no span.
#[inline]
pub(super) fn after(now: Instant, span: Option<Duration>) -> Instant {
    span.map_or(NEVER, |span| now + span)
}

/// What a slot is in. A slot in any of these counts against its pool and its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A server connection is being opened.
    Dialling,
    /// The attempt was given up; its answer is awaited.
    Abandoned,
    /// Ready for use.
    Idle,
    /// Held by a client.
    Active,
    /// Released, but a cancel or reset is still under way.
    Settling,
    /// Being tried before reuse.
    Checking,
    /// Being closed; the confirmation is awaited.
    Closing,
}

impl State {
    /// How many states there are.
    pub(super) const COUNT: usize = 7;
}

/// A slot in use.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) pool: PoolId,
    pub(super) state: State,
    /// False for an entry that is not in use at all.
    pub(super) open: bool,
    /// The pool's epoch when the dial began; older than the pool's means RECONNECT came since.
    pub(super) epoch: u32,
    pub(super) holder: Option<ClientId>,
    /// The class it is charged to while a client holds it.
    pub(super) charged: Option<Place>,
    /// When the state was entered.
    pub(super) since: Instant,
    /// When the connection was ready, or the dial began.
    pub(super) opened: Instant,
    /// End of lifetime.
    pub(super) expires: Instant,
    /// While idle: may be given out without a check until then.
    pub(super) fresh_until: Instant,
}

impl Slot {
    /// A slot whose connection is only being opened.
    pub(super) fn dialling(pool: PoolId, epoch: u32, now: Instant) -> Self {
        Self {
            pool,
            state: State::Dialling,
            open: true,
            epoch,
            holder: None,
            charged: None,
            since: now,
            opened: now,
            expires: NEVER,
            fresh_until: now,
        }
    }

    /// A client holds it, and it is of this pool.
    pub(super) fn is_held_from(&self, pool: PoolId) -> bool {
        self.open && self.state == State::Active && self.pool == pool
    }

    /// Notes that the connection is ready, and draws its lifetime.
    pub(super) fn opened(&mut self, now: Instant, settings: &PoolSettings, chance: &mut Chance) {
        self.opened = now;
        self.expires = after(
            now,
            settings.server_lifetime.map(|life| {
                let percent = u32::from(settings.lifetime_jitter_percent.min(100));
                life.saturating_sub(chance.up_to(life / 100 * percent))
            }),
        );
    }

    /// Notes until when an idle connection needs no check.
    #[inline]
    pub(super) fn rested(&mut self, check_after_idle: Option<Duration>) {
        self.fresh_until = self.expires.min(after(self.since, check_after_idle));
    }
}
