//! What servers send: to clients, by us.

use super::writer::{BuildError, Shape, Writer, empty};
use crate::error::Report;
use crate::frame::backend;
use crate::message::{BackendKeyData, TransactionStatus, field};
use crate::startup::ProtocolVersion;

/// The longest text of one field of a [`Report`] on the wire, in bytes; the rest is cut.
const REPORT_FIELD_MAX: usize = 16_384;

/// Appends a ParseComplete.
pub fn parse_complete(out: &mut Vec<u8>) {
    empty(out, backend::PARSE_COMPLETE);
}

/// Appends a BindComplete.
pub fn bind_complete(out: &mut Vec<u8>) {
    empty(out, backend::BIND_COMPLETE);
}

/// Appends a CloseComplete.
pub fn close_complete(out: &mut Vec<u8>) {
    empty(out, backend::CLOSE_COMPLETE);
}

/// Appends a NoData.
pub fn no_data(out: &mut Vec<u8>) {
    empty(out, backend::NO_DATA);
}

/// Appends an EmptyQueryResponse.
pub fn empty_query_response(out: &mut Vec<u8>) {
    empty(out, backend::EMPTY_QUERY_RESPONSE);
}

/// Appends a ReadyForQuery.
pub fn ready_for_query(out: &mut Vec<u8>, status: TransactionStatus) {
    out.extend_from_slice(&[backend::READY_FOR_QUERY, 0, 0, 0, 5, status.as_byte()]);
}

/// Appends a CommandComplete with a tag such as `SELECT 1`.
///
/// # Errors
/// [`BuildError`] when the tag is too long or holds a zero byte.
pub fn command_complete(out: &mut Vec<u8>, tag: &[u8]) -> Result<(), BuildError> {
    let shape = Shape::tagged("CommandComplete", backend::COMMAND_COMPLETE);
    shape.write(out, |w| w.string(tag, "command tag"))
}

/// Appends a ParameterStatus.
///
/// # Errors
/// [`BuildError`] when a string is too long or holds a zero byte.
pub fn parameter_status(out: &mut Vec<u8>, name: &[u8], value: &[u8]) -> Result<(), BuildError> {
    Shape::tagged("ParameterStatus", backend::PARAMETER_STATUS).write(out, |w| {
        w.string(name, "parameter name")?;
        w.string(value, "parameter value")
    })
}

/// Appends a BackendKeyData. A client of version 3.0 takes a key of exactly 4 bytes.
///
/// # Errors
/// [`BuildError::Field`] when the key is shorter than 4 or longer than 256 bytes.
pub fn backend_key_data(out: &mut Vec<u8>, pid: i32, key: &[u8]) -> Result<(), BuildError> {
    let lengths = BackendKeyData::KEY_LEN_MIN..=BackendKeyData::KEY_LEN_MAX;
    Shape::tagged("BackendKeyData", backend::BACKEND_KEY_DATA).write(out, |w| {
        if !lengths.contains(&key.len()) {
            return Err(BuildError::Field("cancel key"));
        }
        w.int32(pid);
        w.bytes(key);
        Ok(())
    })
}

/// Object ids of the types that our own result sets use. Source: `pg_type.dat`.
pub mod oid {
    /// `boolean`.
    pub const BOOL: u32 = 16;
    /// `bigint`.
    pub const INT8: u32 = 20;
    /// `integer`.
    pub const INT4: u32 = 23;
    /// `text`.
    pub const TEXT: u32 = 25;
    /// `double precision`.
    pub const FLOAT8: u32 = 701;
    /// `numeric`.
    pub const NUMERIC: u32 = 1700;
}

/// A column of a result set in text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column<'a> {
    /// Name of the column.
    pub name: &'a str,
    /// Object id of its type; see [`oid`].
    pub type_oid: u32,
}

impl<'a> Column<'a> {
    /// A column of type `text`.
    #[must_use]
    pub const fn text(name: &'a str) -> Self {
        Self { name, type_oid: oid::TEXT }
    }

    /// A column of type `bigint`.
    #[must_use]
    pub const fn int8(name: &'a str) -> Self {
        Self { name, type_oid: oid::INT8 }
    }

    /// Bytes of the type, or -1 when they vary: `pg_type.typlen`.
    const fn type_size(&self) -> i16 {
        match self.type_oid {
            oid::BOOL => 1,
            oid::INT4 => 4,
            oid::INT8 | oid::FLOAT8 => 8,
            _ => -1,
        }
    }
}

