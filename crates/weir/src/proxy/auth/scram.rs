//! SCRAM-SHA-256, with channel binding where TLS is spoken.
//!
//! [`Exchange`] is the exchange itself, which neither reads nor writes; [`scram`] runs it where a
//! login is a task.

use std::io;
use std::sync::Arc;

use weir_core::config::settings::UserSecret;
use weir_wire::build;
use weir_wire::message::{SaslInitialResponse, SaslResponse};
use weir_wire::scram::{
    Accepted, Iterations, Keys, Mechanism, Nonce, ScramError, Server, ServerChallenged, Verifier,
};

use super::Client;
use super::exchange::{ask, malformed};
use crate::proxy::chance;
use crate::proxy::directory::{Directory, KnownUser};
use crate::proxy::login::{Ended, Hello};
use crate::proxy::refusal::Refusal;
use crate::proxy::target::{Credential, PassedKeys};
use crate::proxy::threads::House;

/// Runs the exchange. An unknown user, or one whose secret does not serve, gets the same
/// questions and the same answer as one with a wrong password.
pub(super) async fn scram(
    client: &mut Client<'_>,
    house: &House,
    directory: &Directory,
) -> Result<Credential, Ended> {
    let count = iterations(directory);
    let verifier = match &client.known {
        Some(known) => verifier_of(house, known, count).await?,
        None => None,
    };
    let end_point = directory
        .client_tls
        .as_ref()
        .filter(|_| client.hello.tls)
        .and_then(|tls| tls.end_point.clone());
    let claimant = Claimant::new(house, directory, client.hello, client.known.clone(), verifier);
    let (mut exchange, mut question) =
        Exchange::begin(claimant, end_point, chance::nonce()?).map_err(Ended::Refused)?;
    loop {
        let body = ask(client.conn, &question).await?;
        match exchange.answer(&body).map_err(Ended::Refused)? {
            Turn::Ask(next, more) => (exchange, question) = (next, more),
            Turn::Proven { last, proof } => {
                client.conn.hold(&last);
                return Ok(proof);
            }
        }
    }
}

/// Who has to prove something, and against what.
pub(super) struct Claimant {
    user: Arc<str>,
    known: Option<Arc<KnownUser>>,
    verifier: Arc<Verifier>,
    /// Nothing that it could say proves anything.
    doomed: bool,
}

impl Claimant {
    /// `verifier` is the user's; without one the exchange is a sham.
    pub(super) fn new(
        house: &House,
        directory: &Directory,
        hello: &Hello,
        known: Option<Arc<KnownUser>>,
        verifier: Option<Arc<Verifier>>,
    ) -> Self {
        let mock = || {
            let count = iterations(directory);
            Arc::new(Verifier::mock(&house.mock_secret, hello.user.as_bytes(), count))
        };
        let doomed = verifier.is_none();
        let verifier = verifier.unwrap_or_else(mock);
        Self { user: Arc::clone(&hello.user), known, verifier, doomed }
    }

    fn refused(&self, error: &ScramError) -> Refusal {
        let refusal = match error {
            ScramError::Proof => Refusal::authentication(&self.user, "wrong password"),
            other => Refusal::new(other.sqlstate(), other.to_string()),
        };
        if self.doomed {
            return refusal.log("no such user, or its secret does not serve SCRAM");
        }
        refusal
    }

    /// A password that is known serves more servers than the keys of one verifier.
    fn proof(&self, keys: Keys) -> Credential {
        match self.known.as_ref().map(|known| &known.secret) {
            Some(UserSecret::Plain(plain)) => Credential::Password(plain.reveal().to_owned()),
            Some(UserSecret::None | UserSecret::Md5(_) | UserSecret::ScramVerifier(_)) | None => {
                let verifier = (*self.verifier).clone();
                Credential::ScramKeys(Box::new(PassedKeys { keys, verifier }))
            }
        }
    }
}

/// What is said takes no more, as a rule; what follows the last of it is put behind it.
const MESSAGE_BYTES: usize = 640;

