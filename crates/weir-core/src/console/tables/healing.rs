//! SHOW ACTIONS, ACTIONS SUMMARY, CAPS, QUARANTINE, and what orders to the healers answer.

use std::borrow::Cow;

use super::thousandths;
use crate::console::healing::{ActionRow, CapRow, Hit, WardRow};
use crate::console::table::{Column, Heading, Kind, Table, Value};
use crate::healing::{Step, Sum, Tallied};

/// What the healers did, or would have done.
pub(in crate::console) static ACTIONS: Table<ActionRow> = Table {
    name: "actions",
    about: "What the healing ladder did, or would have done, with what it expected and what then \
            happened. The latest first, at most 1,000 of each worker.",
    columns: ACTION_COLUMNS,
    rows: |view| Cow::Borrowed(&view.snapshot.healing.actions),
};

/// The sums of the last seven days.
pub(in crate::console) static SUMMARY: Table<(Step, Tallied, Sum)> = Table {
    name: "actions_summary",
    about: "The actions of the last seven days, or since the start if that is less, by step and by \
            what became of them: of those that were only observed or warned of, what enforcing \
            them would have saved. Also written SHOW ACTIONS SUMMARY.",
    columns: SUMMARY_COLUMNS,
    rows: |view| {
        let sums = view.snapshot.healing.week.iter();
        let known = sums.filter(|(_, _, sum)| sum.count > 0);
        Cow::Owned(known.map(|(step, how, sum)| (step, how, *sum)).collect())
    },
};

/// Classes whose slots are limited.
pub(in crate::console) static CAPS: Table<CapRow> = Table {
    name: "caps",
    about: "The classes whose slots are limited, or whose clients are refused early, with the \
            numbers that led to it.",
    columns: CAP_COLUMNS,
    rows: |view| Cow::Borrowed(&view.snapshot.healing.caps),
};

/// Quarantines.
pub(in crate::console) static QUARANTINE: Table<WardRow> = Table {
    name: "quarantine",
    about: "Routes and statements that are let in one at a time, of each worker. Three well in a \
            row end it; so do ten minutes in which nobody asks.",
    columns: WARD_COLUMNS,
    rows: |view| Cow::Borrowed(&view.snapshot.healing.wards),
};

const ACTION_COLUMNS: &[Column<ActionRow>] = &[
    Column::ours("number", Kind::Int8, "Names it.", |row, _| row.record.number.into()),
    Column::ours("at", Kind::Text, "When.", |row, view| view.when(row.ago).into()),
    Column::ours("step", Kind::Text, "shed, cap, quarantine, evict, cancel or close.", |row, _| {
        row.record.step.as_str().into()
    }),
    Column::ours(
        "outcome",
        Kind::Text,
        "done; observe or warn, where the mode does no more; frozen, breaker or budget, where it \
         was held back.",
        |row, _| row.record.verdict.as_str().into(),
    ),
    Column::ours("origin", Kind::Text, "healer or operator.", |row, _| {
        row.record.origin.as_str().into()
    }),
    Column::ours("database", Kind::Text, "The database clients ask for.", |row, _| {
        (&row.database).into()
    }),
    Column::ours("user", Kind::Text, "The user of the pool.", |row, _| (&row.pool_user).into()),
    Column::ours("route", Kind::Text, "The class it is about, as in SHOW HOLDERS.", |row, _| {
        (&row.record.route).into()
    }),
    Column::ours("target", Kind::Text, "What exactly.", |row, _| row.record.target().into()),
    Column::ours("why", Kind::Text, "The evidence.", |row, _| row.record.why.as_str().into()),
    Column::ours("statement", Kind::Text, "The holder's statement, without values.", |row, _| {
        (&row.record.who.statement).into()
    }),
    Column::ours("client_id", Kind::Int8, "The holder's number in SHOW CLIENTS.", |row, _| {
        row.record.who.client.map(|id| id.0).into()
    }),
    Column::ours("backend_pid", Kind::Int4, "The process id of its backend.", |row, _| {
        row.record.who.backend.map(i32::cast_unsigned).into()
    }),
    Column::ours("expected_slots", Kind::Int4, "Slots it was to free.", |row, _| {
        row.record.prediction.slots.into()
    }),
    Column::ours("waiting_before", Kind::Int4, "Clients that waited then.", |row, _| {
        row.record.prediction.waiting.into()
    }),
    Column::ours(
        "waiting_expected",
        Kind::Int4,
        "Clients that were expected to wait afterwards.",
        |row, _| row.record.prediction.waiting_after.into(),
    ),
    Column::ours(
        "waiting_after",
        Kind::Int4,
        "Clients that waited a second later; NULL before that.",
        |row, _| row.record.effect.map(|effect| effect.waiting).into(),
    ),
    Column::ours(
        "freed",
        Kind::Int4,
        "1 when what it was about was over a second later, by itself or by the action.",
        |row, _| row.record.effect.map(|effect| effect.freed).into(),
    ),
    Column::ours(
        "helped",
        Kind::Int4,
        "1 when that was so and fewer waited, or nobody longer than the first did before.",
        |row, _| row.record.effect.map(|effect| effect.helped).into(),
    ),
    Column::ours(
        "kept_s",
        Kind::Numeric,
        "Seconds the slot was held on while others waited: what was, or would have been, saved.",
        |row, _| thousandths(row.record.kept.as_secs_f64()),
    ),
];

