//! Asking the server what session state a transaction left, where its text cannot tell.

use weir_wire::frame::{Body, Malformed};

use crate::session::overrides::{Override, Value};
use crate::session::server::{Answer, Hidden, Reply, ServerState, Suspects};
use crate::session::state::Pins;

/// Settings that SET has changed, as the server lists them, and the two that it does not list.
/// The user that logged in is the one `pg_stat_activity` knows, whatever the authorization is now.
///
/// Each name is qualified, operators too: a client may have put a schema of its own in front.
const SETTINGS: &str = "SELECT 's', name, setting FROM pg_catalog.pg_settings \
     WHERE source OPERATOR(pg_catalog.=) 'session' \
     UNION ALL SELECT 's', 'role', pg_catalog.current_setting('role') \
     WHERE pg_catalog.current_setting('role') OPERATOR(pg_catalog.<>) 'none' \
     UNION ALL SELECT 's', 'session_authorization', session_user \
     FROM pg_catalog.pg_stat_activity \
     WHERE pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() \
     AND usename OPERATOR(pg_catalog.<>) session_user \
     UNION ALL SELECT 'S', '', ''";

/// What only this backend has. Advisory locks of transactions are gone by the time this is asked.
const STATE: &str = "SELECT 'l', '', '' FROM pg_catalog.pg_locks \
     WHERE locktype OPERATOR(pg_catalog.=) 'advisory' \
     AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() \
     UNION ALL SELECT 'n', channel, '' FROM pg_catalog.pg_listening_channels() channel \
     UNION ALL SELECT 'c', name, '' FROM pg_catalog.pg_cursors WHERE is_holdable \
     UNION ALL SELECT 'p', name, '' FROM pg_catalog.pg_prepared_statements WHERE from_sql \
     UNION ALL SELECT 't', relname, '' FROM pg_catalog.pg_class \
     WHERE relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema() \
     UNION ALL SELECT 'T', '', ''";

/// What an inquiry found.
pub(super) struct Outcome {
    /// What pins the session now.
    pub(super) pins: Pins,
    /// All settings changed in the session, when they were asked for.
    pub(super) settings: Option<Vec<Override>>,
}

/// The question about `suspects`.
pub(super) fn text(suspects: Suspects) -> String {
    let mut parts = Vec::new();
    if suspects.has(Suspects::SETTINGS) {
        parts.push(SETTINGS);
    }
    if suspects.has(Suspects::STATE) {
        parts.push(STATE);
    }
    parts.join(" UNION ALL ")
}

/// Reads the answers; `before` is what pinned the session so far.
pub(super) fn read(answers: &[Answer], before: Pins) -> Outcome {
    let asked = |kind: u8| answers.iter().any(|answer| answer.kind == kind);
    let mut pins = before;
    if asked(b'T') {
        pins = Pins(before.0 & (Pins::OTHER.0 | Pins::TEXT.0 | Pins::SETTINGS.0));
        for answer in answers {
            match answer.kind {
                b'l' => pins.insert(Pins::LOCK),
                b'n' => pins.insert(Pins::LISTEN),
                b'c' => pins.insert(Pins::CURSOR),
                b'p' => pins.insert(Pins::PREPARED),
                b't' => pins.insert(Pins::TEMP),
                _ => {}
            }
        }
    }
    let settings = asked(b'S').then(|| {
        let settings = answers.iter().filter(|answer| answer.kind == b's');
        let to_override = |answer: &Answer| Override {
            name: answer.name.to_ascii_lowercase().into(),
            value: Value::Literal(answer.value.clone()),
        };
        settings.map(to_override).collect()
    });
    Outcome { pins, settings }
}

impl ServerState {
    /// The rows that come are an inquiry's.
    pub(super) fn awaits_answers(&self) -> bool {
        self.replies.first() == Some(&Reply::Hidden(Hidden::Inquiry))
    }

    /// Notes one row of an inquiry.
    pub(super) fn note_answer(&mut self, body: &[u8]) -> Result<(), Malformed> {
        let mut row = Body::new(body);
        row.int16("column count")?;
        let kind = column(&mut row)?.first().copied().unwrap_or_default();
        let name = column(&mut row)?.into();
        let value = column(&mut row)?.into();
        self.lease.answers.push(Answer { kind, name, value });
        Ok(())
    }
}

fn column<'a>(row: &mut Body<'a>) -> Result<&'a [u8], Malformed> {
    let length = row.int32("column length")?;
    match usize::try_from(length) {
        Ok(length) => row.take(length, "column"),
        Err(_) => Ok(&[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: u8, name: &str, value: &str) -> Answer {
        Answer { kind, name: name.as_bytes().into(), value: value.as_bytes().into() }
    }

    #[test]
    fn what_was_not_asked_stays_as_it_was() {
        let outcome = read(&[answer(b's', "TimeZone", "UTC"), answer(b'S', "", "")], Pins::LOCK);
        assert_eq!(outcome.pins, Pins::LOCK);
        assert_eq!(outcome.settings.unwrap()[0].name[..], b"timezone"[..]);
    }

    #[test]
    fn an_answer_without_locks_unpins() {
        let outcome = read(&[answer(b't', "tmp", ""), answer(b'T', "", "")], Pins::LOCK);
        assert_eq!(outcome.pins, Pins::TEMP);
        assert!(outcome.settings.is_none());
    }
}
