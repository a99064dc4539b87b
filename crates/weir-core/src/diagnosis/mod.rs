//! Why connections run out, decided from what was seen. Pure: pictures in, findings out.
//!
//! | file | job |
//! | --- | --- |
//! | `cause` | the closed list of causes |
//! | `figure` | evidence: measures, units, values |
//! | `finding` | a diagnosis: cause, culprit, evidence, consequence, remedy |
//! | `thresholds` | what counts as long, many, near |

mod cause;
mod figure;
mod finding;
mod thresholds;

pub use cause::Cause;
pub use figure::{Figure, Measure, Unit};
pub use finding::{Confidence, Culprit, Finding, GapEdge, Remedy, Scope, Severity};
pub use thresholds::Thresholds;
