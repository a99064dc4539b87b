//! The keys that follow from a password. Source: RFC 5802 section 3.
//!
//! ```text
//! SaltedPassword = PBKDF2(password, salt, iterations)
//! ClientKey = HMAC(SaltedPassword, "Client Key")    StoredKey = SHA-256(ClientKey)
//! ServerKey = HMAC(SaltedPassword, "Server Key")
//! ```
//!
//! None of these has `Debug`, and each is wiped when it is dropped.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::saslprep::saslprep;

/// A SHA-256 value that is wiped when dropped.
pub(super) type Secret = Zeroizing<[u8; 32]>;

/// How often PBKDF2 goes round: 1 to 2,147,483,647, as PostgreSQL allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Iterations(u32);

impl Iterations {
    /// PostgreSQL's default.
    pub const DEFAULT: Self = Self(4096);

    /// Takes a count; `None` when it is out of range.
    #[must_use]
    pub const fn new(count: u32) -> Option<Self> {
        if count == 0 || count > i32::MAX as u32 { None } else { Some(Self(count)) }
    }

    /// Reads a count of plain digits.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let digits = text.iter().all(u8::is_ascii_digit);
        let count = str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()?;
        Self::new(count)
    }

    /// The count.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// The password after PBKDF2. As good as the password for its salt and iteration count.
#[derive(Clone)]
pub struct SaltedPassword(Secret);

impl SaltedPassword {
    /// Prepares the password with SASLprep (or takes it raw, where SASLprep refuses it) and runs
    /// PBKDF2. The one slow step: about a millisecond for 4,096 iterations. Never call it on a
    /// thread that relays queries.
    #[must_use]
    pub fn derive(password: &[u8], salt: &[u8], iterations: Iterations) -> Self {
        let password = saslprep(password);
        let mut out = Secret::default();
        pbkdf2::pbkdf2_hmac::<Sha256>(&password, salt, iterations.get(), &mut *out);
        Self(out)
    }

    /// The key that proves the client.
    #[must_use]
    pub fn client_key(&self) -> ClientKey {
        ClientKey(hmac(&self.0, &[b"Client Key"]))
    }

    /// The key that proves the server.
    #[must_use]
    pub fn server_key(&self) -> ServerKey {
        ServerKey(hmac(&self.0, &[b"Server Key"]))
    }

    /// Both keys.
    #[must_use]
    pub fn keys(&self) -> Keys {
        Keys { client: self.client_key(), server: self.server_key() }
    }
}

/// Proves the client. As good as the password wherever the same verifier is used.
#[derive(Clone)]
pub struct ClientKey(pub(super) Secret);

impl ClientKey {
    /// What a verifier keeps of it.
    pub(super) fn stored_key(&self) -> StoredKey {
        StoredKey(Zeroizing::new(Sha256::digest(*self.0).into()))
    }
}

/// Proves the server. Part of a verifier.
#[derive(Clone)]
pub struct ServerKey(pub(super) Secret);

/// Checks a client's proof. Part of a verifier.
#[derive(Clone)]
pub(super) struct StoredKey(pub(super) Secret);

/// What a client needs for an exchange: from a password, or from a login that it passes through.
#[derive(Clone)]
pub struct Keys {
    /// Proves the client.
    pub client: ClientKey,
    /// Checks the server's proof.
    pub server: ServerKey,
}

/// HMAC-SHA-256 over the parts in a row.
pub(super) fn hmac(key: &Secret, parts: &[&[u8]]) -> Secret {
    let mut mac = Hmac::<Sha256>::new(&block(key));
    parts.iter().for_each(|part| mac.update(part));
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// HMAC pads a short key with zeros to a block; doing it here leaves no error to handle.
fn block(key: &Secret) -> hmac::digest::Key<Hmac<Sha256>> {
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    block[..key.len()].copy_from_slice(&key[..]);
    block
}

/// Bitwise exclusive or, which turns a key and a signature into a proof and back.
pub(super) fn xor(a: &Secret, b: &Secret) -> Secret {
    let mut out = a.clone();
    out.iter_mut().zip(b.iter()).for_each(|(a, b)| *a ^= b);
    out
}

/// Compares in a time that does not depend on the values.
pub(super) fn equal(a: &Secret, b: &Secret) -> bool {
    a.ct_eq(&**b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_iterations_has_bounds() {
        let check = |text: &[u8], expected| {
            assert_eq!(Iterations::parse(text).map(Iterations::get), expected);
        };
        check(b"1", Some(1));
        check(b"4096", Some(4096));
        check(b"2147483647", Some(2_147_483_647));
        for wrong in [&b"0"[..], b"2147483648", b"4294967297", b"-1", b"+1", b"", b" 1", b"1x"] {
            check(wrong, None);
        }
    }

    #[test]
    fn hmac_agrees_with_rfc_4231_case_1() {
        let mut key = Secret::default();
        key[..20].fill(0x0b);
        let tag = hmac(&key, &[b"Hi ", b"There"]);
        assert_eq!(tag[..4], [0xb0, 0x34, 0x4c, 0x61]);
        assert_eq!(tag[28..], [0x2e, 0x32, 0xcf, 0xf7]);
    }
}
