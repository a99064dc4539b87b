//! From a proven client to its pool's worker.

use std::sync::Arc;

use tracing::info;
use weir_wire::build;
use weir_wire::error::{Report, SqlState};

use super::console::{self, Pass};
use super::{Ended, Hello, Peer, Proven};
use crate::proxy::admission::{Bounds, Claim, ClientSlot};
use crate::proxy::conn::{Conn, Parts};
use crate::proxy::directory::{Directory, NoRoute, Route};
use crate::proxy::mail::{Admitted, ToWorker};
use crate::proxy::refusal::Refusal;
use crate::proxy::threads::House;

/// What a client is told at its login takes no more, as a rule.
const GREETING_BYTES: usize = 512;

/// A client that may come in, and where it goes.
pub(super) enum Admission {
    /// To a worker.
    Pool(Entrant),
    /// To the console.
    Console(Visit),
}

/// A client of a pool.
pub(super) struct Entrant {
    hello: Hello,
    route: Route,
    slot: ClientSlot,
    directory: Arc<Directory>,
}

/// A client of the console.
pub(super) struct Visit {
    hello: Hello,
    pass: Pass,
    directory: Arc<Directory>,
}

/// Finds the client's pool and counts it in.
pub(super) fn admit(
    house: &House,
    directory: Arc<Directory>,
    proven: Proven,
    peer: &Peer,
) -> Result<Admission, Refusal> {
    let Proven { hello, proof } = proven;
    let settings = &directory.settings;
    if settings.console.answers_to(&hello.database) {
        let pass = console::admit(house, settings, &hello, peer)?;
        return Ok(Admission::Console(Visit { hello, pass, directory }));
    }
    if house.console.is_disabled(&hello.database) {
        return Err(disabled(&hello.database));
    }
    let route = directory
        .route(&hello.database, &hello.user, &proof)
        .map_err(|why| no_route(why, &hello.database))?;
    let claim = Claim {
        user: Arc::clone(&hello.user),
        database: Arc::clone(&hello.database),
        address: peer.address(),
    };
    let slot = house.admission.enter(claim, bounds(&directory, &hello.user, &hello.database));
    // Nobody has said yet for whom it is.
    let slot = slot.inspect_err(|_| house.incidents.failed(0))?;
    Ok(Admission::Pool(Entrant { hello, route, slot, directory }))
}

/// In PostgreSQL's words for a database that allows no connections.
fn disabled(database: &str) -> Refusal {
    Refusal::new(
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        format!("database \"{database}\" is not currently accepting connections"),
    )
    .hint("An administrator has disabled it; ENABLE on the console ends that.")
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
    /// Gives the connection to its worker or to the console.
    pub(super) async fn hand_over(
        self,
        house: &House,
        conn: Conn,
        peer: &Peer,
    ) -> Result<(), Ended> {
        match self {
            Self::Pool(entrant) => entrant.enter(house, conn.into_client_parts()?, peer),
            Self::Console(Visit { hello, pass, directory }) => {
                let visit = console::hand_over(house, &directory, (conn, hello), pass, peer);
                return Box::pin(visit).await;
            }
        }
        Ok(())
    }
}

/// A client on its way to its worker, without its connection.
pub struct Arrival {
    /// The pool may exist with an older target, and has to be told of this one first.
    pub changed: bool,
    /// Everything else.
    pub client: Admitted<()>,
}

impl Arrival {
    /// Gives it to its worker, with its connection.
    pub(super) fn deliver(self, house: &House, parts: Parts<rustls::ServerConnection>) {
        let Self { changed, client } = self;
        if changed {
            house.reconfigure(&client.pool, Some(&client.target));
        }
        let mailbox = house.mailbox(&client.pool, &client.target);
        let (client, ()) = client.swap(parts.socket);
        let client = Admitted { tls: parts.tls, ..client };
        mailbox.put(ToWorker::Admit(Box::new(client)));
    }
}

impl Entrant {
    /// Gives the connection to its worker, which says `AuthenticationOk` with its greeting.
    fn enter(self, house: &House, mut parts: Parts<rustls::ServerConnection>, peer: &Peer) {
        let held = std::mem::take(&mut parts.held);
        let leftover = std::mem::take(&mut parts.leftover);
        self.arrive(held, leftover, peer).deliver(house, parts);
    }

    /// What its worker has to know. `held` is what it has to be told before that it is in,
    /// `leftover` what it said already behind its login.
    pub(super) fn arrive(self, held: Vec<u8>, leftover: Vec<u8>, peer: &Peer) -> Arrival {
        let Self { mut hello, route, slot, directory } = self;
        let settings = &directory.settings;
        let mut prelude = held;
        // Its worker says the rest behind it.
        prelude.reserve(GREETING_BYTES);
        build::authentication_ok(&mut prelude);
        if let Some(notice) = &settings.session.login_notice {
            build::notice_response(&mut prelude, &Report::notice(notice));
        }
        if settings.database(&hello.database).is_some_and(|db| db.pool.application_name_add_host) {
            add_host(&mut hello.parameters, peer);
        }
        if settings.log.connections {
            info!(client = %peer, user = %hello.user, database = %hello.database, "connected");
        }
        let client = Admitted {
            socket: (),
            tls: None,
            leftover,
            prelude,
            pool: route.pool,
            slot,
            target: route.target,
            parameters: hello.parameters,
            address: peer.into(),
            minor_version: if hello.version.minor() == 2 { 2 } else { 0 },
        };
        Arrival { changed: route.changed, client }
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
