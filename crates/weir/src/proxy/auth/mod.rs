//! How a client proves who it is.
//!
//! What is asked follows from the configured method, or from the first HBA rule that matches.
//! Each way to fail ends in the same refusal, so that nobody learns which users exist; the log
//! has the reason.

mod exchange;
mod external;
mod hearing;
mod password;
pub mod query;
mod scram;

use std::sync::Arc;

pub use hearing::{AtOnce, Claim, Heard, Hearing, at_once};

use weir_core::config::choices::AuthMethod;
use weir_core::config::hba::{Connection, Decision, HbaMethod, HbaRules};
use weir_core::config::settings::UserSecret;
use weir_wire::error::SqlState;

use crate::proxy::conn::Conn;
use crate::proxy::directory::{Directory, KnownUser};
use crate::proxy::login::{Ended, Hello, Peer};
use crate::proxy::refusal::Refusal;
use crate::proxy::target::Credential;
use crate::proxy::threads::House;

/// What is asked of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Demand {
    /// Nothing.
    Trust,
    /// The password in clear text.
    Password,
    /// What fits the stored secret: md5 for passwords and md5 hashes, SCRAM for verifiers.
    Md5,
    /// What fits the stored secret: md5 for md5 hashes, SCRAM for all others.
    Stored,
    /// SCRAM, whatever is stored.
    Scram,
    /// A client certificate in its name.
    Cert,
    /// The operating system's word.
    Peer,
}

impl Demand {
    /// What is asked of somebody who is known, or not, by this: where the secret decides, it has.
    fn narrowed(self, known: Option<&KnownUser>) -> Self {
        let secret = known.map(|known| &known.secret);
        match (self, secret) {
            (Self::Md5, Some(UserSecret::Plain(_) | UserSecret::Md5(_)))
            | (Self::Stored, Some(UserSecret::Md5(_))) => Self::Md5,
            (Self::Md5 | Self::Stored | Self::Scram, _) => Self::Scram,
            (Self::Trust | Self::Password | Self::Cert | Self::Peer, _) => self,
        }
    }
}

/// Everything the methods need to know about one client.
pub(crate) struct Client<'a> {
    conn: &'a mut Conn,
    hello: &'a Hello,
    peer: &'a Peer,
    known: Option<Arc<KnownUser>>,
}

/// Makes the client prove that it is who it says, and tells what that revealed.
///
/// # Errors
/// [`Ended::Refused`] when it fails to; the refusal has not been sent yet.
pub async fn authenticate(
    house: &Arc<House>,
    directory: &Directory,
    conn: &mut Conn,
    hello: &Hello,
    peer: &Peer,
) -> Result<Credential, Ended> {
    let demand = demand(directory, hello, peer).map_err(Ended::Refused)?;
    external::check_certificate_name(directory, conn, hello).map_err(Ended::Refused)?;
    let known = match demand {
        Demand::Trust | Demand::Cert | Demand::Peer => None,
        Demand::Password | Demand::Md5 | Demand::Stored | Demand::Scram => {
            find_user(house, directory, hello).await.map_err(Ended::Refused)?
        }
    };
    let mut client = Client { conn, hello, peer, known };
    let result = client.prove(house, directory, demand).await;
    if matches!(result, Err(Ended::Refused(_))) {
        // The secret may have changed in PostgreSQL; the next attempt asks again.
        house.secrets.forget(&hello.database, &hello.user);
    }
    result
}

impl Client<'_> {
    async fn prove(
        &mut self,
        house: &House,
        directory: &Directory,
        demand: Demand,
    ) -> Result<Credential, Ended> {
        match demand.narrowed(self.known.as_deref()) {
            Demand::Trust => Ok(Credential::None),
            Demand::Cert => external::by_certificate(self.conn, self.hello).map_err(Ended::Refused),
            Demand::Peer => external::by_peer(self.hello, self.peer).map_err(Ended::Refused),
            Demand::Password => Box::pin(password::clear(self, house)).await,
            Demand::Md5 => Box::pin(password::md5(self)).await,
            Demand::Stored | Demand::Scram => Box::pin(scram::scram(self, house, directory)).await,
        }
    }

    fn refused(&self, reason: impl Into<String>) -> Ended {
        Ended::Refused(Refusal::authentication(&self.hello.user, reason))
    }
}

/// The user's secret, from the configuration or from PostgreSQL.
async fn find_user(
    house: &Arc<House>,
    directory: &Directory,
    hello: &Hello,
) -> Result<Option<Arc<KnownUser>>, Refusal> {
    if let Some(known) = directory.users.get(&hello.user) {
        return Ok(Some(Arc::clone(known)));
    }
    Box::pin(house.secrets.fetch(house, directory, &hello.database, &hello.user)).await
}

fn demand(directory: &Directory, hello: &Hello, peer: &Peer) -> Result<Demand, Refusal> {
    let auth = &directory.settings.auth;
    match auth.method {
        AuthMethod::Trust => Ok(Demand::Trust),
        AuthMethod::Password => Ok(Demand::Password),
        AuthMethod::Md5 => Ok(Demand::Md5),
        AuthMethod::Scram => Ok(Demand::Scram),
        AuthMethod::Passthrough => Ok(Demand::Stored),
        AuthMethod::Cert => Ok(Demand::Cert),
        AuthMethod::Hba => by_rules(auth.hba.as_ref(), hello, peer),
    }
}

fn by_rules(rules: Option<&HbaRules>, hello: &Hello, peer: &Peer) -> Result<Demand, Refusal> {
    let connection = Connection {
        address: peer.address(),
        tls: hello.tls,
        replication: false,
        database: &hello.database,
        user: &hello.user,
    };
    let decision = rules.map_or(Decision::NoRule, |rules| rules.decide(&connection));
    match decision {
        Decision::Rule { method, line } => match method {
            HbaMethod::Trust => Ok(Demand::Trust),
            HbaMethod::Reject => Err(rejected(&connection, peer, &format!("line {line} rejects"))),
            HbaMethod::Password => Ok(Demand::Password),
            HbaMethod::Md5 => Ok(Demand::Md5),
            HbaMethod::Scram => Ok(Demand::Scram),
            HbaMethod::Cert => Ok(Demand::Cert),
            HbaMethod::Peer => Ok(Demand::Peer),
        },
        Decision::NoRule => Err(rejected(&connection, peer, "no line matches")),
    }
}

/// In PostgreSQL's words, which people search for.
fn rejected(connection: &Connection<'_>, peer: &Peer, why: &str) -> Refusal {
    let host = peer.address().map_or_else(|| "[local]".into(), |address| address.to_string());
    let encryption = if connection.tls { "SSL encryption" } else { "no encryption" };
    Refusal::new(
        SqlState::INVALID_AUTHORIZATION,
        format!(
            "no pg_hba.conf entry for host \"{host}\", user \"{}\", database \"{}\", {encryption}",
            connection.user, connection.database
        ),
    )
    .hint("Add a line for it to the proxy's HBA file and reload.")
    .log(format!("HBA file: {why}"))
}
