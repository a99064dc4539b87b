//! SCRAM-SHA-256, with channel binding where TLS is spoken.

use std::io;
use std::sync::Arc;

use weir_core::config::settings::UserSecret;
use weir_wire::build;
use weir_wire::message::{SaslInitialResponse, SaslResponse};
use weir_wire::scram::{Iterations, Keys, Mechanism, ScramError, Server, Verifier};

use super::Client;
use super::exchange::{ask, malformed};
use crate::proxy::chance;
use crate::proxy::directory::{Directory, KnownUser};
use crate::proxy::login::Ended;
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
    let count =
        Iterations::new(directory.settings.auth.scram_iterations).unwrap_or(Iterations::DEFAULT);
    let real = match &client.known {
        Some(known) => verifier_of(house, known, count).await?,
        None => None,
    };
    let mock = || Arc::new(Verifier::mock(&house.mock_secret, client.hello.user.as_bytes(), count));
    let doomed = real.is_none();
    let verifier = real.unwrap_or_else(mock);
    let end_point = directory
        .client_tls
        .as_ref()
        .filter(|_| client.hello.tls)
        .and_then(|tls| tls.end_point.clone());
    match exchange(client, &verifier, end_point).await {
        Ok(keys) => Ok(proof(client, keys, &verifier)),
        Err(Ended::Refused(refusal)) if doomed => {
            Err(Ended::Refused(refusal.log("no such user, or its secret does not serve SCRAM")))
        }
        Err(ended) => Err(ended),
    }
}

/// A password that is known serves more servers than the keys of one verifier.
fn proof(client: &Client<'_>, keys: Keys, verifier: &Verifier) -> Credential {
    match client.known.as_ref().map(|known| &known.secret) {
        Some(UserSecret::Plain(plain)) => Credential::Password(plain.reveal().to_owned()),
        Some(UserSecret::None | UserSecret::Md5(_) | UserSecret::ScramVerifier(_)) | None => {
            Credential::ScramKeys(Box::new(PassedKeys { keys, verifier: verifier.clone() }))
        }
    }
}

async fn exchange(
    client: &mut Client<'_>,
    verifier: &Verifier,
    end_point: Option<Vec<u8>>,
) -> Result<Keys, Ended> {
    let server = Server::new(verifier.clone(), end_point);
    let names: Vec<&[u8]> = server.mechanisms().iter().map(|m| m.name().as_bytes()).collect();
    let mut question = Vec::new();
    build::authentication_sasl(&mut question, &names).map_err(|error| malformed(&error))?;
    let body = ask(client.conn, &question).await?;
    let first = SaslInitialResponse::parse(&body).map_err(|error| malformed(&error))?;
    let mechanism = Mechanism::from_name(first.mechanism)
        .ok_or_else(|| malformed(&"client selected an invalid SASL authentication mechanism"))?;
    let nonce = chance::nonce()?;
    let (server, challenge) = server
        .client_first(mechanism, first.data.unwrap_or_default(), &nonce)
        .map_err(|error| refused(client, &error))?;
    question.clear();
    build::authentication_sasl_continue(&mut question, &challenge)
        .map_err(|error| malformed(&error))?;
    let body = ask(client.conn, &question).await?;
    let accepted = server
        .client_final(SaslResponse::parse(&body).data)
        .map_err(|error| refused(client, &error))?;
    question.clear();
    build::authentication_sasl_final(&mut question, &accepted.message)
        .map_err(|error| malformed(&error))?;
    client.conn.hold(&question);
    Ok(Keys { client: accepted.client_key, server: verifier.server_key().clone() })
}

fn refused(client: &Client<'_>, error: &ScramError) -> Ended {
    match error {
        ScramError::Proof => client.refused("wrong password"),
        other => Ended::Refused(Refusal::new(other.sqlstate(), other.to_string())),
    }
}

/// The verifier of a known user; made once from a plain password.
async fn verifier_of(
    house: &House,
    known: &KnownUser,
    count: Iterations,
) -> io::Result<Option<Arc<Verifier>>> {
    let make = || async {
        Ok::<_, io::Error>(
            match &known.secret {
                UserSecret::Plain(plain) => {
                    let salt = chance::bytes()?;
                    Some(house.scram_keys.verifier(plain.reveal(), salt, count).await?)
                }
                UserSecret::ScramVerifier(text) => Verifier::parse(text.reveal()),
                UserSecret::Md5(_) | UserSecret::None => None,
            }
            .map(Arc::new),
        )
    };
    Ok(known.verifier.get_or_try_init(make).await?.clone())
}
