//! What login threads and workers say to each other.
//!
//! Login threads hand over finished connections; workers ask for new ones. Nothing else crosses.

use std::fmt;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use tokio::sync::oneshot;
use weir_core::console::{Hit, Intervention, Means, Serial, Snapshot};
use weir_core::ids::DialId;
use weir_core::session::Spared;

use crate::proxy::admission::ClientSlot;
use crate::proxy::endpoint::Endpoint;
use crate::proxy::target::{DialSpec, PoolKey, ServerAddress, ServerTls, Target};

/// What a worker receives.
#[derive(Debug)]
pub enum ToWorker {
    /// A client that logged in.
    Admit(Box<Admitted>),
    /// A dial that succeeded.
    Dialled(Box<Dialled>),
    /// A dial that failed.
    DialFailed {
        /// The attempt it answers.
        dial: DialId,
        /// Why.
        failure: DialFailure,
    },
    /// A client's cancel request arrived on a connection of its own.
    Cancel(CancelRequest),
    /// A reload, or a changed password: the pool, if it exists, goes on with this target. `None`
    /// when its database is not configured any more.
    Reconfigure {
        /// The pool.
        pool: PoolKey,
        /// What it is made of now.
        target: Option<Arc<Target>>,
    },
    /// A server's name stands for other addresses than before.
    Moved {
        /// The server as configured.
        address: ServerAddress,
        /// Where its name leads now.
        sockets: Arc<[SocketAddr]>,
    },
    /// A cancel that this worker asked for has been delivered, or could not be.
    Cancelled {
        /// The token of [`FromWorker::Cancel`].
        token: u64,
    },
    /// The console or a metric asks what is here.
    Inspect {
        /// How much.
        detail: Detail,
        /// Who asks.
        answer: oneshot::Sender<Snapshot>,
    },
    /// Whoever accepts clients accepts no more: another process takes over.
    CloseDoors,
    /// An operator's command.
    Command(Command),
}

/// How much of a worker is asked for.
pub use weir_core::console::Needs as Detail;

/// An operator's command to a worker. What names no database is about all of them, those whose
/// pools are made later included.
#[derive(Debug)]
pub enum Command {
    /// Grant nothing any more; done when every server connection of these pools is closed.
    Pause {
        /// The database name clients use; all when `None`.
        database: Option<String>,
        /// Answered when that is so; dropped when the pause ends before.
        done: oneshot::Sender<()>,
    },
    /// Grant again.
    Resume {
        /// The database name clients use; all when `None`.
        database: Option<String>,
    },
    /// Close every server connection as soon as it is released.
    Reconnect {
        /// The database name clients use; all when `None`.
        database: Option<String>,
    },
    /// Close all clients and servers of these pools at once, and pause them.
    Kill {
        /// The database name clients use; all when `None`.
        database: Option<String>,
    },
    /// Close one client, by the number that the console shows.
    KillClient {
        /// Its number.
        client: Serial,
        /// Answered with whether there was such a client.
        found: oneshot::Sender<bool>,
    },
    /// An order to the healing ladder.
    Heal {
        /// What.
        order: Arc<Intervention>,
        /// Only say what would happen.
        dry_run: bool,
        /// Answered with whom it hit, would hit, or spares.
        answer: oneshot::Sender<Vec<Hit>>,
    },
    /// End what a client or a server connection is busy with, by the number that the console shows.
    End {
        /// Its number.
        id: Serial,
        /// How.
        means: Means,
        /// Answered with why it was not done, if so.
        done: oneshot::Sender<Result<(), Undone>>,
    },
    /// Start no transaction, let those under way end, close everything, end the thread.
    Stop {
        /// How long transactions may take; zero closes at once.
        grace: Duration,
    },
}

/// Why [`Command::End`] was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undone {
    /// There is no such connection, or it is busy with nothing.
    Unknown,
    /// It was left alone.
    Spared(Spared),
}

/// What a worker asks of the login threads.
#[derive(Debug)]
pub enum FromWorker {
    /// Open a server connection; answered by `Dialled` or `DialFailed`.
    Dial {
        /// The worker to answer.
        worker: usize,
        /// Names the attempt in the answer.
        dial: DialId,
        /// Where and as whom.
        spec: Arc<DialSpec>,
    },
    /// Nobody uses the pool any more; its worker has forgotten it.
    Forgotten {
        /// The pool.
        pool: PoolKey,
    },
    /// Send a cancel request to a server and wait until it closes that connection (that is when
    /// the cancel has been delivered); answered by `Cancelled`.
    Cancel {
        /// The worker to answer.
        worker: usize,
        /// Names the request in the answer.
        token: u64,
        /// TLS as for that server's connections.
        tls: ServerTls,
        /// Whose statement, and where.
        key: ServerKey,
    },
}

