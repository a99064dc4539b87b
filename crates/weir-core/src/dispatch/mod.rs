//! Dispatch: which waiting client gets a slot next, how many slots a class may hold, and who is
//! refused when there are not enough.
//!
//! Calm traffic is served in the order of arrival. Once somebody has waited for 100 ms, classes
//! are served by what they hold, the least first; a class whose transactions got slow while
//! others' did not is capped; where everything is slow nobody is blamed, the newest are served
//! first and the rest refused early. Reasons and figures are in `docs/inside/dispatch.md`.
//!
//! All arithmetic is in integers, time is an argument, and nothing allocates once the classes are
//! known. The pool asks; the simulator runs the same code.

mod account;
mod baseline;
mod caps;
mod claim;
mod class;
mod explain;
mod queue;
mod quick;
mod refuse;
mod shed;
mod timely;
mod view;
mod waiters;

#[cfg(test)]
mod tests;

pub use claim::{Advises, Claim, ClassRules, Criticality, Policy};
pub use explain::{Explanation, Verdict, Why};
pub use view::ClassView;

pub(crate) use caps::Slots;
pub(crate) use queue::{Dispatch, Place};
pub(crate) use waiters::{Waiter, Waiters};
