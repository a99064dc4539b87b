//! What happens on the server and in the proxy, as plain data: the input of [`crate::diagnosis`].
//!
//! | file | job |
//! | --- | --- |
//! | `ask` | the SQL that asks a server, for each version |
//! | `read` | from rows to data |
//! | `sample` | one look at a server |
//! | `statement` | a statement without its values |
//! | `blocking` | lock chains and their roots |
//! | `trend` | rates from sample to sample, and what is usual |
//! | `proxy` | the proxy's side: pools, holders, waiters, routes |
//! | `books` | from the ledger to holders, routes and what is usual for them |
//! | `flow` | rates of the proxy's sums |
//! | `picture` | all of it joined, as the rules see it |

pub mod ask;
mod blocking;
mod books;
mod flow;
mod picture;
mod proxy;
pub mod read;
mod sample;
mod statement;
#[cfg(test)]
pub(crate) mod tests;
mod trend;

pub use blocking::{Chain, chains};
pub use books::Books;
pub use flow::Flow;
pub use picture::{Contact, Picture, Pressure, Seen};
pub use proxy::{ClassState, Holder, Phase, PoolState, Proxy, Waiter};
pub use sample::{
    Facts, Kind, Limits, Narrower, Reserve, Sample, Session, State, Totals, Wait, Whose,
};
pub use statement::Statement;
pub use trend::{Tracker, Trend};