/// A client that has proved who it is, on its way from a login thread to a worker.
///
/// The worker sends the rest of the login in one go: the [prelude](Self::prelude), parameter
/// statuses, key data and the first `ReadyForQuery`.
#[derive(Debug)]
pub struct Admitted<S = OwnedFd> {
    /// The socket, non-blocking.
    pub socket: S,
    /// TLS state when the client speaks TLS.
    pub tls: Option<Box<rustls::ServerConnection>>,
    /// Plain bytes that were read behind the login.
    pub leftover: Vec<u8>,
    /// Messages that end the login, not sent yet: `AuthenticationOk`, and with SCRAM the server's
    /// proof before it.
    pub prelude: Vec<u8>,
    /// Which pool serves it.
    pub pool: PoolKey,
    /// Its place among the clients, under the user that it proved to be; dropping it lets another
    /// in.
    pub slot: ClientSlot,
    /// How that pool is made, should it not exist yet.
    pub target: Arc<Target>,
    /// Startup parameters that are settings (`application_name`, `TimeZone`, `options` unpacked
    /// into pairs), in the order they came.
    pub parameters: Vec<(String, String)>,
    /// Where it comes from.
    pub address: Endpoint,
    /// The protocol's minor version as negotiated: 0, or 2 (long cancel keys).
    pub minor_version: u16,
}

impl<S> Admitted<S> {
    /// The same with another form of its socket, and the socket as it was.
    #[must_use]
    pub fn swap<T>(self, socket: T) -> (Admitted<T>, S) {
        let swapped = Admitted {
            socket,
            tls: self.tls,
            leftover: self.leftover,
            prelude: self.prelude,
            pool: self.pool,
            slot: self.slot,
            target: self.target,
            parameters: self.parameters,
            address: self.address,
            minor_version: self.minor_version,
        };
        (swapped, self.socket)
    }
}

/// A server connection that is logged in, has run its connect query, and is idle.
#[derive(Debug)]
pub struct Dialled {
    /// The attempt it answers.
    pub dial: DialId,
    /// The socket, non-blocking.
    pub socket: OwnedFd,
    /// TLS state when the server speaks TLS.
    pub tls: Option<Box<rustls::ClientConnection>>,
    /// Plain bytes that were read behind `ReadyForQuery`: a notice or a parameter that changed.
    pub leftover: Vec<u8>,
    /// The process id and secret for cancel requests.
    pub key: ServerKey,
    /// What the server reported at login, in order.
    pub parameters: Vec<(String, String)>,
}

/// Names a backend to cancel. The secret is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerKey {
    /// Process id of the backend.
    pub pid: i32,
    /// The secret that proves the right to cancel, 4 to 256 bytes.
    pub secret: Vec<u8>,
    /// The server it belongs to.
    pub at: Reached,
}

/// Where a server connection leads. A name may have many addresses, and a cancel must go to the
/// very machine that the connection leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// As configured; TLS verifies its name.
    pub address: ServerAddress,
    /// What the name stood for when the connection was opened; `None` for Unix sockets.
    pub socket: Option<SocketAddr>,
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerKey").field("pid", &self.pid).finish_non_exhaustive()
    }
}

/// Why a dial failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialFailure {
    /// What to tell people: where, what, what to do.
    pub message: String,
    /// The server's SQLSTATE, or one of ours (`08001`, `08006`).
    pub sqlstate: [u8; 5],
    /// Trying again will not help (wrong password, no such database).
    pub permanent: bool,
}

/// A client's cancel request: the key data it was given.
#[derive(Debug)]
pub struct CancelRequest {
    /// The process id we gave the client.
    pub pid: i32,
    /// The secret we gave the client.
    pub secret: Vec<u8>,
    /// Dropped when the cancel has been delivered or found void. The login thread keeps the
    /// client's cancel connection open until then, as PostgreSQL does.
    pub done: oneshot::Sender<()>,
}

/// A worker's letter box: login threads put, the worker takes all at once.
///
/// Bounded by what fills it: clients by the client limit, dials by the budget, cancels by
/// [`weir_core::config::limits::CANCELS_QUEUED`].
#[derive(Debug, Clone)]
pub struct Mailbox {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    letters: Mutex<Vec<ToWorker>>,
    bell: OwnedFd,
}

impl Mailbox {
    /// Makes an empty box.
    ///
    /// # Errors
    /// When the process has no descriptor left for the bell.
    pub fn new() -> std::io::Result<Self> {
        let bell = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Self { inner: Arc::new(Inner { letters: Mutex::default(), bell }) })
    }

    /// Puts a letter and wakes the worker.
    pub fn put(&self, letter: ToWorker) {
        let first = {
            let mut letters = self.inner.letters.lock().unwrap_or_else(PoisonError::into_inner);
            letters.push(letter);
            letters.len() == 1
        };
        if first {
            // The counter cannot overflow: the worker empties it each time it takes letters.
            let _ = rustix::io::write(&self.inner.bell, &1_u64.to_ne_bytes());
        }
    }

    /// Takes all letters into `into`, which must be empty, and silences the bell.
    pub fn take(&self, into: &mut Vec<ToWorker>) {
        let _ = rustix::io::read(&self.inner.bell, &mut [0_u8; 8]);
        let mut letters = self.inner.letters.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *letters, into);
    }

    /// The descriptor that becomes readable when a letter is there.
    #[must_use]
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.inner.bell.as_fd()
    }
}
