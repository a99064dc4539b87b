//! Calls to other services, and whether they may be made now.

use crate::context::RequestContext;
use crate::stats::Count;

/// What happens to a marked outside call while the request holds a transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OutsideCalls {
    /// It is made, logged at the warn level, and counted.
    #[default]
    Warn,
    /// It is refused with [`OutsideCallRefused`], and counted.
    Refuse,
}

/// An outside call was about to be made inside a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideCallRefused {
    /// The call, as it was marked.
    pub call: &'static str,
    /// The route of the request.
    pub route: String,
    /// How many transactions the request holds.
    pub transactions: usize,
}

impl std::fmt::Display for OutsideCallRefused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "outside call {:?} refused: route {:?} holds {} open transaction(s), and would hold the \
             connection for as long as the other side takes; commit first, or write an outbox row",
            self.call, self.route, self.transactions
        )
    }
}

impl std::error::Error for OutsideCallRefused {}

/// Marks the call that comes next as one to another service. Put it before the call.
///
/// Only checkouts made with [`Holds::Transaction`](crate::Holds::Transaction) are known.
///
/// # Errors
/// [`OutsideCallRefused`] in [`OutsideCalls::Refuse`] mode, when the current request holds a
/// transaction. Never outside a request.
pub fn outside_call(call: &'static str) -> Result<(), OutsideCallRefused> {
    let Some(context) = RequestContext::current() else { return Ok(()) };
    let transactions = context.transactions_held();
    if transactions == 0 {
        return Ok(());
    }
    match context.outside_calls() {
        OutsideCalls::Warn => {
            context.stats().add(Count::OutsideWarned);
            tracing::warn!(
                call,
                route = context.route(),
                transactions,
                "outside call in a transaction"
            );
            Ok(())
        }
        OutsideCalls::Refuse => {
            context.stats().add(Count::OutsideRefused);
            Err(OutsideCallRefused { call, route: context.route().to_owned(), transactions })
        }
    }
}
