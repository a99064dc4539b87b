//! The simulator: requests, an application, a proxy and a PostgreSQL in virtual time.
//!
//! A [`Plan`] (a small text file) says who asks for what and what goes wrong; a [`Rule`] says how
//! waiting requests are served; [`play`] answers with an [`Outcome`]. The pool and its dispatch
//! are those of the proxy. One seed runs the whole world, and arrivals and service times do not
//! depend on the rule, so that outcomes can be compared. A plan can also be made from what the
//! ledger recorded ([`Recorded`]).

mod attempt;
mod bound;
mod draw;
mod engine;
mod headline;
mod ladder;
mod outcome;
mod plan;
mod recorded;
mod rule;
mod site;
mod table;

#[cfg(test)]
mod tests;

pub use bound::bound_permille;
pub use engine::play;
pub use headline::{Headline, beside};
pub use outcome::{ClassOutcome, Outcome};
pub use plan::{ClassPlan, EventPlan, Expectation, Plan, PlanError};
pub use recorded::{Recorded, call_outside};
pub use rule::Rule;
pub use table::{Row, compare, overview};
