//! The end of the login: what the server would have reported, told by us.

use weir_wire::build;
use weir_wire::message::TransactionStatus;

use crate::session::overrides::{Override, Value};
use crate::session::state::Fault;

/// What a server reported at its login; the same for all server connections of a pool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Welcome {
    /// Parameter names as the server writes them, and their values.
    pub parameters: Vec<(String, String)>,
}

impl Welcome {
    /// Appends parameter statuses as the client will see them with its `startup` settings, its
    /// key data, and the first `ReadyForQuery`.
    ///
    /// # Errors
    /// [`Fault::TooLong`] when a value is longer than a message may be.
    pub fn write(
        &self,
        out: &mut Vec<u8>,
        startup: &[Override],
        pid: i32,
        secret: &[u8],
    ) -> Result<(), Fault> {
        for (name, value) in &self.parameters {
            let own = startup.iter().find(|o| name.as_bytes().eq_ignore_ascii_case(&o.name));
            match own.map(|o| &o.value) {
                Some(Value::Literal(own)) => {
                    let shown = canonical_parameter(name, own, value);
                    build::parameter_status(out, name.as_bytes(), &shown)?;
                }
                Some(Value::Raw(_)) | None => {
                    build::parameter_status(out, name.as_bytes(), value.as_bytes())?;
                }
            }
        }
        build::backend_key_data(out, pid, secret)?;
        build::ready_for_query(out, TransactionStatus::Idle);
        Ok(())
    }
}

/// How the server would report `value`: encodings in their usual spelling, a date style with the
/// order that the server's default has.
#[must_use]
pub fn canonical_parameter(name: &str, value: &[u8], server: &str) -> Vec<u8> {
    let lower = value.to_ascii_lowercase();
    match (name, lower.as_slice()) {
        ("client_encoding", b"utf8" | b"utf-8" | b"unicode" | b"'utf-8'") => b"UTF8".to_vec(),
        ("client_encoding", b"latin1" | b"iso88591" | b"iso-8859-1") => b"LATIN1".to_vec(),
        ("client_encoding", _) => value.to_ascii_uppercase(),
        ("DateStyle", b"iso" | b"sql" | b"postgres" | b"german") => {
            let style = match lower.as_slice() {
                b"postgres" => "Postgres",
                b"german" => "German",
                b"sql" => "SQL",
                _ => "ISO",
            };
            let order = server.rsplit(", ").next().unwrap_or("MDY");
            format!("{style}, {order}").into_bytes()
        }
        ("integer_datetimes" | "standard_conforming_strings" | "is_superuser", b"true" | b"1") => {
            b"on".to_vec()
        }
        _ => value.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_told_as_the_server_spells_them() {
        let check = |name, value: &str, server, expected: &str| {
            let shown = canonical_parameter(name, value.as_bytes(), server);
            assert_eq!(String::from_utf8(shown).unwrap(), expected);
        };
        check("client_encoding", "utf8", "SQL_ASCII", "UTF8");
        check("client_encoding", "win1252", "UTF8", "WIN1252");
        check("DateStyle", "ISO", "ISO, DMY", "ISO, DMY");
        check("DateStyle", "ISO, MDY", "ISO, DMY", "ISO, MDY");
        check("TimeZone", "Asia/Tokyo", "UTC", "Asia/Tokyo");
    }
}