/// Appends a RowDescription.
///
/// # Errors
/// [`BuildError`] when there are more than 65,535 columns, or a name holds a zero byte.
pub fn row_description(out: &mut Vec<u8>, columns: &[Column<'_>]) -> Result<(), BuildError> {
    Shape::tagged("RowDescription", backend::ROW_DESCRIPTION).write(out, |w| {
        w.count(columns.len(), "list of columns")?;
        columns.iter().try_for_each(|column| column_description(w, column))
    })
}

fn column_description(w: &mut Writer<'_>, column: &Column<'_>) -> Result<(), BuildError> {
    w.string(column.name.as_bytes(), "column name")?;
    w.uint32(0); // No table,
    w.int16(0); // and so no column of one.
    w.uint32(column.type_oid);
    w.int16(column.type_size());
    w.int32(-1); // No type modifier.
    w.int16(0); // Text format.
    Ok(())
}

/// Appends a DataRow of values in text format; `None` is NULL.
///
/// # Errors
/// [`BuildError::TooLong`] when there are more than 65,535 values or they are too long.
pub fn data_row<'v>(
    out: &mut Vec<u8>,
    values: impl Iterator<Item = Option<&'v [u8]>>,
) -> Result<(), BuildError> {
    Shape::tagged("DataRow", backend::DATA_ROW)
        .write(out, |w| w.counted("list of values", |w| row_values(w, values)))
}

fn row_values<'v>(
    w: &mut Writer<'_>,
    values: impl Iterator<Item = Option<&'v [u8]>>,
) -> Result<usize, BuildError> {
    let mut count = 0;
    for value in values {
        match value {
            Some(value) => w.sized(value, "value")?,
            None => w.int32(-1),
        }
        count += 1;
    }
    Ok(count)
}

/// Appends an ErrorResponse. Text is cut at a zero byte and after 16 KiB.
pub fn error_response(out: &mut Vec<u8>, report: &Report<'_>) {
    report_message(out, backend::ERROR_RESPONSE, report);
}

/// Appends a NoticeResponse. Text is cut at a zero byte and after 16 KiB.
pub fn notice_response(out: &mut Vec<u8>, report: &Report<'_>) {
    report_message(out, backend::NOTICE_RESPONSE, report);
}

/// A report must always get through, so it is cut rather than refused.
fn report_message(out: &mut Vec<u8>, tag: u8, report: &Report<'_>) {
    let fields = [
        (field::SEVERITY, Some(report.severity.as_str())),
        (field::SEVERITY_RAW, Some(report.severity.as_str())),
        (field::CODE, Some(report.sqlstate.as_str())),
        (field::MESSAGE, Some(report.message)),
        (field::DETAIL, report.detail),
        (field::HINT, report.hint),
    ];
    let at = out.len() + 1;
    out.extend_from_slice(&[tag, 0, 0, 0, 0]);
    for (code, text) in fields {
        let Some(text) = text else { continue };
        out.push(code);
        out.extend_from_slice(cut(text).as_bytes());
        out.push(0);
    }
    out.push(0);
    // Six fields of at most 16 KiB: far below `u32::MAX` and below every limit.
    let length = u32::try_from(out.len() - at).unwrap_or_default();
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}

fn cut(text: &str) -> &str {
    let text = text.split('\0').next().unwrap_or_default();
    &text[..text.floor_char_boundary(REPORT_FIELD_MAX)]
}

/// Appends a NegotiateProtocolVersion: the version we speak and the options we do not know.
///
/// # Errors
/// [`BuildError`] when a name is too long or holds a zero byte.
pub fn negotiate_protocol_version(
    out: &mut Vec<u8>,
    version: ProtocolVersion,
    unknown_options: &[&[u8]],
) -> Result<(), BuildError> {
    let shape = Shape::tagged("NegotiateProtocolVersion", backend::NEGOTIATE_PROTOCOL_VERSION);
    shape.write(out, |w| {
        let count = i32::try_from(unknown_options.len());
        w.uint32(version.code());
        w.int32(count.map_err(|_| BuildError::TooLong("list of options"))?);
        unknown_options.iter().try_for_each(|name| w.string(name, "option name"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::SqlState;
    use crate::message::ErrorFields;

    #[test]
    fn a_report_gets_through_whatever_it_says() {
        let long = "é".repeat(REPORT_FIELD_MAX);
        let report = Report::fatal(SqlState::PROTOCOL_VIOLATION, "no\0pe").with_detail(&long);
        let mut out = Vec::new();
        error_response(&mut out, &report);
        let fields = ErrorFields::parse(&out[5..]).unwrap();
        assert!(fields.is_fatal());
        assert_eq!(fields.sqlstate(), Some(SqlState::PROTOCOL_VIOLATION));
        assert_eq!(fields.message(), Some(&b"no"[..]));
        assert_eq!(fields.detail(), Some("é".repeat(REPORT_FIELD_MAX / 2).as_bytes()));
        assert_eq!(fields.hint(), None);
        assert_eq!(fields.iter().count(), 5);
    }

    #[test]
    fn a_result_set_is_laid_out_as_documented() {
        let mut out = Vec::new();
        row_description(&mut out, &[Column::int8("n")]).unwrap();
        let columns = b"T\0\0\0\x1a\0\x01n\0\0\0\0\0\0\0\0\0\0\x14\0\x08\xff\xff\xff\xff\0\0";
        assert_eq!(out, columns);
        out.clear();
        data_row(&mut out, [Some(&b"42"[..]), None].into_iter()).unwrap();
        assert_eq!(out, b"D\0\0\0\x10\0\x02\0\0\0\x0242\xff\xff\xff\xff");
    }
}
