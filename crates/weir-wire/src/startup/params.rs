//! What a client asks for at the start of a session.

use super::{ProtocolVersion, StartupError, split_options};
use crate::frame::Body;

/// A run-time parameter that the client sets at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Name of the parameter, in the client's spelling.
    pub name: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
}

/// Whether the session is for replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Replication {
    /// An ordinary session.
    #[default]
    Off,
    /// Physical replication, without a database.
    Physical,
    /// Logical replication, in a database.
    Logical,
}

impl Replication {
    /// Reads the value as PostgreSQL does: `database`, or a boolean or an unambiguous start of
    /// one, whatever the case.
    fn parse(value: &[u8]) -> Option<Self> {
        if value == b"database" {
            return Some(Self::Logical);
        }
        let value = value.to_ascii_lowercase();
        let starts = |word: &[u8], min: usize| value.len() >= min && word.starts_with(&value);
        let on = starts(b"true", 1) || starts(b"yes", 1) || starts(b"on", 2) || starts(b"1", 1);
        let off = starts(b"false", 1) || starts(b"no", 1) || starts(b"off", 2) || starts(b"0", 1);
        match (on, off) {
            (true, _) => Some(Self::Physical),
            (false, true) => Some(Self::Off),
            (false, false) => None,
        }
    }
}

/// The startup message. Values are bytes in an encoding that nobody has said yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Startup {
    /// The version the client asked for; answer with [`ProtocolVersion::negotiated`].
    pub version: ProtocolVersion,
    /// Who logs in; never empty.
    pub user: Vec<u8>,
    /// Which database; the user's name unless the client said more.
    pub database: Vec<u8>,
    /// Whether the session is for replication.
    pub replication: Replication,
    /// Command-line options as sent; see [`split_options`].
    pub options: Option<Vec<u8>>,
    /// All other parameters in their order, such as `application_name`. Of a name that comes
    /// twice the last counts.
    pub params: Vec<Setting>,
    /// Names of the protocol options (`_pq_.*`) that the client asked for. We know none, so all
    /// go into `NegotiateProtocolVersion`.
    pub protocol_options: Vec<Vec<u8>>,
}

impl Startup {
    /// Reads what follows the version in a startup packet.
    pub(super) fn parse(code: u32, body: &[u8]) -> Result<Self, StartupError> {
        let version = ProtocolVersion::from_code(code);
        if version.negotiated().is_none() {
            return Err(StartupError::Version(version));
        }
        let mut draft = Draft::default();
        let mut body = Body::new(body);
        // Each turn takes two zeros at least, so this ends with the body.
        while body.rest().first().is_some_and(|&b| b != 0) {
            let name = body.string("name").map_err(|_| StartupError::Layout)?;
            let value = body.string("value").map_err(|_| StartupError::Layout)?;
            draft.take(name, value)?;
        }
        if body.rest() != b"\0" {
            return Err(StartupError::Layout);
        }
        draft.finish(version)
    }

    /// The last value of the parameter `name`, which is compared without regard to case.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&[u8]> {
        let named = |setting: &&Setting| setting.name.eq_ignore_ascii_case(name.as_bytes());
        self.params.iter().rev().find(named).map(|setting| &setting.value[..])
    }

    /// Takes all run-time parameters in the order in which PostgreSQL would set them: those from
    /// `options` first, so that a parameter of the packet itself wins.
    ///
    /// # Errors
    /// [`StartupError::Option`] when `options` holds anything but settings.
    pub fn take_settings(&mut self) -> Result<Vec<Setting>, StartupError> {
        let params = std::mem::take(&mut self.params);
        let Some(options) = self.options.take() else { return Ok(params) };
        let mut settings = split_options(&options)?;
        settings.extend(params);
        Ok(settings)
    }

    /// Whether the client must be told, with `NegotiateProtocolVersion`, that it does not get
    /// all it asked for.
    #[must_use]
    pub fn needs_negotiation(&self) -> bool {
        self.version.negotiated() != Some(self.version) || !self.protocol_options.is_empty()
    }
}

#[derive(Default)]
struct Draft {
    user: Option<Vec<u8>>,
    database: Option<Vec<u8>>,
    replication: Replication,
    options: Option<Vec<u8>>,
    params: Vec<Setting>,
    protocol_options: Vec<Vec<u8>>,
}

