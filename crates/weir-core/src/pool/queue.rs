//! Waiting clients: one arena for all pools of a worker, one list for each pool.

use crate::ids::{PoolId, Ticket};
use crate::time::Instant;

use super::arena::{Arena, List};
use super::effect::Claim;

/// Bits of a ticket that name the entry; the others count how often the entry was used, which
/// takes 34 years to run out at a thousand uses of one entry a second.
const INDEX_BITS: u32 = 24;

/// Most clients that can wait in all pools of one worker.
const WAITING_MAX: usize = 1 << INDEX_BITS;

/// One waiting client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiter {
    /// How often this entry was vacated; makes tickets unique.
    uses: u64,
    pub(super) pool: PoolId,
    pub(super) claim: Claim,
    pub(super) since: Instant,
}

/// All waiting clients of one worker.
#[derive(Debug)]
pub(super) struct Waiters {
    arena: Arena<Waiter>,
}

impl Waiters {
    pub(super) const fn new() -> Self {
        Self { arena: Arena::new() }
    }

    /// True when no more clients can wait, whatever the pools allow.
    pub(super) fn is_full(&self) -> bool {
        self.arena.used() >= WAITING_MAX
    }

    /// Puts a client at the end of `queue`.
    pub(super) fn push(
        &mut self,
        queue: &mut List,
        pool: PoolId,
        claim: Claim,
        since: Instant,
    ) -> Ticket {
        let index = match self.arena.reuse() {
            Some(index) => {
                let uses = self.arena[index].uses;
                self.arena[index] = Waiter { uses, pool, claim, since };
                index
            }
            None => self.arena.grow(Waiter { uses: 0, pool, claim, since }),
        };
        self.arena.link_back(queue, index);
        self.ticket(index)
    }

    /// Where the holder of `ticket` waits, if it still does.
    pub(super) fn find(&self, ticket: Ticket) -> Option<u32> {
        let index = u32::try_from(ticket.0 & (WAITING_MAX as u64 - 1)).ok()?;
        self.arena.get(index)?;
        (self.ticket(index) == ticket).then_some(index)
    }

    /// Takes a client out of `queue`.
    pub(super) fn remove(&mut self, queue: &mut List, index: u32) -> (Ticket, Waiter) {
        let removed = (self.ticket(index), self.arena[index]);
        self.arena.unlink(queue, index);
        self.arena[index].uses += 1;
        self.arena.vacate(index);
        removed
    }

    /// The client that waits at `index`.
    pub(super) fn at(&self, index: u32) -> &Waiter {
        &self.arena[index]
    }

    /// The clients of `queue`, the oldest first.
    pub(super) fn iter(&self, queue: &List) -> impl Iterator<Item = &Waiter> {
        self.arena.iter(queue).map(|(_, waiter)| waiter)
    }

    fn ticket(&self, index: u32) -> Ticket {
        Ticket(self.arena[index].uses << INDEX_BITS | u64::from(index))
    }
}
