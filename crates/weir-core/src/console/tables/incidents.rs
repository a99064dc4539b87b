//! SHOW INCIDENTS.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::config::choices::Language;
use crate::console::table::{Column, Kind, Table};
use crate::incident::report::Story;
use crate::incident::words;

/// The latest incidents.
pub(in crate::console) static INCIDENTS: Table<Arc<Story>> = Table {
    name: "incidents",
    about: "A line for each of the latest incidents, the latest first. SHOW INCIDENT id says what \
            happened in one; `weir incident list` knows older ones.",
    columns: COLUMNS,
    rows: |view| Cow::Borrowed(view.incidents),
};

const COLUMNS: &[Column<Arc<Story>>] = &[
    Column::ours("id", Kind::Text, "Its name.", |row, _| row.incident.id.0.as_str().into()),
    Column::ours("state", Kind::Text, "open, mitigating, watching or closed.", |row, _| {
        row.incident.state.as_str().into()
    }),
    Column::ours("opened", Kind::Text, "When it opened.", |row, _| {
        row.incident.opened.to_string().into()
    }),
    Column::ours("lasted", Kind::Text, "From the first trouble to the last.", |row, _| {
        let lasted = Duration::from_millis(row.incident.impact.lasted_ms);
        words::duration(lasted, Language::En).into()
    }),
    Column::ours("refused", Kind::Int8, "Requests refused.", |row, _| {
        row.incident.impact.refused.into()
    }),
    Column::ours(
        "failed",
        Kind::Int8,
        "Requests that failed otherwise for want of a connection.",
        |row, _| row.incident.impact.failed.into(),
    ),
    Column::ours("users", Kind::Int8, "Users hit, where a tag names them.", |row, _| {
        row.incident.impact.users.into()
    }),
    Column::ours(
        "failure_percent_max",
        Kind::Int4,
        "The highest share of requests refused or failed, over ten seconds; null where there were \
         too few for a rate.",
        |row, _| row.incident.impact.failure_percent_max.map(u32::from).into(),
    ),
    Column::ours(
        "cause",
        Kind::Text,
        "The strongest cause; null before one is found.",
        |row, _| row.incident.lead().map(|suspect| suspect.finding.cause.title()).into(),
    ),
    Column::ours("culprit", Kind::Text, "Who, as far as that is known.", |row, _| {
        let lead = row.incident.lead();
        lead.and_then(|suspect| words::culprit(&suspect.finding.culprit, Language::En)).into()
    }),
    Column::ours("actions", Kind::Int4, "What was done or foretold.", |row, _| {
        row.incident.actions.into()
    }),
    Column::ours("slots_freed", Kind::Int4, "Slots that the actions freed.", |row, _| {
        row.incident.slots_freed.into()
    }),
];

const EVENT: [(&str, &str); 3] = [
    ("time", "When, UTC."),
    ("severity", "info, warning or critical."),
    ("what", "What happened, in a sentence."),
];

/// The columns of SHOW INCIDENT.
#[must_use]
pub fn event_headings() -> Vec<crate::console::Heading> {
    let heading =
        |(name, about)| crate::console::Heading { name, kind: Kind::Text, about, ours: true };
    EVENT.map(heading).to_vec()
}

/// The rows of SHOW INCIDENT, at most `rows_max`: what happened, in its order.
#[must_use]
pub fn event_rows(story: &Story, rows_max: usize) -> Vec<Vec<crate::console::Value>> {
    let row = |event: &crate::incident::Event| {
        vec![
            event.at.rfc3339().into(),
            event.severity.as_str().into(),
            words::event(&event.kind, Language::En).into(),
        ]
    };
    story.events.iter().take(rows_max).map(row).collect()
}
