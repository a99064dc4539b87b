//! Where a pool's server connections go, and as whom.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use weir_core::config::settings::Classes;
use weir_core::healing::Rules;
use weir_core::pool::PoolSettings;
use weir_core::session::SessionSettings;
use weir_wire::scram::{Keys, Verifier};

use crate::proxy::shares::Share;
use crate::proxy::shelf::Shelf;

/// Names a pool: the database and user the client asked for. Where the configuration fixes the
/// server's user, all clients of the database share the pool of that user.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolKey {
    /// The database name in the client's startup packet.
    pub database: Arc<str>,
    /// The user name in the client's startup packet, or the fixed server user.
    pub user: Arc<str>,
}

/// How to make a pool and its server connections.
#[derive(Debug)]
pub struct Target {
    /// The pool's limits and times.
    pub pool: PoolSettings,
    /// How the session treats its clients.
    pub session: SessionSettings,
    /// Classes that operators named.
    pub classes: Arc<Classes>,
    /// Bounds on server connections that it shares with other pools.
    pub shares: Vec<Share>,
    /// Where its workers lend each other slots; `None` when one worker serves it.
    pub shelf: Option<Arc<Shelf>>,
    /// What its worker does about it besides serving.
    pub care: Care,
    /// What is done while its clients wait.
    pub healing: Arc<Rules>,
    /// How server connections are opened.
    pub dial: Arc<DialSpec>,
}

/// What a worker does about a pool besides serving it. A span of `None` means never.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Care {
    /// A pool without clients and server connections for this long is forgotten.
    pub forget_after: Option<Duration>,
    /// A client that waits this long is told so.
    pub wait_notice_after: Option<Duration>,
    /// How often its totals are logged.
    pub stats_every: Option<Duration>,
    /// How often the log has the sums of what the healing ladder did.
    pub summary_every: Option<Duration>,
    /// In session mode, stale server connections are closed when their transaction ends, and
    /// their clients with them.
    pub fast_close: bool,
    /// Each goodbye is logged.
    pub log_disconnections: bool,
    /// Errors that do not come from the server are logged.
    pub log_errors: bool,
    /// A database name of the console, to be named to clients; `None` when it is switched off.
    pub console: Option<Arc<str>>,
}

/// How a server connection is opened: where, as whom, with which proof and which protection.
#[derive(Debug, Clone)]
pub struct DialSpec {
    /// Where the server listens.
    pub address: ServerAddress,
    /// More places that serve the same database.
    pub others: Others,
    /// The database name sent to the server.
    pub database: String,
    /// The role name sent to the server.
    pub user: String,
    /// How the role is proved.
    pub credential: Credential,
    /// TLS towards this server.
    pub tls: ServerTls,
    /// Settings sent in the startup packet besides user and database.
    pub parameters: Vec<(String, String)>,
    /// A statement run once on each new connection, before it serves anyone.
    pub connect_query: Option<String>,
    /// How long connect, TLS and login may take together.
    pub timeout: Duration,
}

/// More places than one that serve the same database.
#[derive(Debug, Clone, Default)]
pub struct Others {
    /// Those besides the first.
    pub addresses: Vec<ServerAddress>,
    /// Whether each dial begins with the next place, instead of always with the first.
    pub take_turns: bool,
    /// Dials so far. Shared by the copies of a specification.
    pub dials: Arc<AtomicUsize>,
}

impl DialSpec {
    /// The places in the order in which this dial should try them. Each call is a dial.
    pub fn places(&self) -> Vec<&ServerAddress> {
        let mut places: Vec<_> =
            std::iter::once(&self.address).chain(&self.others.addresses).collect();
        if self.others.take_turns {
            let turn = self.others.dials.fetch_add(1, Ordering::Relaxed) % places.len();
            places.rotate_left(turn);
        }
        places
    }

    /// Whether connections of both go to the same database as the same role, so that those that
    /// are open may stay.
    #[must_use]
    pub fn reaches_the_same(&self, other: &Self) -> bool {
        self.address == other.address
            && self.others.addresses == other.others.addresses
            && self.database == other.database
            && self.user == other.user
            && self.parameters == other.parameters
            && self.connect_query == other.connect_query
    }
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ServerAddress {
    /// A host name or address, and a port.
    Tcp {
        /// Host name, or address without brackets. Also the name TLS verifies.
        host: String,
        /// 1 to 65535.
        port: u16,
    },
    /// The socket file itself, `/run/postgresql/.s.PGSQL.5432`.
    Unix(PathBuf),
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// How a role is proved to the server. Never shown: `Debug` names the kind only.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Credential {
    /// Nothing to prove (trust, peer, certificate).
    #[default]
    None,
    /// The clear password: answers any method.
    Password(String),
    /// The SCRAM keys a client's login revealed; they answer SCRAM of the same verifier only.
    ScramKeys(Box<PassedKeys>),
    /// A stored md5 hash (`md5` and 32 hexadecimal digits): answers md5 only.
    Md5(String),
}

/// Keys won from a client's login, and the verifier they belong to.
#[derive(Clone)]
pub struct PassedKeys {
    /// Prove the client, and check the server.
    pub keys: Keys,
    /// What the client proved itself against.
    pub verifier: Verifier,
}

/// One verifier has one pair of keys, so comparing verifiers is enough.
impl PartialEq for PassedKeys {
    fn eq(&self, other: &Self) -> bool {
        self.verifier.is_same(&other.verifier)
    }
}

impl Eq for PassedKeys {}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Password(_) => "Password(…)",
            Self::ScramKeys(_) => "ScramKeys(…)",
            Self::Md5(_) => "Md5(…)",
        })
    }
}

/// TLS towards a server: what is asked for and the prepared rustls configuration.
#[derive(Clone, Default)]
pub enum ServerTls {
    /// Plain text.
    #[default]
    Disable,
    /// Ask for TLS; go on in plain text when the server refuses.
    Prefer(Arc<rustls::ClientConfig>),
    /// TLS or nothing. What is verified is part of the configuration.
    Require(Arc<rustls::ClientConfig>),
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disable => "Disable",
            Self::Prefer(_) => "Prefer",
            Self::Require(_) => "Require",
        })
    }
}
