//! The law of conservation over random events, faults that it must notice, classes found late,
//! rings, summaries, and bounds.

mod bounds;
mod faults;
mod law;
mod recorder;
mod remembered;
mod stories;
mod summary;

use super::{Caller, Ledger, Mark};

/// Reads a text as a session does.
fn read(ledger: &mut Ledger, text: &str, caller: &mut Caller) -> Mark {
    let text = text.as_bytes();
    ledger.read(text, weir_wire::sql::template(text, 5) | 1, caller)
}
