//! Incidents in the running program: a thread that decides, stores, and only then tells.
//!
//! | file | job |
//! | --- | --- |
//! | `reporter` | how everybody else speaks to the thread |
//! | `shelf` | the latest incidents in memory, for console and HTTP |
//! | `thread` | looks and notes in; records to the keeper, messages to the receivers and the log |
//! | `feed` | what ledger and guard see, each second |
//! | `keeper` | records to disk, or to memory while the disk takes none |
//! | `command` | `weir incident list, show, report` |

pub mod command;
mod feed;
mod keeper;
mod reporter;
mod shelf;
mod thread;

pub use feed::{feed, look};
pub use keeper::Keeper;
pub use reporter::{Look, Open, Reporter};
pub use shelf::Shelf;
pub use thread::{Incidents, TOLD, more};

#[cfg(test)]
mod tests;
