//! Healing: what is done to holders of slots when dispatch and caps are not enough. Pure: what
//! holders do and who waits goes in, decisions with their predictions come out.
//!
//! | file | job |
//! | --- | --- |
//! | `ladder` | the steps, and the mode of each for each class |
//! | `holder` | what is known of one holder, and what shields it |
//! | `shield` | who is shielded by the name it goes by |
//! | `plan` | which step fits which holder, the mildest first |
//! | `guard` | budget, breaker, freeze: what holds the healer back |
//! | `quarantine` | a class that is let in one at a time until it is well |
//! | `outcome` | predictions, and what then happened |
//! | `healer` | all of them together |
//!
//! Nothing is done unless somebody waits.

mod guard;
mod healer;
mod holder;
mod ladder;
mod outcome;
mod plan;
mod quarantine;
mod shield;

#[cfg(test)]
mod tests;

pub use guard::{Envelope, Guard, Withheld};
pub use healer::{Decision, Healer, Scene};
pub use holder::{Doing, Holder, Shield, Work};
pub use ladder::{Ladder, Mode, Step};
pub use outcome::{Effect, Prediction, Record, Verdict};
pub use plan::{Limits, Proposal, propose};
pub use quarantine::{Admission, Quarantine};