/// An exchange that waits for the client's next answer.
pub(super) struct Exchange {
    claimant: Claimant,
    stage: Stage,
}

enum Stage {
    /// The mechanisms have been offered.
    Offered { server: Server, nonce: Nonce },
    /// Salt and count have been told.
    Challenged(ServerChallenged),
}

/// What follows from an answer.
pub(super) enum Turn {
    /// The next question, a whole message.
    Ask(Exchange, Vec<u8>),
    /// The client is who it says.
    Proven {
        /// Our own proof, a whole message, to be sent with what follows it.
        last: Vec<u8>,
        /// What the exchange revealed.
        proof: Credential,
    },
}

impl Exchange {
    /// Begins with the first question, a whole message. `end_point` is the hash of our certificate
    /// where TLS is spoken; the nonce is new.
    pub(super) fn begin(
        claimant: Claimant,
        end_point: Option<Vec<u8>>,
        nonce: Nonce,
    ) -> Result<(Self, Vec<u8>), Refusal> {
        let server = Server::new((*claimant.verifier).clone(), end_point);
        let names: Vec<&[u8]> = server.mechanisms().iter().map(|m| m.name().as_bytes()).collect();
        let mut question = Vec::with_capacity(MESSAGE_BYTES);
        build::authentication_sasl(&mut question, &names).map_err(|error| malformed(&error))?;
        Ok((Self { claimant, stage: Stage::Offered { server, nonce } }, question))
    }

    /// Goes on with the body of the client's message.
    pub(super) fn answer(self, body: &[u8]) -> Result<Turn, Refusal> {
        let Self { claimant, stage } = self;
        let mut message = Vec::with_capacity(MESSAGE_BYTES);
        match stage {
            Stage::Offered { server, nonce } => {
                let (server, challenge) = first(&claimant, server, &nonce, body)?;
                build::authentication_sasl_continue(&mut message, &challenge)
                    .map_err(|error| malformed(&error))?;
                Ok(Turn::Ask(Self { claimant, stage: Stage::Challenged(server) }, message))
            }
            Stage::Challenged(server) => {
                let accepted = server.client_final(SaslResponse::parse(body).data);
                let Accepted { message: signature, client_key } =
                    accepted.map_err(|error| claimant.refused(&error))?;
                build::authentication_sasl_final(&mut message, &signature)
                    .map_err(|error| malformed(&error))?;
                let server = claimant.verifier.server_key().clone();
                let proof = claimant.proof(Keys { client: client_key, server });
                Ok(Turn::Proven { last: message, proof })
            }
        }
    }
}

fn first(
    claimant: &Claimant,
    server: Server,
    nonce: &Nonce,
    body: &[u8],
) -> Result<(ServerChallenged, Vec<u8>), Refusal> {
    let first = SaslInitialResponse::parse(body).map_err(|error| malformed(&error))?;
    let mechanism = Mechanism::from_name(first.mechanism)
        .ok_or_else(|| malformed(&"client selected an invalid SASL authentication mechanism"))?;
    server
        .client_first(mechanism, first.data.unwrap_or_default(), nonce)
        .map_err(|error| claimant.refused(&error))
}

/// The count that new verifiers, and those of users who do not exist, have.
fn iterations(directory: &Directory) -> Iterations {
    Iterations::new(directory.settings.auth.scram_iterations).unwrap_or(Iterations::DEFAULT)
}

/// The verifier of a known user; made once from a plain password.
async fn verifier_of(
    house: &House,
    known: &KnownUser,
    count: Iterations,
) -> io::Result<Option<Arc<Verifier>>> {
    if let Some(verifier) = known.verifier_at_hand() {
        return Ok(verifier);
    }
    let make = || async {
        let Some(plain) = known.secret.plain() else { return Ok::<_, io::Error>(None) };
        let salt = chance::bytes()?;
        let verifier = house.scram_keys.verifier(plain.reveal(), salt, count).await?;
        Ok(Some(Arc::new(verifier)))
    };
    Ok(known.verifier.get_or_try_init(make).await?.clone())
}
