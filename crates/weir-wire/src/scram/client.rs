//! The client's side of an exchange.

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::binding::{Binding, Mechanism};
use super::grammar::{Attributes, Nonce, check_message, decode, decode_hash, is_nonce};
use super::keys::{Iterations, Keys, SaltedPassword, Secret, equal, hmac, xor};
use super::{ITERATIONS_ACCEPTED_MAX, ScramError, Verifier};

/// Has chosen a mechanism; ready to speak.
#[must_use]
pub struct Client {
    binding: Binding,
}

impl Client {
    /// Chooses the best of the mechanisms that the server offers.
    ///
    /// `end_point` is the hash of the server's certificate (see [`super::Server::new`]), or
    /// `None` where we cannot bind, as without TLS. With it the server's offer is vouched for:
    /// if someone took [`Mechanism::Sha256Plus`] out of it, the server will notice.
    ///
    /// # Errors
    /// [`ScramError::NoMechanism`] when there is none that we know and can use.
    pub fn select<'m>(
        offered: impl IntoIterator<Item = &'m [u8]>,
        end_point: Option<Vec<u8>>,
    ) -> Result<Self, ScramError> {
        let (mut plain, mut plus) = (false, false);
        for name in offered {
            match Mechanism::from_name(name) {
                Some(Mechanism::Sha256) => plain = true,
                Some(Mechanism::Sha256Plus) => plus = true,
                None => {}
            }
        }
        let binding = match end_point {
            Some(hash) if plus => Binding::EndPoint(hash),
            Some(_) if plain => Binding::NotOffered,
            None if plain => Binding::Unsupported,
            Some(_) | None => return Err(ScramError::NoMechanism),
        };
        Ok(Self { binding })
    }

    /// The mechanism to name in the SASL initial response.
    #[must_use]
    pub const fn mechanism(&self) -> Mechanism {
        self.binding.mechanism()
    }

    /// Begins; the bytes are the data of the SASL initial response.
    pub fn first(self, nonce: &Nonce) -> (ClientFirst, Vec<u8>) {
        // The user is in the startup packet, so the name here stays empty, as with libpq.
        let bare = format!("n=,r={}", nonce.as_str());
        let message = format!("{}{bare}", self.binding.header()).into_bytes();
        (ClientFirst { binding: self.binding, nonce: nonce.clone(), bare }, message)
    }
}

/// Has sent its first message; ready for salt and iteration count.
#[must_use]
pub struct ClientFirst {
    binding: Binding,
    nonce: Nonce,
    bare: String,
}

impl ClientFirst {
    /// Reads the server's first message.
    ///
    /// # Errors
    /// [`ScramError`] when the message is wrong, its nonce does not go on from ours, or it asks
    /// for more than [`ITERATIONS_ACCEPTED_MAX`] iterations.
    pub fn challenge(self, message: &[u8]) -> Result<Challenged, ScramError> {
        check_message(message)?;
        let mut attributes = Attributes::new(message);
        let nonce = attributes.value(b'r', "nonce")?;
        let salt = decode(attributes.value(b's', "salt")?, "salt")?;
        let iterations = Iterations::parse(attributes.value(b'i', "iteration count")?);
        let iterations = iterations.ok_or(ScramError::Malformed("iteration count"))?;
        attributes.end()?;
        let added = nonce.strip_prefix(self.nonce.as_str().as_bytes()).ok_or(ScramError::Nonce)?;
        if !is_nonce(added) {
            return Err(ScramError::Nonce);
        }
        if iterations.get() > ITERATIONS_ACCEPTED_MAX {
            return Err(ScramError::Iterations(iterations.get()));
        }
        let proven = [b"c=", self.binding.attribute().as_bytes(), b",r=", nonce].concat();
        let auth_message = [self.bare.as_bytes(), b",", message, b",", &proven].concat();
        Ok(Challenged { salt, iterations, proven, auth_message })
    }
}

/// Knows salt and iteration count; ready to prove itself.
#[must_use]
pub struct Challenged {
    salt: Vec<u8>,
    iterations: Iterations,
    proven: Vec<u8>,
    auth_message: Vec<u8>,
}

impl Challenged {
    /// The salt of the password.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// The iteration count of the password, at most [`ITERATIONS_ACCEPTED_MAX`].
    #[must_use]
    pub const fn iterations(&self) -> Iterations {
        self.iterations
    }

    /// Runs PBKDF2 on a password with this salt and count. Slow; the result may be kept for as
    /// long as [`Self::salt`] and [`Self::iterations`] stay the same.
    #[must_use]
    pub fn derive(&self, password: &[u8]) -> SaltedPassword {
        SaltedPassword::derive(password, &self.salt, self.iterations)
    }

    /// Whether the server keeps a verifier with the same salt and count. If not, keys that were
    /// won with `verifier` cannot log in here: the copies of the password have drifted apart.
    #[must_use]
    pub fn fits(&self, verifier: &Verifier) -> bool {
        self.salt == verifier.salt() && self.iterations == verifier.iterations()
    }

    /// Answers with the proof; the bytes are the data of the SASL response.
    pub fn answer(self, keys: &Keys) -> (Answered, Vec<u8>) {
        let signature = hmac(&keys.client.stored_key().0, &[&self.auth_message]);
        let proof = STANDARD.encode(*xor(&keys.client.0, &signature));
        let message = [&self.proven[..], b",p=", proof.as_bytes()].concat();
        let expected = hmac(&keys.server.0, &[&self.auth_message]);
        (Answered { expected }, message)
    }
}

/// Has sent its proof; ready for the server's.
///
/// A server that says `AuthenticationOk` before [`Self::finish`] said `Ok` has proved nothing:
/// hang up.
#[must_use]
pub struct Answered {
    expected: Secret,
}

impl Answered {
    /// Reads the server's final message. Only with `Ok` is the server known to be the right one.
    ///
    /// # Errors
    /// [`ScramError::Refused`] when the server says no, [`ScramError::ServerSignature`] when it
    /// does not know the password's verifier itself.
    pub fn finish(self, message: &[u8]) -> Result<(), ScramError> {
        check_message(message)?;
        if let Some(reason) = message.strip_prefix(b"e=") {
            let reason = reason.escape_ascii().to_string();
            return Err(ScramError::Refused(reason));
        }
        let mut attributes = Attributes::new(message);
        let signature =
            decode_hash(attributes.value(b'v', "server signature")?, "server signature")?;
        attributes.end()?;
        if equal(&Zeroizing::new(signature), &self.expected) {
            Ok(())
        } else {
            Err(ScramError::ServerSignature)
        }
    }
}
