//! The console, as far as it can be decided without doing anything: what a line of text asks for,
//! and what each SHOW answers from a [`View`] of the process.
//!
//! | file | job |
//! | --- | --- |
//! | `command` | what one statement asks for |
//! | `topic` | what SHOW shows |
//! | `usage` | the commands' documentation |
//! | `parse` | text to commands |
//! | `heal` | likewise, those to the healers |
//! | `snapshot` | what workers tell of themselves |
//! | `view` | that and everything else an answer is made from |
//! | `totals` | sums over pools, and averages between two moments |
//! | `holds` | what is paused and what is disabled |
//! | `table` | what a table is made of |
//! | `tables` | each SHOW: columns with type, documentation and value |
//! | `metrics` | the same view as metrics: definitions and points |
//! | `ledger_metrics` | what the ledger adds to them |
//! | `healing` | what workers tell of their healers, and what operators order of them |
//! | `healing_metrics` | what they add to the metrics |
//! | `exposition`, `otlp` | metrics as Prometheus text, and for OpenTelemetry |
//! | `reference` | the pages under `docs/using` |
//!
//! Columns carry the names, the order and the types of PgBouncer 1.25 where it has the same
//! command (its `src/admin.c` and `src/stats.c`); ours follow after them.

pub(crate) mod calendar;
mod command;
mod exposition;
mod heal;
mod healing;
mod healing_metrics;
mod holds;
mod ledger_metrics;
mod metrics;
mod otlp;
mod parse;
mod reference;
mod snapshot;
mod table;
mod tables;
mod topic;
mod totals;
mod usage;
mod view;

pub use command::{Command, Means, Operation, Parameter, Shutdown};
pub use exposition::metrics;
pub use healing::{
    ActionRow, CapRow, HealingRequest, HealingSnapshot, Hit, Intervention, Victims, WardRow,
};
pub use holds::Holds;
pub use otlp::{Period, otlp};
pub use parse::{parse, unsupported};
pub use reference::{metrics_page, reference};
pub use snapshot::{
    Activity, ClientRow, PoolRow, Serial, ServerActivity, ServerRow, Snapshot, Store, Traffic,
};
pub use table::{Answer, Heading, Kind, Relation, Value};
pub use tables::{event_headings, event_rows};
pub use topic::{Needs, Topic};
pub use totals::{History, PoolTotals, Totals};
pub use usage::{COMMANDS, usage};
pub use view::{ConfigRow, View};

#[cfg(test)]
pub(crate) mod tests;
