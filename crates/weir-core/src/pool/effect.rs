//! What goes into [`super::Pools`] and what comes out.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::dispatch::Explanation;
use crate::ids::{ClientId, DialId, PoolId, ServerId, Ticket};

/// The answer to a checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Checkout {
    /// The client holds this server connection now.
    Granted(ServerId),
    /// The client waits; a [`Effect::Grant`] or [`Effect::Refuse`] with this ticket follows,
    /// unless it is withdrawn.
    Queued(Ticket),
    /// The client gets nothing and does not wait.
    Refused(Refusal),
}

/// How a server connection comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// In order and outside a transaction: it may serve the next client at once.
    Reusable,
    /// Not to be used again: it is closed.
    Broken,
    /// A cancel request or a reset is under way: nobody gets it until
    /// [`super::Pools::settled`].
    Settling,
}

/// An error told by PostgreSQL or by the network, in words for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The SQLSTATE to pass on, for example `28P01` or `08001`.
    pub sqlstate: [u8; 5],
    /// One sentence: what failed, where.
    pub message: Arc<str>,
}

/// Why an attempt to connect failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialError {
    /// It may work later: refused, timed out, starting up, too many connections. Waiting clients
    /// keep their places.
    Transient(Fault),
    /// It will not work until somebody changes something: wrong password, no such database.
    /// Without any server connection, waiting clients are refused with this fault.
    Permanent(Fault),
}

impl DialError {
    /// The words of either kind.
    #[must_use]
    pub const fn fault(&self) -> &Fault {
        match self {
            Self::Transient(fault) | Self::Permanent(fault) => fault,
        }
    }
}

/// What a pool's slots were doing at one moment, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Server connections held by clients.
    pub active: u32,
    /// Server connections ready for use.
    pub idle: u32,
    /// Server connections being opened.
    pub dialling: u32,
    /// Server connections between uses: settling, being checked or closing.
    pub between: u32,
    /// Clients in the wait queue.
    pub waiting: u32,
    /// Most server connections the pool may have.
    pub size_max: u32,
}

/// Why a client gets no server connection.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The wait queue has its full length.
    #[error("{} clients already wait for a server connection, which is the limit", .0.waiting)]
    QueueFull(Counts),
    /// The client waited as long as the settings allow.
    #[error(
        "waited {waited:?} for a server connection ({ahead} ahead, {} of {} in use)",
        .counts.active, .counts.size_max
    )]
    WaitLimit {
        /// The time in the queue.
        waited: Duration,
        /// Clients that were still ahead in the queue.
        ahead: u32,
        /// The pool at that moment.
        counts: Counts,
        /// The last failure to connect, when the pool is still failing.
        fault: Option<Fault>,
    },
    /// The dispatch refused the client, so that others are served.
    #[error("{}", .0.why.sentence())]
    Overload(Box<Explanation>),
    /// PostgreSQL does not let this pool in, and it has no connection left.
    #[error("{}", .0.message)]
    Server(Fault),
    /// The pool was removed from the configuration.
    #[error("the pool was removed from the configuration")]
    Removed,
    /// The proxy is stopping and starts no transaction.
    #[error("the proxy is stopping")]
    Stopping,
}

/// Why a server connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// It came back broken.
    Broken,
    /// It reached the end of its lifetime.
    Lifetime,
    /// It was unused for too long.
    IdleTimeout,
    /// It failed its check before reuse.
    CheckFailed,
    /// Its check before reuse took too long.
    CheckTimeout,
    /// It did not settle in time.
    SettleTimeout,
    /// The pool or the budget became smaller.
    Surplus,
    /// A sibling pool needs the slot more.
    Lent,
    /// The pool is paused.
    Pause,
    /// It is older than the last RECONNECT.
    Reconnect,
    /// The database is about to be dropped.
    LetGo,
    /// The pool was removed.
    Removed,
    /// The proxy is stopping.
    Stopping,
    /// The attempt to open it had been given up before it succeeded.
    Abandoned,
}

/// What the worker has to do. Poll all of them after each input, and perform them in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A waiting client holds this server connection from now on.
    Grant {
        /// Its place in the queue, now used up.
        ticket: Ticket,
        /// The client.
        client: ClientId,
        /// What it holds.
        server: ServerId,
        /// How long it waited.
        waited: Duration,
    },
    /// A waiting client gets nothing.
    Refuse {
        /// Its place in the queue, now used up.
        ticket: Ticket,
        /// The client.
        client: ClientId,
        /// What to tell it.
        refusal: Refusal,
    },
    /// Open a server connection. Answer with `connected` or `dial_failed`, exactly once.
    Dial {
        /// The name of the attempt.
        dial: DialId,
        /// The pool it is for.
        pool: PoolId,
    },
    /// Give an attempt up. Its answer is still owed.
    AbandonDial {
        /// The name of the attempt.
        dial: DialId,
    },
    /// Close a server connection. Answer with `closed`.
    Close {
        /// The server connection.
        server: ServerId,
        /// The reason, for the log.
        why: CloseReason,
    },
    /// Try whether an idle server connection still answers. Answer with `checked`.
    Check {
        /// The server connection.
        server: ServerId,
    },
    /// A paused pool has no server connection left.
    Paused {
        /// The pool.
        pool: PoolId,
    },
    /// A removed pool is gone and its id free for another.
    Forgotten {
        /// The pool.
        pool: PoolId,
    },
    /// After `stop`, no server connection is left.
    Drained,
}
