//! Proof without a task: whoever reads the client's socket passes its bytes on, and is told what
//! to send. For the one method that asks and can be checked on the spot, SCRAM with a verifier at
//! hand.

use std::sync::Arc;

use weir_core::config::limits;
use weir_wire::frame::{HEADER_LEN, Header, Malformed, frontend};
use weir_wire::scram::Nonce;

use super::exchange::malformed;
use super::scram::{Claimant, Exchange, Turn};
use super::{Demand, demand};
use crate::proxy::directory::{Directory, KnownUser};
use crate::proxy::login::{Hello, Peer};
use crate::proxy::refusal::Refusal;
use crate::proxy::target::Credential;
use crate::proxy::threads::House;

/// What is asked of a client for whom nobody has to be waited for but itself.
pub enum AtOnce {
    /// Nothing: its word is taken.
    Nothing,
    /// What its hearing asks.
    Proof(Claim),
}

/// A claim that can be checked on the spot.
pub struct Claim(Claimant);

/// What is asked of a client that came without TLS; `None` when finding that out, or checking the
/// answer, has to wait for somebody else, or when it is refused.
#[must_use]
pub fn at_once(house: &House, directory: &Directory, hello: &Hello, peer: &Peer) -> Option<AtOnce> {
    match demand(directory, hello, peer).ok()? {
        Demand::Trust => Some(AtOnce::Nothing),
        asked @ (Demand::Md5 | Demand::Stored | Demand::Scram) => {
            let known = known_at_once(house, directory, hello)?;
            match asked.narrowed(known.as_deref()) {
                Demand::Scram => {
                    let verifier = match &known {
                        Some(known) => known.verifier_at_hand()?,
                        None => None,
                    };
                    let claimant = Claimant::new(house, directory, hello, known, verifier);
                    Some(AtOnce::Proof(Claim(claimant)))
                }
                Demand::Trust
                | Demand::Password
                | Demand::Md5
                | Demand::Stored
                | Demand::Cert
                | Demand::Peer => None,
            }
        }
        Demand::Password | Demand::Cert | Demand::Peer => None,
    }
}

/// The user, `Some(None)` when there is none; `None` when PostgreSQL has to be asked.
fn known_at_once(
    house: &House,
    directory: &Directory,
    hello: &Hello,
) -> Option<Option<Arc<KnownUser>>> {
    if let Some(known) = directory.users.get(&hello.user) {
        return Some(Some(Arc::clone(known)));
    }
    let entry = directory.settings.database(&hello.database);
    if entry.is_none_or(|entry| entry.auth_query.is_none()) {
        return Some(None);
    }
    house.secrets.remembered(&hello.database, &hello.user)
}

/// A hearing that waits for the client.
pub struct Hearing {
    exchange: Option<Exchange>,
    /// Bytes that are no whole message yet, or lie behind one.
    unread: Vec<u8>,
}

/// What follows from the bytes that came.
pub enum Heard {
    /// Nothing yet.
    Nothing,
    /// This is to be sent. What came already may answer it.
    Question(Vec<u8>),
    /// The client is who it says.
    Proven {
        /// To be sent with what follows it.
        last: Vec<u8>,
        /// What the exchange revealed.
        proof: Credential,
        /// Bytes that came behind it.
        leftover: Vec<u8>,
    },
}

impl Hearing {
    /// Begins with the first question. `unread` came behind the startup packet; the nonce is new.
    ///
    /// # Errors
    /// None for what is asked now.
    pub fn begin(
        Claim(claimant): Claim,
        unread: Vec<u8>,
        nonce: Nonce,
    ) -> Result<(Self, Vec<u8>), Refusal> {
        let (exchange, question) = Exchange::begin(claimant, None, nonce)?;
        Ok((Self { exchange: Some(exchange), unread }, question))
    }

    /// Takes what came, and deals with one message.
    ///
    /// # Errors
    /// A refusal, which has not been sent, when the client proves nothing or breaks the protocol.
    pub fn hear(&mut self, bytes: &[u8]) -> Result<Heard, Refusal> {
        self.unread.extend_from_slice(bytes);
        let Some(whole) = self.message_len()? else { return Ok(Heard::Nothing) };
        // It is taken by an answer that ends the hearing, after which nobody hears.
        let Some(exchange) = self.exchange.take() else { return Ok(Heard::Nothing) };
        let turn = exchange.answer(&self.unread[HEADER_LEN..whole])?;
        self.unread.drain(..whole);
        Ok(match turn {
            Turn::Ask(exchange, question) => {
                if self.unread.len() > limits::AUTH_MESSAGE_BYTES {
                    return Err(malformed(&"more was sent than the login asked for"));
                }
                self.exchange = Some(exchange);
                Heard::Question(question)
            }
            Turn::Proven { last, proof } => {
                Heard::Proven { last, proof, leftover: std::mem::take(&mut self.unread) }
            }
        })
    }

    /// The length of the first message, which must be a password message, once it is there.
    /// Another one is refused by its header, before its body is waited for.
    fn message_len(&self) -> Result<Option<usize>, Refusal> {
        match self.unread.first() {
            None => return Ok(None),
            Some(&frontend::PASSWORD) => {}
            Some(&other) => return Err(malformed(&Malformed::Unexpected(other))),
        }
        let header = Header::parse(&self.unread).map_err(|error| malformed(&error))?;
        let Some(header) = header else { return Ok(None) };
        if header.body_len as usize > limits::AUTH_MESSAGE_BYTES {
            let length = header.body_len;
            return Err(malformed(&Malformed::Length { tag: header.tag, length }));
        }
        Ok(Some(header.total_len()).filter(|&length| length <= self.unread.len()))
    }
}
