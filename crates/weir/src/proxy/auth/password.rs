//! Clear passwords and md5.

use std::io;

use weir_core::config::settings::{Secret, UserSecret};
use weir_wire::build;
use weir_wire::md5::Md5Hash;
use weir_wire::message::Password;
use weir_wire::scram::Verifier;

use super::Client;
use super::exchange::{ask, malformed};
use crate::proxy::chance;
use crate::proxy::login::Ended;
use crate::proxy::refusal::Refusal;
use crate::proxy::target::Credential;
use crate::proxy::threads::House;

/// Asks for the password in clear text, only where nobody can listen in, and checks it against
/// what is stored.
pub(super) async fn clear(client: &mut Client<'_>, house: &House) -> Result<Credential, Ended> {
    if !client.hello.tls && !client.peer.is_local() {
        return Err(Ended::Refused(
            Refusal::new(
                weir_wire::error::SqlState::INVALID_AUTHORIZATION,
                "clear passwords are accepted over TLS only",
            )
            .hint("Connect with sslmode=require, or use SCRAM."),
        ));
    }
    let mut question = Vec::new();
    build::authentication_cleartext(&mut question);
    let body = ask(client.conn, &question).await?;
    let answer = Password::parse(&body).map_err(|error| Ended::Refused(malformed(&error)))?;
    if !matches(client, house, answer.password).await? {
        return Err(client.refused("wrong password, or no such user"));
    }
    String::from_utf8(answer.password.to_vec())
        .map(Credential::Password)
        .map_err(|_| client.refused("the password is not UTF-8"))
}

async fn matches(client: &Client<'_>, house: &House, password: &[u8]) -> io::Result<bool> {
    let secret = client.known.as_ref().map(|known| &known.secret);
    Ok(match secret {
        Some(UserSecret::Plain(plain)) => same(plain, password),
        Some(UserSecret::Md5(hash)) => Md5Hash::parse(hash.reveal())
            .is_some_and(|hash| hash.matches_password(client.hello.user.as_bytes(), password)),
        Some(UserSecret::ScramVerifier(text)) => match Verifier::parse(text.reveal()) {
            Some(verifier) => house.scram_keys.matches(password, &verifier).await?,
            None => false,
        },
        Some(UserSecret::None) | None => false,
    })
}

/// Compares digests, so that the time tells nothing about the password.
fn same(plain: &Secret, password: &[u8]) -> bool {
    let digest = |bytes: &[u8]| Md5Hash::derive(b"", bytes);
    digest(plain.reveal().as_bytes()).matches_password(b"", password)
        && plain.reveal().as_bytes() == password
}

/// Challenges with a salt; for users whose password or md5 hash is stored.
pub(super) async fn md5(client: &mut Client<'_>) -> Result<Credential, Ended> {
    let user = client.hello.user.as_bytes();
    let secret = client.known.as_ref().map(|known| known.secret.clone());
    let (hash, proof) = match secret {
        Some(UserSecret::Plain(plain)) => {
            let proof = Credential::Password(plain.reveal().to_owned());
            (Some(Md5Hash::derive(user, plain.reveal().as_bytes())), proof)
        }
        Some(UserSecret::Md5(hash)) => {
            (Md5Hash::parse(hash.reveal()), Credential::Md5(hash.reveal().to_owned()))
        }
        Some(UserSecret::None | UserSecret::ScramVerifier(_)) | None => (None, Credential::None),
    };
    let salt: [u8; 4] = chance::bytes()?;
    let mut question = Vec::new();
    build::authentication_md5(&mut question, salt);
    let body = ask(client.conn, &question).await?;
    let answer = Password::parse(&body).map_err(|error| Ended::Refused(malformed(&error)))?;
    match hash {
        Some(hash) if hash.verify(salt, answer.password) => Ok(proof),
        Some(_) => Err(client.refused("wrong password")),
        None => Err(client.refused("no md5 hash is stored for this user")),
    }
}
