//! What outlives the process: SQLite files in the state directory, a file for each purpose.
//!
//! | file | job |
//! | --- | --- |
//! | `open` | opens a file, brings its tables up to date |
//! | `ledger` | what the time of server connections went into, minute by minute |
//! | `incidents` | incidents, their events and flight recorders |

mod incidents;
mod ledger;
mod open;

pub use incidents::IncidentStore;
pub use ledger::LedgerStore;
pub use open::{Schema, StoreError, open, open_to_read};
