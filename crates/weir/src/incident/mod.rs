//! Incidents in the running program: a thread that decides, stores, and only then tells.
//!
//! | file | job |
//! | --- | --- |
//! | `thread` | looks and notes in; records to the keeper, messages to the receivers and the log |
//! | `keeper` | records to disk, or to memory while the disk takes none |
//! | `command` | `weir incident list, show, report` |

pub mod command;
mod keeper;
mod thread;

pub use keeper::Keeper;
pub use thread::{Incidents, Look};

#[cfg(test)]
mod tests;
