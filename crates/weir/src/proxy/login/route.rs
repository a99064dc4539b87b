//! From a proven client to its pool's worker.

use std::sync::Arc;

use tracing::info;
use weir_wire::build;
use weir_wire::error::{Report, SqlState};

use super::console::{self, Access};
use super::{Ended, Peer, Proven};
use crate::proxy::admission::{Bounds, Claim, ClientSlot};
use crate::proxy::conn::Conn;
use crate::proxy::directory::{Directory, NoRoute, Route};
use crate::proxy::mail::{Admitted, ToWorker};
use crate::proxy::refusal::Refusal;
use crate::proxy::threads::House;

/// A client that may come in, and where it goes.
pub(super) struct Admission {
    proven: Proven,
    way: Way,
    slot: ClientSlot,
    directory: Arc<Directory>,
}

enum Way {
    Pool(Route),
    Console(Access),
}

/// Finds the client's pool and counts it in.
pub(super) fn admit(
    house: &House,
    directory: Arc<Directory>,
    proven: Proven,
    peer: &Peer,
) -> Result<Admission, Refusal> {
    let hello = &proven.hello;
    let settings = &directory.settings;
    let way = if settings.console.answers_to(&hello.database) {
        Way::Console(console::access(&settings.console, hello, peer)?)
    } else {
        let route = directory.route(&hello.database, &hello.user, &proven.proof);
        Way::Pool(route.map_err(|why| no_route(why, &hello.database))?)
    };
    let claim = Claim {
        user: Arc::clone(&hello.user),
        database: Arc::clone(&hello.database),
        address: peer.address(),
    };
    let slot = house.admission.enter(claim, bounds(&directory, &hello.user, &hello.database))?;
    Ok(Admission { proven, way, slot, directory })
}

fn no_route(why: NoRoute, database: &str) -> Refusal {
    match why {
        NoRoute::UnknownDatabase => Refusal::new(
            SqlState::INVALID_CATALOG_NAME,
            format!("database \"{database}\" does not exist"),
        )
        .detail("The proxy's configuration has no entry for it and no \"*\" entry.")
        .hint("Add [databases.NAME] or [databases.\"*\"] to the configuration and reload."),
        NoRoute::TooManyPools => Refusal::new(
            SqlState::CONFIGURATION_LIMIT_EXCEEDED,
            "the proxy has as many pools as it can keep",
        )
        .hint("Use fewer distinct pairs of database and user."),
    }
}

/// The limits on clients, those of the user and the database first.
fn bounds(directory: &Directory, user: &str, database: &str) -> Bounds {
    let settings = &directory.settings;
    let of_user = settings.users.get(user).and_then(|user| user.overrides.clients_max);
    let of_database = settings.database(database).map(|entry| entry.clients_max);
    Bounds {
        total: settings.limits.clients_max,
        user: of_user.unwrap_or(settings.limits.clients_per_user_max),
        database: of_database.unwrap_or(settings.limits.clients_per_database_max),
        address: settings.limits.clients_per_address_max,
    }
}

impl Admission {
    /// Says `AuthenticationOk` and gives the connection to its worker.
    pub(super) async fn hand_over(
        self,
        house: &House,
        mut conn: Conn,
        peer: &Peer,
    ) -> Result<(), Ended> {
        let Self { proven: Proven { mut hello, proof: _ }, way, slot, directory } = self;
        let route = match way {
            Way::Pool(route) => route,
            Way::Console(access) => {
                let visitor = (conn, hello);
                return console::hand_over(house, &directory, visitor, (access, slot), peer).await;
            }
        };
        let settings = &directory.settings;
        let mut ok = Vec::new();
        build::authentication_ok(&mut ok);
        if let Some(notice) = &settings.session.login_notice {
            build::notice_response(&mut ok, &Report::notice(notice));
        }
        conn.send(&ok).await?;
        let parts = conn.into_client_parts()?;
        if settings.database(&hello.database).is_some_and(|db| db.pool.application_name_add_host) {
            add_host(&mut hello.parameters, peer);
        }
        if settings.log.connections {
            info!(client = %peer, user = %hello.user, database = %hello.database, "connected");
        }
        let mailbox = house.mailbox(&route.pool);
        if route.changed {
            let target = Some(Arc::clone(&route.target));
            mailbox.put(ToWorker::Reconfigure { pool: route.pool.clone(), target });
        }
        mailbox.put(ToWorker::Admit(Box::new(Admitted {
            socket: parts.socket,
            tls: parts.tls,
            leftover: parts.leftover,
            pool: route.pool,
            user: hello.user,
            slot,
            target: route.target,
            parameters: hello.parameters,
            address: peer.to_string(),
            minor_version: if hello.version.minor() == 2 { 2 } else { 0 },
        })));
        Ok(())
    }
}

/// Shows in `pg_stat_activity` where a client comes from: `name - 10.1.2.3:4000`.
fn add_host(parameters: &mut Vec<(String, String)>, peer: &Peer) {
    let known = parameters.iter_mut().rfind(|(name, _)| name == "application_name");
    match known {
        Some((_, value)) if !value.is_empty() => *value = format!("{value} - {peer}"),
        Some((_, value)) => *value = peer.to_string(),
        None => parameters.push(("application_name".into(), peer.to_string())),
    }
}