impl Draft {
    fn take(&mut self, name: &[u8], value: &[u8]) -> Result<(), StartupError> {
        match name {
            b"user" => once(&mut self.user, value, "user")?,
            b"database" => once(&mut self.database, value, "database")?,
            b"options" => self.options = Some(value.to_vec()),
            b"replication" => {
                self.replication = Replication::parse(value).ok_or(StartupError::Replication)?;
            }
            name if name.starts_with(b"_pq_.") => self.protocol_options.push(name.to_vec()),
            name => self.params.push(Setting { name: name.to_vec(), value: value.to_vec() }),
        }
        Ok(())
    }

    fn finish(self, version: ProtocolVersion) -> Result<Startup, StartupError> {
        let user = self.user.filter(|user| !user.is_empty()).ok_or(StartupError::MissingUser)?;
        let database = self.database.filter(|database| !database.is_empty());
        Ok(Startup {
            version,
            database: database.unwrap_or_else(|| user.clone()),
            user,
            replication: self.replication,
            options: self.options,
            params: self.params,
            protocol_options: self.protocol_options,
        })
    }
}

fn once(slot: &mut Option<Vec<u8>>, value: &[u8], name: &'static str) -> Result<(), StartupError> {
    match slot.replace(value.to_vec()) {
        None => Ok(()),
        Some(_) => Err(StartupError::Duplicate(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V3: u32 = ProtocolVersion::V3_0.code();

    fn parse(body: &[u8]) -> Result<Startup, StartupError> {
        Startup::parse(V3, body)
    }

    #[test]
    fn parameters_find_their_places() {
        let body =
            b"user\0app\0options\0-c a=1\0_pq_.x\0on\0a\0one\0A\0two\0b\0x\0replication\0no\0\0";
        let mut startup = parse(body).unwrap();
        assert_eq!((&startup.user[..], &startup.database[..]), (&b"app"[..], &b"app"[..]));
        assert_eq!(startup.protocol_options, [b"_pq_.x"]);
        assert_eq!(startup.param("a"), Some(&b"two"[..]));
        assert_eq!(startup.replication, Replication::Off);
        let values: Vec<_> =
            startup.take_settings().unwrap().into_iter().map(|s| s.value).collect();
        assert_eq!(values, [&b"1"[..], b"one", b"two", b"x"]);
        assert!(startup.needs_negotiation());
    }

    #[test]
    fn a_layout_that_lies_is_refused() {
        for body in [
            &b""[..],
            b"user\0app\0",
            b"user\0app",
            b"user\0",
            b"user\0\0",
            b"user\0app\0\0\0",
            b"user\0app\0\0x\0y\0\0",
            b"\0user\0app\0\0",
        ] {
            assert_eq!(parse(body), Err(StartupError::Layout), "{body:?}");
        }
    }

    #[test]
    fn there_is_exactly_one_user() {
        assert_eq!(parse(b"\0"), Err(StartupError::MissingUser));
        assert_eq!(parse(b"user\0\0database\0d\0\0"), Err(StartupError::MissingUser));
        assert_eq!(parse(b"user\0a\0user\0b\0\0"), Err(StartupError::Duplicate("user")));
    }

    #[test]
    fn only_the_major_version_can_be_refused() {
        let check = |major, minor, ok: bool| {
            let version = ProtocolVersion::new(major, minor);
            let result = Startup::parse(version.code(), b"user\0a\0\0");
            assert_eq!(result.is_ok(), ok, "{version}");
            if let Ok(startup) = result {
                assert_eq!(startup.needs_negotiation(), minor == 1 || minor > 2, "{version}");
            }
        };
        for minor in [0, 1, 2, 3, 9999, u16::MAX] {
            check(3, minor, true);
        }
        check(2, 0, false);
        check(4, 0, false);
    }

    #[test]
    fn replication_is_a_boolean_or_a_database() {
        let check = |value: &[u8], expected| assert_eq!(Replication::parse(value), expected);
        check(b"database", Some(Replication::Logical));
        check(b"DATABASE", None);
        for on in [&b"true"[..], b"T", b"on", b"ON", b"y", b"1"] {
            check(on, Some(Replication::Physical));
        }
        for off in [&b"false"[..], b"of", b"off", b"n", b"0"] {
            check(off, Some(Replication::Off));
        }
        for wrong in [&b""[..], b"o", b"10", b"truely", b"\xff"] {
            check(wrong, None);
        }
    }
}
