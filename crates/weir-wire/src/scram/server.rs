//! The server's side of an exchange.

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::binding::{Binding, Mechanism};
use super::grammar::{Attributes, Nonce, check_message, decode_hash, is_nonce};
use super::keys::{ClientKey, equal, hmac, xor};
use super::{ScramError, Verifier};

/// Ready for a client's first message.
#[must_use]
pub struct Server {
    verifier: Verifier,
    end_point: Option<Vec<u8>>,
}

impl Server {
    /// Begins for the user of `verifier`; for an unknown user take [`Verifier::mock`].
    ///
    /// `end_point` is the hash of our own certificate (`tls-server-end-point`, RFC 5929 section
    /// 4.1: by the certificate's signature hash, SHA-256 in place of MD5 and SHA-1), or `None`
    /// without TLS. With it we offer channel binding.
    pub const fn new(verifier: Verifier, end_point: Option<Vec<u8>>) -> Self {
        Self { verifier, end_point }
    }

    /// What to offer, best first.
    #[must_use]
    pub const fn mechanisms(&self) -> &'static [Mechanism] {
        match self.end_point {
            Some(_) => &[Mechanism::Sha256Plus, Mechanism::Sha256],
            None => &[Mechanism::Sha256],
        }
    }

    /// Reads the client's first message and answers with salt and iteration count.
    ///
    /// # Errors
    /// [`ScramError`] when the message is wrong, or its channel-binding flag does not fit the
    /// mechanism and our offer.
    pub fn client_first(
        self,
        mechanism: Mechanism,
        message: &[u8],
        nonce: &Nonce,
    ) -> Result<(ServerChallenged, Vec<u8>), ScramError> {
        check_message(message)?;
        let mut attributes = Attributes::new(message);
        let flag = attributes.part().unwrap_or_default();
        let binding = binding(flag, mechanism, self.end_point)?;
        match attributes.part() {
            Some([]) => {}
            Some([b'a', b'=', ..]) => {
                return Err(ScramError::Unsupported("authorization identity"));
            }
            Some(_) | None => return Err(ScramError::Malformed("authorization identity")),
        }
        let bare = attributes.rest();
        attributes.value(b'n', "user name")?;
        let client_nonce = attributes.value(b'r', "nonce")?;
        attributes.skip_extensions()?;
        if !is_nonce(client_nonce) {
            return Err(ScramError::Malformed("nonce"));
        }
        let nonce = [client_nonce, nonce.as_str().as_bytes()].concat();
        let answer = challenge(&nonce, &self.verifier);
        let auth_message = [bare, b",", &answer, b","].concat();
        Ok((ServerChallenged { verifier: self.verifier, binding, nonce, auth_message }, answer))
    }
}

/// What the client's flag means, given the mechanism that it chose and our offer.
fn binding(
    flag: &[u8],
    mechanism: Mechanism,
    end_point: Option<Vec<u8>>,
) -> Result<Binding, ScramError> {
    match (flag, mechanism) {
        (b"n", Mechanism::Sha256) => Ok(Binding::Unsupported),
        (b"y", Mechanism::Sha256) if end_point.is_some() => Err(ScramError::Downgrade),
        (b"y", Mechanism::Sha256) => Ok(Binding::NotOffered),
        (b"p=tls-server-end-point", Mechanism::Sha256Plus) => {
            end_point.map(Binding::EndPoint).ok_or(ScramError::BindingFlag)
        }
        ([b'p', b'=', ..], Mechanism::Sha256Plus) => {
            Err(ScramError::Unsupported("channel-binding type"))
        }
        (b"n" | b"y", Mechanism::Sha256Plus) | ([b'p', b'=', ..], Mechanism::Sha256) => {
            Err(ScramError::BindingFlag)
        }
        _ => Err(ScramError::Malformed("channel-binding flag")),
    }
}

fn challenge(nonce: &[u8], verifier: &Verifier) -> Vec<u8> {
    let salt = STANDARD.encode(verifier.salt());
    let iterations = verifier.iterations().get().to_string();
    [b"r=", nonce, b",s=", salt.as_bytes(), b",i=", iterations.as_bytes()].concat()
}

/// Has sent salt and iteration count; ready for the client's proof.
#[must_use]
pub struct ServerChallenged {
    verifier: Verifier,
    binding: Binding,
    nonce: Vec<u8>,
    /// The part of `AuthMessage` that both sides know by now.
    auth_message: Vec<u8>,
}

/// `v=` and a hash in base64.
const FINAL_BYTES: usize = 46;

/// The client has proved itself.
pub struct Accepted {
    /// The server's final message, which proves us to the client.
    pub message: Vec<u8>,
    /// The client's key: with the verifier's [`Verifier::server_key`] it logs us in wherever the
    /// same verifier is kept.
    pub client_key: ClientKey,
}

impl ServerChallenged {
    /// Reads the client's final message and checks its proof.
    ///
    /// # Errors
    /// [`ScramError::Proof`] for a wrong password and for every mock verifier; others when the
    /// message is wrong, or bound to another channel.
    pub fn client_final(mut self, message: &[u8]) -> Result<Accepted, ScramError> {
        check_message(message)?;
        // A value holds no comma, so the last one parts the proof from what it proves.
        let end = message.iter().rposition(|&b| b == b',');
        let end = end.ok_or(ScramError::Malformed("proof"))?;
        let (proven, proof) = (&message[..end], &message[end + 1..]);
        let mut attributes = Attributes::new(proven);
        let binding = attributes.value(b'c', "channel binding")?;
        self.check_binding(binding)?;
        if attributes.value(b'r', "nonce")? != self.nonce {
            return Err(ScramError::Nonce);
        }
        attributes.skip_extensions()?;
        let mut proof = Attributes::new(proof);
        let proof = Zeroizing::new(decode_hash(proof.value(b'p', "proof")?, "proof")?);
        self.auth_message.extend_from_slice(proven);
        let signature = hmac(&self.verifier.stored_key.0, &[&self.auth_message]);
        self.accept(ClientKey(xor(&proof, &signature)))
    }

    fn check_binding(&self, found: &[u8]) -> Result<(), ScramError> {
        if found == self.binding.attribute().as_bytes() {
            return Ok(());
        }
        match self.binding {
            Binding::EndPoint(_) => Err(ScramError::Binding),
            Binding::Unsupported | Binding::NotOffered => {
                Err(ScramError::Malformed("channel binding"))
            }
        }
    }

    fn accept(&self, client_key: ClientKey) -> Result<Accepted, ScramError> {
        if !equal(&client_key.stored_key().0, &self.verifier.stored_key.0) {
            return Err(ScramError::Proof);
        }
        let signature = hmac(&self.verifier.server_key.0, &[&self.auth_message]);
        let mut message = String::with_capacity(FINAL_BYTES);
        message.push_str("v=");
        STANDARD.encode_string(*signature, &mut message);
        Ok(Accepted { message: message.into_bytes(), client_key })
    }
}
