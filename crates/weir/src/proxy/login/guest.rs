//! A client that was asked for its proof where it was accepted, on a worker's thread.
//!
//! It neither reads nor writes: the worker passes on what came, and is told what to send.

use std::sync::Arc;
use std::time::Duration;

use weir_wire::error::SqlState;
use weir_wire::scram::Nonce;

use super::doorstep::Ready;
use super::route::{self, Admission, Arrival};
use super::{Ended, Hello, Peer, Proven, log_end, log_refusal, shutting_down, timed_out};
use crate::proxy::auth::{Claim, Heard, Hearing};
use crate::proxy::conn::Broken;
use crate::proxy::directory::Directory;
use crate::proxy::lobby::Place;
use crate::proxy::refusal::Refusal;
use crate::proxy::target::Credential;
use crate::proxy::threads::House;

/// A login that waits for the client's proof.
pub struct Guest {
    directory: Arc<Directory>,
    hello: Hello,
    hearing: Hearing,
    peer: Peer,
    _place: Place,
}

/// What follows from what a guest said.
pub enum Reply {
    /// Nothing yet.
    Nothing,
    /// This is to be sent. What came already may answer it.
    Question(Vec<u8>),
    /// It is in.
    In(Box<Arrival>),
}

impl Guest {
    /// A guest, and the first question.
    pub(super) fn new(
        (directory, ready): (Arc<Directory>, Ready),
        (claim, nonce): (Claim, Nonce),
        peer: Peer,
        place: Place,
    ) -> Result<(Self, Vec<u8>), Refusal> {
        let Ready { hello, prelude, leftover } = ready;
        let (hearing, question) = Hearing::begin(claim, leftover, nonce)?;
        let first = if prelude.is_empty() { question } else { [prelude, question].concat() };
        Ok((Self { directory, hello, hearing, peer, _place: place }, first))
    }

    /// How long its login may take from its first byte on; `None` is for ever.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        self.directory.settings.timeouts.client_login
    }

    /// Takes what came, and deals with one message.
    ///
    /// # Errors
    /// Why it is not let in. It has not been told yet, the log has.
    pub fn hear(&mut self, house: &House, bytes: &[u8]) -> Result<Reply, Refusal> {
        let heard = self.hearing.hear(bytes).inspect_err(|_| {
            // The secret may have changed in PostgreSQL; the next attempt asks again.
            house.secrets.forget(&self.hello.database, &self.hello.user);
        });
        let reply = heard.and_then(|heard| match heard {
            Heard::Nothing => Ok(Reply::Nothing),
            Heard::Question(question) => Ok(Reply::Question(question)),
            Heard::Proven { last, proof, leftover } => self.enter(house, proof, last, leftover),
        });
        reply.map_err(|refusal| self.log(refusal))
    }

    /// Nobody hears it again, so what it asked for goes along.
    fn enter(
        &mut self,
        house: &House,
        proof: Credential,
        last: Vec<u8>,
        leftover: Vec<u8>,
    ) -> Result<Reply, Refusal> {
        // By the settings of now, so that a reload during the login does not miss its pool.
        let directory = house.directory.load_full();
        let parameters = std::mem::take(&mut self.hello.parameters);
        let hello = Hello { parameters, ..self.hello.clone() };
        let proven = Proven { hello, proof };
        match route::admit(house, directory, proven, &self.peer)? {
            Admission::Pool(entrant) => {
                Ok(Reply::In(Box::new(entrant.arrive(last, leftover, &self.peer))))
            }
            Admission::Console(_) => Err(renamed()),
        }
    }

    /// It has taken too long. Says what it is to be told.
    #[must_use]
    pub fn give_up(&self) -> Refusal {
        self.log(timed_out())
    }

    /// The proxy stops. Says what it is to be told.
    #[must_use]
    pub fn send_away(&self) -> Refusal {
        self.log(shutting_down())
    }

    /// It has closed its connection.
    pub fn left(&self) {
        log_end(&self.directory, &self.peer, &Ended::Broken(Broken::Closed));
    }

    fn log(&self, refusal: Refusal) -> Refusal {
        log_refusal(&self.directory, &self.peer, &refusal);
        refusal
    }
}

/// The console never hears those who came for a database; a reload made it one meanwhile.
fn renamed() -> Refusal {
    Refusal::new(SqlState::CANNOT_CONNECT_NOW, "the configuration changed during the login")
        .hint("Connect again.")
}
