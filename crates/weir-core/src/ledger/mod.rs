//! The accountant: every second of every server connection belongs to one phase and one holder.
//!
//! A worker's [`Ledger`] lives in its pools: what the pools decide and what sessions say moves an
//! account from phase to phase, and nothing else does. Sums are integers of nanoseconds, so the
//! law of `conservation` holds exactly: over any window the phases add up to the time that server
//! connections were open.
//!
//! | file | job |
//! | --- | --- |
//! | `phase` | what a server connection's time can be spent on |
//! | `book` | the ledger: what it is told, and waits |
//! | `turn` | what one server connection is charged, from one moment to the next |
//! | `account` | one server connection's entry, and the transaction on it |
//! | `class` | the sums of one class (by default a route) |
//! | `names` | the bounded table of classes, and the ladder from tag to transaction shape |
//! | `texts` | the bounded table of statements, and what texts say, remembered by hash |
//! | `table` | what both tables are made of |
//! | `gap` | waits for the application inside of transactions, by place in the code |
//! | `conservation` | the open time, counted apart from the accounts |
//! | `histogram` | durations by size |
//! | `snapshot` | what a worker tells of its ledger |
//! | `window` | differences between snapshots: per second and per ten seconds |
//! | `summary` | what a minute came to, as it is kept on disk |
//! | `need` | how many slots the work needs, and would need otherwise |
//! | `picture` | all of it as people and programs read it |

/// What is said where the ledger would be read and is off.
pub const OFF: &str = "the ledger is off (ledger.enabled = false): who holds which slot, for which \
                       route and in which phase is not known";

/// What is lost besides, said once at the start.
pub const OFF_COSTS: &str = "the dispatch tells no route from another, and the healer cannot end \
                             what holds a slot";

/// What to do about it.
pub const OFF_HINT: &str = "Set ledger.enabled = true and restart Weir.";

mod account;
mod book;
mod class;
mod conservation;
mod gap;
mod histogram;
mod names;
mod need;
mod phase;
mod picture;
mod snapshot;
mod summary;
mod table;
#[cfg(test)]
mod tests;
mod texts;
mod top;
mod turn;
mod window;

pub use book::{LONG_TAG, Ledger, Scribe};
pub use class::{ClassKind, ClassSums, WaitEnd, WaitSum};
pub use conservation::OpenTime;
pub use gap::GapSums;
pub use histogram::Histogram;
pub use names::Caller;
pub use need::{Change, Demand, exhaustion};
pub(crate) use phase::seconds;
pub use phase::{Phase, PhaseTimes};
pub use picture::{Demanded, Gap, Hold, Picture, Route, Wait};
pub use snapshot::{ClassRow, EdgeRow, GapRow, HoldView, HolderRow, LedgerSnapshot, WaiterRow};
pub use summary::{GapSummary, PoolSummary, Summarizer, Summary};
pub use texts::Mark;
pub use top::TopHolder;
pub use window::{Frame, FrameClass, Recorder};
