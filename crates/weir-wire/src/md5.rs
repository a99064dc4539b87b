//! The md5 password method, both ways.
//!
//! Kept for old servers and clients: PostgreSQL has deprecated it, and whoever reads a stored
//! hash can log in with it. Source: PostgreSQL documentation, "Protocol Flow: Start-up".
//!
//! ```text
//! stored = "md5" + hex(md5(password + user))
//! answer = "md5" + hex(md5(hex(md5(password + user)) + salt))
//! ```

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Length of `md5` and 32 hexadecimal digits.
const LEN: usize = 35;

/// A password as `pg_authid.rolpassword` holds it under the md5 method. A secret: it is all that
/// a login needs.
#[derive(Clone)]
pub struct Md5Hash(Zeroizing<[u8; LEN]>);

impl Md5Hash {
    /// Hashes a password. The user's name is the salt.
    #[must_use]
    pub fn derive(user: &[u8], password: &[u8]) -> Self {
        Self(hash(password, user))
    }

    /// Reads `md5` and 32 hexadecimal digits in lower case; `None` when it is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = <[u8; LEN]>::try_from(text.as_bytes()).ok()?;
        let digits = text.strip_prefix(b"md5")?;
        let hex = digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        hex.then(|| Self(Zeroizing::new(text)))
    }

    /// The text that [`Self::parse`] reads. A secret.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &*self.0
    }

    /// The client's answer to a server's `salt`.
    #[must_use]
    pub fn answer(&self, salt: [u8; 4]) -> Zeroizing<[u8; LEN]> {
        hash(&self.0[3..], &salt)
    }

    /// Whether `answer` is the right one to our `salt`. The time it takes does not tell how
    /// nearly it is right.
    #[must_use]
    pub fn verify(&self, salt: [u8; 4], answer: &[u8]) -> bool {
        self.answer(salt).ct_eq(answer).into()
    }

    /// Whether this password of `user` belongs to the hash.
    #[must_use]
    pub fn matches_password(&self, user: &[u8], password: &[u8]) -> bool {
        Self::derive(user, password).0.ct_eq(&*self.0).into()
    }
}

fn hash(secret: &[u8], salt: &[u8]) -> Zeroizing<[u8; LEN]> {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digest = Zeroizing::new(<[u8; 16]>::from(
        Md5::new().chain_update(secret).chain_update(salt).finalize(),
    ));
    let mut out = Zeroizing::new([0; LEN]);
    out[..3].copy_from_slice(b"md5");
    for (pair, byte) in out[3..].chunks_exact_mut(2).zip(digest.iter()) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_hash_is_postgresqls() {
        // From `SET password_encryption = 'md5'; CREATE ROLE md5_user PASSWORD 'password'`.
        let stored = Md5Hash::derive(b"md5_user", b"password");
        assert_eq!(stored.as_bytes(), b"md57cd2b9a92689eab2e58caf2da80afa15");
        assert!(stored.matches_password(b"md5_user", b"password"));
        assert!(!stored.matches_password(b"other", b"password"));
    }

    #[test]
    fn an_answer_fits_its_salt_alone() {
        let stored = Md5Hash::derive(b"user", b"secret");
        let answer = stored.answer(*b"salt");
        assert!(stored.verify(*b"salt", &*answer));
        assert!(!stored.verify(*b"sale", &*answer));
        assert!(!stored.verify(*b"salt", &answer[..34]));
        assert!(!stored.verify(*b"salt", b""));
    }

    #[test]
    fn a_stored_hash_is_lower_case_hexadecimal() {
        let text = format!("md5{}", "0f".repeat(16));
        assert_eq!(Md5Hash::parse(&text).unwrap().as_bytes(), text.as_bytes());
        for wrong in [text.to_uppercase(), text.replace('f', "g"), format!("{text}0")] {
            assert!(Md5Hash::parse(&wrong).is_none(), "{wrong}");
        }
    }
}
