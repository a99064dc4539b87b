//! What the ledger is told beside what pools and sessions tell it: what a leased server connection
//! does after a turn of its bytes.

use weir_core::ids::ServerId;
use weir_core::ledger::Phase;
use weir_core::session::Activity;

use crate::proxy::worker::Worker;
use crate::proxy::worker::state::{Holder, Server};

impl Worker {
    /// Books what a server connection does now, if it is not its pool's to say.
    #[inline]
    pub(super) fn book(&mut self, at: u32) {
        if !self.pools.ledger().is_on() {
            return;
        }
        if let Some(phase) = self.servers.get(at).and_then(phase) {
            self.pools.ledger_mut().enter(self.now, ServerId(at), phase);
        }
    }

    /// Server connections whose phase is not what pool and session say: none, unless a change was
    /// not booked.
    pub(super) fn misbooked(&self) -> u32 {
        let ledger = self.pools.ledger();
        if !ledger.is_on() {
            return 0;
        }
        let wrong = self.servers.iter().filter(|(at, server)| {
            phase(server).is_some_and(|phase| ledger.phase(ServerId(*at)) != Some(phase))
        });
        self.pools.misbooked() + u32::try_from(wrong.count()).unwrap_or(u32::MAX)
    }
}

/// The phase of a server connection that somebody has, or had just now.
#[inline]
pub(super) fn phase(server: &Server) -> Option<Phase> {
    match server.holder {
        Holder::Client(_) if server.state.is_resetting() => Some(Phase::Resetting),
        Holder::Client(_) => Some(match server.state.activity() {
            Activity::Idle => Phase::PinnedIdle,
            // The client is behind: PostgreSQL waits for it, not it for PostgreSQL.
            Activity::Executing | Activity::CopyIn | Activity::IdleInTransaction
                if server.blocked =>
            {
                Phase::ClientBlocked
            }
            Activity::Executing => Phase::Executing,
            Activity::CopyIn => Phase::CopyIn,
            Activity::IdleInTransaction => Phase::IdleInTransaction,
        }),
        Holder::Ghost { .. } => Some(Phase::Resetting),
        Holder::Nobody if server.settling => Some(Phase::CancelSettling),
        Holder::Nobody => None,
    }
}
