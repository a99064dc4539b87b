//! Incidents in the running program: a thread that decides, stores, and only then tells.
//!
//! | file | job |
//! | --- | --- |
//! | `reporter` | how everybody else speaks to the thread |
//! | `thread` | looks and notes in; records to the keeper, messages to the receivers and the log |
//! | `feed` | what ledger and guard see, each second |
//! | `keeper` | records to disk, or to memory while the disk takes none |
//! | `command` | `weir incident list, show, report` |

pub mod command;
mod feed;
mod keeper;
mod reporter;
mod thread;

pub use feed::feed;
pub use keeper::Keeper;
pub use reporter::{Look, Reporter};
pub use thread::Incidents;

#[cfg(test)]
mod tests;
