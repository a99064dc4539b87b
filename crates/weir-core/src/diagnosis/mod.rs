//! Why connections run out, decided from what was seen. Pure: a picture in, findings out.
//!
//! | file | job |
//! | --- | --- |
//! | `cause` | the closed list of causes |
//! | `figure` | evidence: measures, units, values |
//! | `finding` | a diagnosis: cause, culprit, evidence, consequence, remedy |
//! | `thresholds` | what counts as long, many, near |
//! | `rules` | one file a rule |
//! | `locality` | one route got slow, or everything did |
//! | `rank` | all rules, the finding that explains most first |
//! | `health` | the full answer about a server, and its forms |
//! | `group` | which sessions belong together |

mod cause;
mod figure;
mod finding;
mod group;
pub mod health;
mod locality;
mod rank;
mod rules;
mod thresholds;

pub use cause::Cause;
pub use figure::{Figure, Measure, Unit};
pub use finding::{Confidence, Culprit, Finding, GapEdge, Remedy, Scope, Severity};
pub use locality::{Locality, locality};
pub use rank::diagnose;
pub use thresholds::Thresholds;
