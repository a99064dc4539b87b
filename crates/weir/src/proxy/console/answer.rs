//! Results as messages.

use weir_core::console::{Heading, Value};
use weir_core::ledger::{OFF, OFF_HINT};
use weir_core::session::Notice;
use weir_wire::build::{self, Column};
use weir_wire::error::{Report, SqlState};

/// What a command answers.
#[derive(Debug)]
pub(super) struct Reply {
    /// Said before everything else: a sentence, and facts behind it.
    pub(super) remark: Option<(String, String)>,
    /// Columns and rows, where it has any.
    pub(super) table: Option<(Vec<Heading>, Vec<Vec<Value>>)>,
    /// The tag of the CommandComplete.
    pub(super) tag: &'static str,
}

impl Reply {
    /// Nothing but the tag.
    pub(super) const fn done(tag: &'static str) -> Self {
        Self { remark: None, table: None, tag }
    }

    /// A remark and the tag.
    pub(super) fn remark(message: &str, detail: String, tag: &'static str) -> Self {
        Self { remark: Some((message.to_owned(), detail)), table: None, tag }
    }

    /// Appends everything.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.write_remark(out);
        if let Some((headings, rows)) = &self.table {
            columns(out, headings);
            rows.iter().for_each(|values| row(out, values));
        }
        complete(out, self.tag);
    }

    /// Appends the remark as a NoticeResponse.
    pub(super) fn write_remark(&self, out: &mut Vec<u8>) {
        if let Some((message, detail)) = &self.remark {
            let report = Report::notice(message);
            let detail = Some(detail.as_str()).filter(|text| !text.is_empty());
            build::notice_response(out, &Report { detail, ..report });
        }
    }
}

/// Appends a RowDescription.
pub(super) fn columns(out: &mut Vec<u8>, headings: &[Heading]) {
    let column = |heading: &Heading| Column { name: heading.name, type_oid: heading.kind.oid() };
    let columns: Vec<Column<'_>> = headings.iter().map(column).collect();
    // Names are ours, without zero bytes and few.
    let _ = build::row_description(out, &columns);
}

/// Appends a DataRow.
pub(super) fn row(out: &mut Vec<u8>, values: &[Value]) {
    let texts: Vec<_> = values.iter().map(Value::text).collect();
    let bytes = texts.iter().map(|text| text.as_ref().map(|text| text.as_bytes()));
    // Values are far below the gigabyte that a message may have.
    let _ = build::data_row(out, bytes);
}

/// Appends a CommandComplete.
pub(super) fn complete(out: &mut Vec<u8>, tag: &'static str) {
    // Tags are ours, without zero bytes and short.
    let _ = build::command_complete(out, tag.as_bytes());
}

/// Appends an ErrorResponse that leaves the session alive.
pub(super) fn error(out: &mut Vec<u8>, notice: &Notice) {
    build::error_response(out, &notice.report(false));
}

/// Only the ledger knows, and there is none.
pub(super) fn off() -> Notice {
    let sqlstate = SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE;
    Notice { hint: OFF_HINT.into(), ..refused(sqlstate, OFF) }
}

/// An error of one sentence.
pub(super) fn refused(sqlstate: SqlState, message: impl Into<String>) -> Notice {
    Notice { sqlstate, message: message.into(), detail: String::new(), hint: String::new() }
}
