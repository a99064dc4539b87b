//! Healing: what is done to holders of slots when dispatch and caps are not enough. Pure: what
//! holders do and who waits goes in, decisions with their predictions come out.
//!
//! | file | job |
//! | --- | --- |
//! | `ladder` | the steps, and the mode of each for each class |
//! | `rules` | everything an operator may say, and the words of the file |
//! | `holder` | what is known of one holder, and what shields it |
//! | `exempt` | who is never touched |
//! | `plan` | which step fits which holder, the mildest first |
//! | `guard` | budget, breaker, freeze: what holds the healer back |
//! | `quarantine` | a class that is let in one at a time until it is well |
//! | `door` | all quarantines of a worker, and who is let in |
//! | `repeat` | whose transactions had to be ended again and again |
//! | `outcome` | predictions, and what then happened |
//! | `sums` | what was done and what it would have saved, of the last seven days |
//! | `order` | what the healer is given, what it decides and what is told of it |
//! | `healer` | all of them together |
//! | `told` | a record in the words of incidents |
//!
//! Nothing is done unless somebody waits.

mod door;
mod exempt;
mod guard;
mod healer;
mod holder;
mod ladder;
mod order;
mod outcome;
mod plan;
mod quarantine;
mod repeat;
mod rules;
mod sums;
mod told;

#[cfg(test)]
mod tests;

pub use door::{Door, Knock, Origin, Pass, ProbeEnd, Turned, Ward};
pub use exempt::{Exempted, Exemptions, Party};
pub use guard::{Envelope, Guard, Withheld};
pub use healer::Healer;
pub use holder::{Doing, Holder, Shield, Who, Work};
pub use ladder::{Ladder, Mode, Step};
pub use order::{Decision, News, Order, Scene, Sign};
pub use outcome::{Effect, Prediction, Record, Subject, Verdict};
pub use plan::{Limits, Proposal, propose};
pub use quarantine::{Admission, Quarantine};
pub use rules::Rules;
pub use sums::{Sum, Sums, Tallied};
