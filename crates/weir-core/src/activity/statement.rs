//! A statement as it may be shown: without its values.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use weir_wire::sql::{Fingerprint, fingerprint, normalise};

/// The longest text that is kept of a statement, bytes of its normal form.
const TEXT_BYTES_MAX: usize = 300;

/// A statement's fingerprint and the beginning of its normal form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Statement {
    /// The same for texts that differ in values, layout and case only. A text that PostgreSQL cut
    /// (`track_activity_query_size`) has another fingerprint than the whole.
    #[serde(serialize_with = "to_hex", deserialize_with = "from_hex")]
    pub fingerprint: Fingerprint,
    /// The normal form; values are `?`.
    pub text: String,
}

impl Statement {
    /// Of a text as it was sent. Its values stay behind.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        let mut normal = String::new();
        normalise(text, &mut normal, TEXT_BYTES_MAX);
        Self { fingerprint: fingerprint(text), text: normal }
    }

    /// Whether there is nothing in it: no statement yet, or hidden from this role.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The first word, in lower case.
    #[must_use]
    pub fn verb(&self) -> &str {
        self.text.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default()
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn to_hex<S: Serializer>(fingerprint: &Fingerprint, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(fingerprint)
}

fn from_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fingerprint, D::Error> {
    let text = String::deserialize(deserializer)?;
    u64::from_str_radix(&text, 16).map(Fingerprint).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_behind_and_json_gives_the_same_back() {
        let statement = Statement::of(b"SELECT * FROM t WHERE secret = 'hunter2' /* route='x' */");
        assert_eq!(statement.verb(), "select");
        assert!(!statement.text.contains("hunter2"));
        let json = serde_json::to_string(&statement).unwrap();
        assert_eq!(serde_json::from_str::<Statement>(&json).unwrap(), statement);
    }
}