const SUMMARY_COLUMNS: &[Column<(Step, Tallied, Sum)>] = &[
    Column::ours("step", Kind::Text, "As in SHOW ACTIONS.", |row, _| row.0.as_str().into()),
    Column::ours("outcome", Kind::Text, "done, observed, warned or withheld.", |row, _| {
        row.1.as_str().into()
    }),
    Column::ours("count", Kind::Int8, "How many.", |row, _| row.2.count.into()),
    Column::ours("slots", Kind::Int8, "Slots they freed, or would have.", |row, _| {
        row.2.slots.into()
    }),
    Column::ours("measured", Kind::Int8, "Those whose effect is known.", |row, _| {
        row.2.measured.into()
    }),
    Column::ours(
        "helped",
        Kind::Int8,
        "Those after which things were better a second later.",
        |row, _| row.2.helped.into(),
    ),
    Column::ours(
        "kept_s",
        Kind::Numeric,
        "Seconds that slots were held on afterwards while others waited: for those that were not \
         done, what enforcing would have saved.",
        |row, _| thousandths(row.2.kept.as_secs_f64()),
    ),
];

const CAP_COLUMNS: &[Column<CapRow>] = &[
    Column::ours("database", Kind::Text, "The database clients ask for.", |row, _| {
        (&row.database).into()
    }),
    Column::ours("user", Kind::Text, "The user of the pool.", |row, _| (&row.pool_user).into()),
    Column::ours("route", Kind::Text, "The class.", |row, _| (&row.route).into()),
    Column::ours("limit", Kind::Int4, "Most slots now, by whatever limits them.", |row, _| {
        row.view.limit.into()
    }),
    Column::ours("cap", Kind::Int4, "Most slots by the controller.", |row, _| row.view.cap.into()),
    Column::ours("enforced", Kind::Int4, "0 when that is only shown.", |row, _| {
        row.enforced.into()
    }),
    Column::ours("held", Kind::Int4, "Slots it holds.", |row, _| row.view.held.into()),
    Column::ours("waiting", Kind::Int4, "Its clients that wait.", |row, _| row.view.waiting.into()),
    Column::ours(
        "deadline_s",
        Kind::Numeric,
        "Its clients that wait longer are refused; NULL when only the pool's limit holds.",
        |row, _| row.view.deadline.map_or(Value::Null, |span| thousandths(span.as_secs_f64())),
    ),
    Column::ours(
        "hold_s",
        Kind::Numeric,
        "Seconds of slots lately, those of open transactions included, for each that ended.",
        |row, _| thousandths(row.view.verdict.hold.as_secs_f64()),
    ),
    Column::ours("usual_s", Kind::Numeric, "The usual time; NULL while unknown.", |row, _| {
        row.view.usual.map_or(Value::Null, |span| thousandths(span.as_secs_f64()))
    }),
    Column::ours(
        "peers_percent",
        Kind::Int8,
        "How long the others hold slots, in percent of their usual.",
        |row, _| row.view.verdict.peers_percent.into(),
    ),
    Column::ours("why", Kind::Text, "In a sentence.", |row, _| {
        row.view.verdict.why.sentence().into()
    }),
];

const WARD_COLUMNS: &[Column<WardRow>] = &[
    Column::ours("kind", Kind::Text, "route or statement.", |row, _| {
        row.ward.subject.kind().into()
    }),
    Column::ours("name", Kind::Text, "The route's name, or the fingerprint.", |row, _| {
        (&row.ward.subject.name()).into()
    }),
    Column::ours("database", Kind::Text, "In which; NULL in all.", |row, _| {
        row.database.as_ref().map(|name| name.to_string()).into()
    }),
    Column::ours("origin", Kind::Text, "healer or operator.", |row, _| {
        row.ward.origin.as_str().into()
    }),
    Column::ours("why", Kind::Text, "In a sentence.", |row, _| row.ward.why.as_str().into()),
    Column::ours("since", Kind::Text, "When it began.", |row, view| view.when(row.since).into()),
    Column::ours("next_s", Kind::Numeric, "Seconds until somebody is let in.", |row, _| {
        thousandths(row.next.as_secs_f64())
    }),
    Column::ours(
        "probing",
        Kind::Int4,
        "1 while somebody who was let in has not ended.",
        |row, _| row.ward.state.is_probing().into(),
    ),
    Column::ours("well", Kind::Int4, "Of three in a row, those that were well.", |row, _| {
        row.ward.state.well().into()
    }),
    Column::ours("refused", Kind::Int8, "Claims that were refused.", |row, _| {
        row.ward.refused.into()
    }),
];

/// The columns of what an order to the healers answers.
pub(in crate::console) fn hit_headings() -> Vec<Heading> {
    let column = |(name, kind): (&'static str, Kind)| Heading { name, kind, about: "", ours: true };
    let columns = [
        ("database", Kind::Text),
        ("user", Kind::Text),
        ("route", Kind::Text),
        ("client_id", Kind::Int8),
        ("backend_pid", Kind::Int4),
        ("doing", Kind::Text),
        ("outcome", Kind::Text),
    ];
    columns.map(column).to_vec()
}

/// The values of one line of it.
pub(in crate::console) fn hit_values(hit: &Hit) -> Vec<Value> {
    vec![
        (&hit.database).into(),
        (&hit.pool_user).into(),
        (&hit.route).into(),
        hit.client.map(|id| id.0).into(),
        hit.backend.map(i32::cast_unsigned).into(),
        hit.doing.as_str().into(),
        hit.outcome.as_str().into(),
    ]
}
