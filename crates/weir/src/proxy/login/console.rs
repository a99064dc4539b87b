//! The way to the console: a database of our own, served by whoever took the visitors' receiver.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tracing::info;
use weir_core::config::choices::AuthMethod;
use weir_core::config::limits;
use weir_core::config::settings::{Console, Settings};
use weir_wire::build;
use weir_wire::error::SqlState;
use weir_wire::startup::ProtocolVersion;

use super::{Ended, Hello, Peer};
use crate::proxy::conn::Conn;
use crate::proxy::directory::Directory;
use crate::proxy::refusal::Refusal;
use crate::proxy::threads::House;

/// What a visitor of the console may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everything.
    Admin,
    /// Look.
    Stats,
}

/// A client that logged in to the console. `AuthenticationOk` has been sent, nothing after it.
#[derive(Debug)]
pub struct Visitor {
    /// The connection.
    pub conn: Conn,
    /// Who it is.
    pub user: Arc<str>,
    /// What it may do.
    pub access: Access,
    /// Where it comes from: `127.0.0.1:5000` or `unix`.
    pub address: String,
    /// The protocol version spoken.
    pub version: ProtocolVersion,
    /// Its place among the visitors, who are not counted among the clients: an administrator gets
    /// in when the limit on clients is reached. Dropping it lets another in.
    pub place: OwnedSemaphorePermit,
}

/// The right to visit.
pub(super) struct Pass {
    access: Access,
    place: OwnedSemaphorePermit,
}

/// Lets a client that is authenticated in, if it may come and there is room.
pub(super) fn admit(
    house: &House,
    settings: &Settings,
    hello: &Hello,
    peer: &Peer,
) -> Result<Pass, Refusal> {
    let access = access(settings, hello, peer)?;
    let place = Arc::clone(&house.console.places).try_acquire_owned().map_err(|_| {
        let most = limits::CONSOLE_SESSIONS;
        let text = format!("the console has {most} sessions already");
        Refusal::new(SqlState::TOO_MANY_CONNECTIONS, text)
    })?;
    Ok(Pass { access, place })
}

/// Whether this client, who is authenticated, may use the console.
///
/// Those whom the configuration names may; so may the proxy's own operating-system user, and
/// root, over a Unix socket. While nobody is named and users need no proof at all, everybody on
/// this machine may do everything: a name proves nothing then, and they can reach the databases
/// themselves.
fn access(settings: &Settings, hello: &Hello, peer: &Peer) -> Result<Access, Refusal> {
    let Console { databases: _, admin_users, stats_users } = &settings.console;
    let named = |list: &[String]| list.iter().any(|name| **name == *hello.user);
    let open = admin_users.is_empty()
        && stats_users.is_empty()
        && settings.auth.method == AuthMethod::Trust
        && peer.is_local();
    if named(admin_users) || is_operator(peer) || open {
        return Ok(Access::Admin);
    }
    if named(stats_users) {
        return Ok(Access::Stats);
    }
    Err(Refusal::new(
        SqlState::INSUFFICIENT_PRIVILEGE,
        format!("user \"{}\" may not use the console", hello.user),
    )
    .hint("Add it to console.admin_users or console.stats_users and reload."))
}

fn is_operator(peer: &Peer) -> bool {
    match peer {
        Peer::Unix { uid: Some(uid) } => *uid == 0 || *uid == rustix::process::geteuid().as_raw(),
        Peer::Unix { uid: None } | Peer::Tcp(_) => false,
    }
}

/// Says `AuthenticationOk` and gives the connection to the console.
pub(super) async fn hand_over(
    house: &House,
    directory: &Directory,
    (mut conn, hello): (Conn, Hello),
    Pass { access, place }: Pass,
    peer: &Peer,
) -> Result<(), Ended> {
    let mut ok = Vec::new();
    build::authentication_ok(&mut ok);
    conn.send(&ok).await?;
    if directory.settings.log.connections {
        info!(client = %peer, user = %hello.user, ?access, "connected to the console");
    }
    let (user, version, address) = (hello.user, hello.version, peer.to_string());
    let visitor = Visitor { conn, user, access, address, version, place };
    // Nobody serves the console when the process ends; the connection ends with it.
    let _ = house.visitors.send(visitor).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_core::config::settings::Auth;

    fn settings(method: AuthMethod, admin: &[&str], stats: &[&str]) -> Settings {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Settings {
            auth: Auth { method, ..Auth::default() },
            console: Console {
                admin_users: names(admin),
                stats_users: names(stats),
                ..Console::default()
            },
            ..Settings::default()
        }
    }

    fn granted(settings: &Settings, user: &str, address: [u8; 4]) -> Option<Access> {
        let hello = Hello {
            user: user.into(),
            database: "weir".into(),
            parameters: Vec::new(),
            version: ProtocolVersion::V3_0,
            tls: false,
        };
        access(settings, &hello, &Peer::Tcp((address, 5000).into())).ok()
    }

    #[test]
    fn only_named_users_come_in_unless_trust_is_all_there_is() {
        let (here, there) = ([127, 0, 0, 1], [10, 0, 0, 1]);
        let named = settings(AuthMethod::Trust, &["dba"], &["graph"]);
        assert_eq!(granted(&named, "dba", there), Some(Access::Admin));
        assert_eq!(granted(&named, "graph", here), Some(Access::Stats));
        assert_eq!(granted(&named, "other", here), None);
        let trusting = settings(AuthMethod::Trust, &[], &[]);
        assert_eq!(granted(&trusting, "other", here), Some(Access::Admin));
        assert_eq!(granted(&trusting, "other", there), None);
        let half = settings(AuthMethod::Trust, &[], &["graph"]);
        assert_eq!(granted(&half, "other", here), None);
        for method in [AuthMethod::Scram, AuthMethod::Hba, AuthMethod::Passthrough] {
            assert_eq!(granted(&settings(method, &[], &[]), "other", here), None);
        }
    }
}
