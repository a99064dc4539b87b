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
            Decision::End(proposal) => self.end_work(&proposal),
            Decision::Quarantine(subject, why) => {
                let door = &mut self.healing.door;
                door.close(self.now, (subject, Some(pool)), (Origin::Healer, why));
            }
        }
    }

    /// Ends one holder's work by the step that was chosen for it.
    pub(super) fn end_work(&mut self, proposal: &Proposal) {
        let Proposal { step, holder, lasted } = proposal;
        let done = match step {
            Step::Evict => self.evict(holder.server, evicted(*lasted)),
            Step::Cancel => self.cancel_held(holder.server),
            Step::Close => self.close_held(holder.server, closed(holder.doing, *lasted)),
            // They end nothing.
            Step::Shed | Step::Cap | Step::Quarantine => Ok(()),
        };
        if let Err(why) = done {
            // Its effect says the same: nothing came free.
            tracing::info!(step = step.as_str(), route = %holder.route, "healing left it: {why}");
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

/// What a client is told whose server connection is closed under it.
fn closed(doing: Doing, lasted: Duration) -> Notice {
    let seconds = lasted.as_secs_f64();
    let message = match doing {
        Doing::Streaming => format!(
            "statement ended: its answer was not read for {seconds:.1} s while others waited for \
             its server connection"
        ),
        Doing::Idle | Doing::Executing | Doing::Cancelling | Doing::Committing => {
            format!("statement ended: it went on for {seconds:.1} s after it was cancelled")
        }
    };
    Notice {
        sqlstate: SqlState::QUERY_CANCELED,
        message,
        detail: "Its server connection was closed and its transaction rolled back. This \
                 connection lives on."
            .into(),
        hint: "Read results as they come.".into(),
    }
}
