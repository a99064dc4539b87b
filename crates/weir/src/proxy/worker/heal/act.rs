//! What the healing ladder decided, done.

use std::time::Duration;

use weir_core::healing::{Decision, Doing, Origin, Proposal, Step};
use weir_core::ids::PoolId;
use weir_core::session::Notice;
use weir_wire::error::SqlState;

use crate::proxy::worker::Worker;

impl Worker {
    pub(super) fn act(&mut self, pool: PoolId, decision: Decision) {
        match decision {
            Decision::End(proposal) => self.end(&proposal),
            Decision::Quarantine(subject, why) => {
                let door = &mut self.healing.door;
                door.close(self.now, (subject, Some(pool)), (Origin::Healer, why));
            }
        }
    }

    /// Ends one holder's work by the step that was chosen for it.
    pub(super) fn end(&mut self, proposal: &Proposal) {
        let Proposal { step, holder, lasted } = proposal;
        let server = holder.server;
        match step {
            Step::Evict => self.evict(server.0, evicted(*lasted)),
            Step::Cancel => {
                self.healing.cancelled.retain(|at, _| self.servers.get(*at).is_some());
                self.healing.cancelled.insert(server.0, (holder.began, self.now));
                self.cancel_statement(server, None);
            }
            Step::Close => {
                self.farewell(holder.client.0, &closed(holder.doing, *lasted));
                self.drop_server(server.0, "closed by the healing ladder");
            }
            // They end nothing.
            Step::Shed | Step::Cap | Step::Quarantine => {}
        }
    }
}

/// What the client of an evicted transaction is told at its next statement.
fn evicted(lasted: Duration) -> Notice {
    Notice {
        sqlstate: SqlState::IDLE_IN_TRANSACTION_TIMEOUT,
        message: format!(
            "transaction rolled back: it had waited for its client for {:.1} s, and others waited \
             for its server connection",
            lasted.as_secs_f64()
        ),
        detail: "Nothing of it was kept. This connection lives on.".into(),
        hint: "ROLLBACK, then repeat the transaction without waiting inside it: a call to another \
               service belongs before or after it."
            .into(),
    }
}

/// What a client is told whose server connection is closed.
fn closed(doing: Doing, lasted: Duration) -> Notice {
    let seconds = lasted.as_secs_f64();
    let message = match doing {
        Doing::Streaming => format!(
            "terminating connection: it did not read its answer for {seconds:.1} s while others \
             waited for its server connection"
        ),
        Doing::Idle | Doing::Executing | Doing::Cancelling | Doing::Committing => format!(
            "terminating connection: its statement went on for {seconds:.1} s after it was \
             cancelled"
        ),
    };
    Notice {
        sqlstate: SqlState::QUERY_CANCELED,
        message,
        detail: "Its transaction was rolled back.".into(),
        hint: "Connect again. Read results as they come.".into(),
    }
}
