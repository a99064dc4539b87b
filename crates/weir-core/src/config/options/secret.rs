//! Text that must not be shown: it reads as itself and writes as `***`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::resolve::parse_upstream;
use crate::config::settings::Secret;
use crate::config::units::string_schema;

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

    /// The URL with `***` for its password and parameters. Of a URL that cannot be read nothing
    /// is shown: nobody knows where in it the password is.
    #[must_use]
    pub fn redacted(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else { return MASK.into() };
        if parse_upstream(&self.0).is_err() {
            return format!("{scheme}://{MASK}");
        }
        let (rest, query) = match rest.split_once('?') {
            Some((rest, _)) => (rest, format!("?{MASK}")),
            None => (rest, String::new()),
        };
        let shown = match rest.rsplit_once('@') {
            Some((login, place)) => match login.split_once(':') {
                Some((user, _)) => format!("{user}:{MASK}@{place}"),
                None => rest.to_owned(),
            },
            None => rest.to_owned(),
        };
        format!("{scheme}://{shown}{query}")
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
            ("u:secret@h", "***"),
            ("postgres://u:sec?ret@h/d", "postgres://***"),
            ("postgres://u:secret", "postgres://***"),
            ("postgres://u:secret%zz@h/d", "postgres://***"),
        ];
        for (url, shown) in cases {
            assert_eq!(UpstreamUrl::new(url).redacted(), shown);
            assert_eq!(format!("{:?}", UpstreamUrl::new(url)), shown);
        }
        assert_eq!(format!("{:?}", Secret::new("secret")), "Secret(***)");
    }
}
