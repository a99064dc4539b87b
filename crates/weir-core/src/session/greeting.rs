//! The end of the login: what the server would have reported, told by us.

use std::rc::Rc;

use weir_wire::build;
use weir_wire::message::TransactionStatus;

use crate::session::overrides::{Override, OverrideSet, Value};
use crate::session::state::Fault;

/// What a server reported at its login; the same for all server connections of a pool.
#[derive(Debug)]
pub struct Welcome {
    parameters: Vec<(String, String)>,
    /// The parameter statuses that were written last, and for which startup settings: as a rule the
    /// next client has the same.
    latest: Option<(OverrideSet, Vec<u8>)>,
}

impl Welcome {
    /// Parameter names as the server writes them, and their values.
    #[must_use]
    pub const fn new(parameters: Vec<(String, String)>) -> Self {
        Self { parameters, latest: None }
    }

    /// Appends parameter statuses as the client will see them with its `startup` settings, its
    /// key data, and the first `ReadyForQuery`.
    ///
    /// # Errors
    /// [`Fault::TooLong`] when a value is longer than a message may be.
    pub fn write(
        &mut self,
        out: &mut Vec<u8>,
        startup: &OverrideSet,
        pid: i32,
        secret: &[u8],
    ) -> Result<(), Fault> {
        // Equal sets are the same allocation, which lives while it is kept here.
        match &self.latest {
            Some((latest, statuses)) if Rc::ptr_eq(latest, startup) => {
                out.extend_from_slice(statuses);
            }
            Some(_) | None => {
                let mut statuses = Vec::new();
                self.write_statuses(&mut statuses, startup)?;
                out.extend_from_slice(&statuses);
                self.latest = Some((Rc::clone(startup), statuses));
            }
        }
        build::backend_key_data(out, pid, secret)?;
        build::ready_for_query(out, TransactionStatus::Idle);
        Ok(())
    }

    fn write_statuses(&self, out: &mut Vec<u8>, startup: &[Override]) -> Result<(), Fault> {
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
    use crate::session::overrides::OverrideBook;

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

    #[test]
    fn each_client_is_told_its_own_settings_also_when_others_come_between() {
        let mut book = OverrideBook::default();
        let mut set = |value: &str| {
            let value = Value::Literal(value.as_bytes().into());
            book.intern([Override { name: (*b"timezone").into(), value }])
        };
        let (tokyo, paris) = (set("Asia/Tokyo"), set("Europe/Paris"));
        let mut welcome = Welcome::new(vec![("TimeZone".into(), "UTC".into())]);
        let mut check = |startup: &OverrideSet, expected: &str, pid: i32| {
            let mut out = Vec::new();
            welcome.write(&mut out, startup, pid, &[1, 2, 3, 4]).unwrap();
            let mut told = Vec::new();
            build::parameter_status(&mut told, b"TimeZone", expected.as_bytes()).unwrap();
            build::backend_key_data(&mut told, pid, &[1, 2, 3, 4]).unwrap();
            build::ready_for_query(&mut told, TransactionStatus::Idle);
            assert_eq!(out, told);
        };
        check(&tokyo, "Asia/Tokyo", 1);
        check(&tokyo, "Asia/Tokyo", 2);
        check(&paris, "Europe/Paris", 3);
        check(&tokyo, "Asia/Tokyo", 4);
        check(&OverrideBook::default().empty(), "UTC", 5);
    }
}
