//! Text that must not be shown: it reads as itself and writes as `***`.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::settings::Secret;

const MASK: &str = "***";

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// A connection URL, whose password is not shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct UpstreamUrl(String);

impl UpstreamUrl {
    /// Wraps a URL; it is read by `resolve`.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL with its password.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The URL with `***` for its password, wherever one may be written.
    #[must_use]
    pub fn redacted(&self) -> String {
        let (head, query) = match self.0.split_once('?') {
            Some((head, query)) => (head, Some(query)),
            None => (self.0.as_str(), None),
        };
        let start = head.find("://").map_or(0, |at| at + 3);
        let mut text = match head.rfind('@') {
            Some(at) if at >= start => {
                let user = head[start..at].split(':').next().unwrap_or_default();
                let mask = if head[start..at].contains(':') { ":***" } else { "" };
                format!("{}{user}{mask}{}", &head[..start], &head[at..])
            }
            Some(_) | None => head.to_owned(),
        };
        if query.is_some() {
            text.push_str("?***");
        }
        text
    }
}

impl fmt::Debug for UpstreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl Serialize for UpstreamUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.redacted())
    }
}

macro_rules! string_schema {
    ($name:ident) => {
        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string" })
            }
        }
    };
}

string_schema!(Secret);
string_schema!(UpstreamUrl);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_never_shows_its_password() {
        let cases = [
            ("postgres://u:secret@h:1/d", "postgres://u:***@h:1/d"),
            ("postgres://u:se@cr:et@h/d", "postgres://u:***@h/d"),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("postgres:///d?password=secret", "postgres:///d?***"),
            ("u:secret@h", "u:***@h"),
        ];
        for (url, shown) in cases {
            assert_eq!(UpstreamUrl::new(url).redacted(), shown);
            assert_eq!(format!("{:?}", UpstreamUrl::new(url)), shown);
        }
        assert_eq!(format!("{:?}", Secret::new("secret")), "Secret(***)");
    }
}
