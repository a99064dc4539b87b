//! Opening server connections: how many, when, and what a failure means.

use std::sync::Arc;
use std::time::Duration;

use crate::ids::{DialId, PoolId, ServerId};
use crate::time::Instant;

use super::effect::{CloseReason, DialError, Effect, Fault, Refusal};
use super::pools::Pools;
use super::server::{Slot, State};

/// A connection that dies unused before this age counts as a failed attempt to open it.
const PROVEN_AGE: Duration = Duration::from_secs(1);

impl Pools {
    /// A server connection is open and logged in. It may be granted or asked to be closed by the
    /// effects of this very call. The id stays the same number as the dial's; none when the dial
    /// is unknown.
    pub fn connected(&mut self, now: Instant, dial: DialId) -> Option<ServerId> {
        let server = ServerId(dial.0);
        match self.state_of(server)? {
            State::Dialling => self.welcome(now, dial.0),
            State::Abandoned => {
                self.enter(now, dial.0, State::Closing);
                self.effects.push_back(Effect::Close { server, why: CloseReason::Abandoned });
            }
            State::Idle | State::Active | State::Settling | State::Checking | State::Closing => {
                return None;
            }
        }
        Some(server)
    }

    /// An attempt to open a server connection failed.
    pub fn dial_failed(&mut self, now: Instant, dial: DialId, error: DialError) {
        let begun = match self.state_of(ServerId(dial.0)) {
            Some(State::Dialling) => self.slots[dial.0].opened,
            Some(State::Abandoned) => return self.vacate(now, dial.0),
            Some(
                State::Idle | State::Active | State::Settling | State::Checking | State::Closing,
            )
            | None => return,
        };
        let pool = self.slots[dial.0].pool;
        self.note_failure(now, pool, begun, error);
        self.vacate(now, dial.0);
    }

    fn welcome(&mut self, now: Instant, slot: u32) {
        let entry = &mut self.slots[slot];
        let pool = entry.pool;
        let one = &mut self.pools[pool.0 as usize];
        entry.opened(now, &one.settings, &mut one.chance);
        one.note_success();
        self.offer(now, slot);
        self.pump(now, pool);
    }

    /// Starts one attempt. The caller has made sure that the pool and its budgets allow it.
    pub(super) fn dial(&mut self, now: Instant, pool: PoolId) {
        let one = &self.pools[pool.0 as usize];
        let fresh = Slot::dialling(pool, one.epoch, now);
        let timeout = one.settings.connect_timeout;
        let slot = match self.slots.reuse() {
            Some(slot) => {
                self.slots[slot] = fresh;
                slot
            }
            None => self.slots.grow(fresh),
        };
        let one = &mut self.pools[pool.0 as usize];
        self.slots.link_back(&mut one.lists[State::Dialling as usize], slot);
        one.open += 1;
        self.ledger.open.opened(now);
        self.ledger.opened(now, slot, pool);
        for id in &one.budgets {
            self.budgets[id.0 as usize].used += 1;
        }
        self.arm(pool, now + timeout);
        self.effects.push_back(Effect::Dial { dial: DialId(slot), pool });
    }

    /// Gives an attempt up. Its slot stays taken until its answer comes.
    pub(super) fn abandon(&mut self, now: Instant, slot: u32) {
        self.enter(now, slot, State::Abandoned);
        for id in &self.pools[self.slots[slot].pool.0 as usize].budgets {
            self.budgets[id.0 as usize].leaving += 1;
        }
        self.effects.push_back(Effect::AbandonDial { dial: DialId(slot) });
    }

    /// Gives up attempts that take too long.
    pub(super) fn abandon_late(&mut self, now: Instant, pool: PoolId) {
        let limit = self.one(pool).settings.connect_timeout;
        while let Some(slot) = self.first_late(now, pool, State::Dialling, limit) {
            let begun = self.slots[slot].opened;
            self.abandon(now, slot);
            let message = format!("connecting to PostgreSQL took longer than {limit:?}");
            let fault = Fault { sqlstate: *b"08001", message: Arc::from(message) };
            self.note_failure(now, pool, begun, DialError::Transient(fault));
        }
    }

    /// A connection died while nobody used it. Had it only just been opened, opening it again at
    /// once could go on for ever.
    pub(super) fn suspect(&mut self, now: Instant, slot: u32) {
        let entry = &self.slots[slot];
        let (pool, opened) = (entry.pool, entry.opened);
        if now - opened < PROVEN_AGE {
            let message = Arc::from("PostgreSQL closed a new connection before it was used");
            let fault = Fault { sqlstate: *b"08006", message };
            self.note_failure(now, pool, opened, DialError::Transient(fault));
        }
    }

    /// Puts the next attempt off, and refuses everybody if there is no hope.
    fn note_failure(&mut self, now: Instant, pool: PoolId, begun: Instant, error: DialError) {
        let one = &mut self.pools[pool.0 as usize];
        let hopeless = match &error {
            DialError::Permanent(fault) if !one.is_connected() => Some(fault.clone()),
            DialError::Permanent(_) | DialError::Transient(_) => None,
        };
        one.note_failure(now, begun, error);
        let retry_at = one.retry_at;
        if retry_at > now {
            self.arm(pool, retry_at);
        }
        if let Some(fault) = hopeless {
            self.refuse_all(now, pool, |_| Refusal::Server(fault.clone()));
        }
    }
}
