//! What a server keeps of a password.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::grammar::{decode, decode_hash};
use super::keys::{Iterations, Keys, SaltedPassword, Secret, ServerKey, StoredKey, equal, hmac};

/// Bytes of salt that PostgreSQL makes.
const SALT_LEN: usize = 16;

/// A SCRAM verifier, as `pg_authid.rolpassword` holds it. A secret: whoever has it can pose as
/// the server, and try passwords.
#[derive(Clone)]
pub struct Verifier {
    /// Shared by its clones: each login has one.
    salt: Arc<[u8]>,
    iterations: Iterations,
    pub(super) stored_key: StoredKey,
    pub(super) server_key: ServerKey,
}

impl Verifier {
    /// Reads `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`; `None` when it is anything
    /// else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (iterations, keys) = text.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
        let (iterations, salt) = iterations.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        let salt = decode(salt.as_bytes(), "salt").ok().filter(|salt| !salt.is_empty())?;
        let key = |text: &str| decode_hash(text.as_bytes(), "key").ok().map(Zeroizing::new);
        Some(Self {
            salt: salt.into(),
            iterations: Iterations::parse(iterations.as_bytes())?,
            stored_key: StoredKey(key(stored_key)?),
            server_key: ServerKey(key(server_key)?),
        })
    }

    /// Makes the verifier of a password. Slow, as [`SaltedPassword::derive`] is.
    #[must_use]
    pub fn derive(password: &[u8], salt: &[u8], iterations: Iterations) -> Self {
        let keys = SaltedPassword::derive(password, salt, iterations).keys();
        Self {
            salt: salt.into(),
            iterations,
            stored_key: keys.client.stored_key(),
            server_key: keys.server,
        }
    }

    /// Makes a verifier that no password fits, for a user who does not exist. The same secret and
    /// user give the same salt each time, as a real user would show; `iterations` should be what
    /// real users have. The exchange costs the same time and fails as with a wrong password.
    ///
    /// `secret` must be unknown to clients and live as long as the service does.
    #[must_use]
    pub fn mock(secret: &[u8; 32], user: &[u8], iterations: Iterations) -> Self {
        let secret = Zeroizing::new(*secret);
        let derive = |purpose: &[u8]| -> Secret { hmac(&secret, &[purpose, b"\0", user]) };
        Self {
            salt: derive(b"salt")[..SALT_LEN].into(),
            iterations,
            stored_key: StoredKey(derive(b"stored key")),
            server_key: ServerKey(derive(b"server key")),
        }
    }

    /// The text that [`Self::parse`] reads. A secret.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!(
            "SCRAM-SHA-256${}:{}${}:{}",
            self.iterations.get(),
            STANDARD.encode(&self.salt),
            STANDARD.encode(*self.stored_key.0),
            STANDARD.encode(*self.server_key.0),
        ))
    }

    /// Whether both were made of the same password with the same salt. Takes the same time
    /// wherever their keys differ.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let stored = equal(&self.stored_key.0, &other.stored_key.0);
        let server = equal(&self.server_key.0, &other.server_key.0);
        let shown = self.salt == other.salt && self.iterations == other.iterations;
        shown & stored & server
    }

    /// The salt, which clients are shown.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// The iteration count, which clients are shown.
    #[must_use]
    pub const fn iterations(&self) -> Iterations {
        self.iterations
    }

    /// The key that proves the server.
    #[must_use]
    pub const fn server_key(&self) -> &ServerKey {
        &self.server_key
    }

    /// Whether this password belongs to the verifier. Slow, as [`SaltedPassword::derive`] is.
    #[must_use]
    pub fn matches_password(&self, password: &[u8]) -> bool {
        self.matches_keys(&SaltedPassword::derive(password, &self.salt, self.iterations).keys())
    }

    /// Whether these keys belong to the verifier.
    #[must_use]
    pub fn matches_keys(&self, keys: &Keys) -> bool {
        let client = equal(&keys.client.stored_key().0, &self.stored_key.0);
        let server = equal(&keys.server.0, &self.server_key.0);
        client & server
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the documentation of RFC 7677's example: user, password `pencil`.
    const PENCIL: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
        WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

    #[test]
    fn a_verifier_reads_prints_and_derives_the_same() {
        let verifier = Verifier::parse(PENCIL).unwrap();
        assert_eq!(*verifier.to_text(), PENCIL);
        let derived = Verifier::derive(b"pencil", verifier.salt(), verifier.iterations());
        assert_eq!(*derived.to_text(), PENCIL);
        assert!(verifier.matches_password(b"pencil"));
        assert!(!verifier.matches_password(b"pencil2"));
    }

    #[test]
    fn verifiers_are_the_same_when_every_part_is() {
        let verifier = Verifier::parse(PENCIL).unwrap();
        assert!(verifier.is_same(&verifier.clone()));
        let parts = [("4096", "4097"), ("W22Z", "W22Y"), ("WG5d", "WG5e"), ("wfPL", "wfPM")];
        for (part, other) in parts {
            let other = Verifier::parse(&PENCIL.replace(part, other)).unwrap();
            assert!(!verifier.is_same(&other) && !other.is_same(&verifier), "{part}");
        }
    }

    #[test]
    fn both_keys_must_belong_to_a_verifier() {
        let verifier = Verifier::parse(PENCIL).unwrap();
        let keys = |password| {
            SaltedPassword::derive(password, verifier.salt(), verifier.iterations()).keys()
        };
        let (right, wrong) = (keys(b"pencil"), keys(b"wrong"));
        let mixed = |client: &Keys, server: &Keys| {
            let keys = Keys { client: client.client.clone(), server: server.server.clone() };
            verifier.matches_keys(&keys)
        };
        assert!(mixed(&right, &right));
        assert!(!mixed(&right, &wrong) && !mixed(&wrong, &right));
    }

    #[test]
    fn what_is_not_a_verifier_is_refused() {
        let wrong = [
            String::new(),
            "md5deadbeefdeadbeefdeadbeefdeadbeef".to_owned(),
            PENCIL.replace("SHA-256", "SHA-1"),
            PENCIL.replace("4096", "0"),
            PENCIL.replace("W22ZaJ0SNY7soEsUEjb6gQ==", ""),
            PENCIL.replace("gQ==", "gQ="),
            PENCIL.replace("2dU=", "2d"),
            PENCIL.replace('$', ":"),
            format!("{PENCIL} "),
        ];
        for text in wrong {
            assert!(Verifier::parse(&text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_mock_is_the_same_each_time_and_differs_between_users() {
        let mock = |secret, user| Verifier::mock(&[secret; 32], user, Iterations::DEFAULT);
        assert_eq!(*mock(1, b"a").to_text(), *mock(1, b"a").to_text());
        assert_ne!(mock(1, b"a").salt(), mock(1, b"b").salt());
        assert_ne!(mock(1, b"a").salt(), mock(2, b"a").salt());
        assert_eq!(mock(1, b"a").salt().len(), SALT_LEN);
    }
}
