//! Incidents: when one opens, what happens in it, whom it hurt, who is behind it, when it is over.
//!
//! | file | job |
//! | --- | --- |
//! | `desk` | findings and signals in, a record out |
//! | `current` | the incident at hand, as it grows |
//! | `machine` | open, mitigating, watching, closed, with hysteresis |
//! | `suspects` | findings of one trouble brought together and ranked |
//! | `impact`, `users` | requests, users, rates |
//! | `timeline`, `event` | what happened, a closed list |
//! | `action` | what was done, why, what was expected and what it changed |
//! | `dispatch` | what the dispatch does to classes, as actions |
//! | `prelude` | the first signs before the opening |
//! | `flight` | second by second, before and through it |
//! | `book` | an incident as a whole |
//! | `words` | what is said of it, in English and Chinese |
//! | `report` | the whole story as Markdown and HTML |
//! | `price` | what a failed request costs |
//! | `ledger` | signals from the ledger |
//! | `otherwise` | an incident played again under other rules, and with other code |
//! | `signals`, `moment`, `rules` | the input |
//!
//! Absent on purpose: storage, messages, clocks. The program stores each record before anybody is
//! told of it.

mod action;
mod book;
mod current;
mod desk;
mod dispatch;
mod event;
mod flight;
mod impact;
mod ledger;
mod machine;
mod moment;
mod otherwise;
mod prelude;
mod price;
pub mod report;
mod rules;
mod signals;
mod suspects;
mod timeline;
mod users;
pub mod words;

pub use action::{Action, Effect, Lifted, Reason};
pub use book::{Change, Counterfactual, Incident, IncidentId, interrupted};
pub use desk::{IncidentDesk, Note, Record};
pub use dispatch::{Around, ClassNow, Control, DispatchLog};
pub use event::{Event, EventKind};
pub use flight::{Flight, Point};
pub use impact::Impact;
pub use ledger::counterfactuals;
pub use machine::{Machine, State, Step};
pub use moment::{Moment, Wall};
pub use otherwise::{Replayed, needed};
pub use price::{Loss, Price};
pub use rules::Rules;
pub use signals::{Server, Signals, Slots};
pub use suspects::Suspect;
pub use users::{USER_WORDS, Users};

#[cfg(test)]
mod tests;
