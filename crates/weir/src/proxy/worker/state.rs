//! What a worker knows of each pool, client and server connection.

use std::sync::Arc;

use tokio::sync::oneshot;
use weir_core::console::{Serial, Traffic};
use weir_core::ids::{PoolId, ServerId, Ticket};
use weir_core::ledger::{Caller, Histogram};
use weir_core::session::{OverrideSet, ServerState, Session, Tally, Welcome};
use weir_core::time::Instant;

use crate::incident::Reporter;
use crate::proxy::admission::ClientSlot;
use crate::proxy::driver::Kind;
use crate::proxy::endpoint::Endpoint;
use crate::proxy::mail::ServerKey;
use crate::proxy::target::{DialSpec, PoolKey, Target};
use crate::proxy::worker::lending::Lent;
use crate::proxy::worker::socket::Socket;
use crate::proxy::worker::totals::Told;

/// What a worker is started with.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// Its index among the workers, 0 to 63.
    pub index: usize,
    /// Keys the hashes of statement texts.
    pub seed: u64,
    /// How many workers there are.
    pub workers: usize,
    /// It keeps a ledger.
    pub ledger: bool,
    /// Where incidents are kept.
    pub incidents: Reporter,
    /// The driver it runs on.
    pub driver: Kind,
    /// How long connections that are being closed may take to send what is left.
    pub linger: std::time::Duration,
}

/// A pool's place in the worker: what the pools of `weir_core` need not know.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) key: PoolKey,
    pub(super) target: Arc<Target>,
    /// This worker's part of it, where other workers serve it, too.
    pub(super) lent: Option<Lent>,
    pub(super) tally: Tally,
    pub(super) traffic: Traffic,
    /// How long checkouts waited.
    pub(super) waits: Histogram,
    /// What its servers report at login; known after the first one.
    pub(super) welcome: Option<Welcome>,
    /// Serial numbers of the classes that the pool has been told of, by class.
    pub(super) introduced: Vec<u64>,
    /// Clients connected.
    pub(super) clients: u32,
    /// What the next client shares if it asks for the same.
    pub(super) latest: Option<Latest>,
    /// The last failure to connect has been logged.
    pub(super) failing: bool,
    /// What the log has been told.
    pub(super) told: Told,
    /// When it was last seen with a client or a server connection.
    pub(super) deserted: Instant,
    /// Where its servers are and what their database is called, as the console shows them.
    pub(super) place: Place,
}

/// The client that came last.
#[derive(Debug)]
pub(super) struct Latest {
    pub(super) user: Arc<str>,
    /// The settings of its startup packet, as they came.
    pub(super) parameters: Vec<(String, String)>,
    /// The same for its session.
    pub(super) startup: OverrideSet,
    /// What it calls itself.
    pub(super) application: Arc<str>,
    /// Whose its statements are.
    pub(super) caller: Caller,
}

/// A target in words.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) address: Arc<str>,
    pub(super) database: Arc<str>,
}

impl Place {
    pub(super) fn of(target: &Target) -> Self {
        let DialSpec { address, database, .. } = &*target.dial;
        Self { address: address.to_string().into(), database: database.as_str().into() }
    }
}

/// Somebody who waits for PAUSE to be complete.
#[derive(Debug)]
pub(super) struct Pauser {
    /// The pools that are not paused yet.
    pub(super) pools: Vec<PoolId>,
    pub(super) done: oneshot::Sender<()>,
}

/// How far a client has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has logged in and waits to be greeted.
    Greeting,
    /// It talks.
    Live,
}

/// A client connection.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: Serial,
    pub(super) session: Session,
    pub(super) socket: Socket,
    pub(super) stage: Stage,
    pub(super) pool: PoolId,
    pub(super) server: Option<ServerId>,
    /// Its place in the wait queue.
    pub(super) ticket: Option<Ticket>,
    /// The server it had last, for rotation.
    pub(super) last_server: Option<ServerId>,
    /// What its session has not taken yet.
    pub(super) parked: Vec<u8>,
    /// Its server connection does not take more bytes now.
    pub(super) blocked: bool,
    /// Proves a cancel request.
    pub(super) secret: Secret,
    pub(super) address: Endpoint,
    pub(super) application: Arc<str>,
    /// Whose its statements are when they do not say so themselves.
    pub(super) caller: Caller,
    /// A hash of the person it asks for, where a tag says so; else 0.
    pub(super) end_user: u32,
    pub(super) connected: Instant,
    /// When it last sent something.
    pub(super) active: Instant,
    pub(super) waiting_since: Instant,
    /// It knows that it waits.
    pub(super) told_to_wait: bool,
    /// Its right to be connected, given back when it goes.
    pub(super) slot: ClientSlot,
}

impl Client {
    /// Who it proved to be.
    pub(super) fn user(&self) -> &Arc<str> {
        self.slot.user()
    }
}

/// What a client was given to prove a cancel request with.
#[derive(Debug)]
pub(super) enum Secret {
    /// For version 3.0 of the protocol, which has room for four bytes.
    Short([u8; 4]),
    /// For version 3.2.
    Long(Box<[u8; 32]>),
}

impl Secret {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Short(bytes) => bytes,
            Self::Long(bytes) => &**bytes,
        }
    }
}

/// Who has a server connection.
#[derive(Debug)]
pub(super) enum Holder {
    /// It is idle in its pool.
    Nobody,
    /// A client.
    Client(u32),
    /// A session without a client puts it in order, or checks it.
    Ghost { session: Box<Session>, check: bool },
}

/// A server connection.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) id: Serial,
    pub(super) state: ServerState,
    pub(super) socket: Socket,
    pub(super) pool: PoolId,
    pub(super) holder: Holder,
    /// What its session has not taken yet.
    pub(super) parked: Vec<u8>,
    /// Its client does not take more bytes now.
    pub(super) blocked: bool,
    /// A cancel request for it is on its way: its slot is given to nobody until it has arrived.
    pub(super) cancelling: bool,
    /// A cancel that waits until the server works on what its client asked.
    pub(super) cancel_later: Option<Option<oneshot::Sender<()>>>,
    /// It is released and waits for the cancel to arrive.
    pub(super) settling: bool,
    pub(super) key: ServerKey,
    pub(super) opened: Instant,
    pub(super) leased: Instant,
    /// PostgreSQL said at the login that its role is a superuser.
    pub(super) superuser: bool,
    /// Bytes that went through in either direction since then.
    pub(super) relayed: usize,
    /// It is read at a pace once so many bytes have gone through.
    pub(super) paced_from: usize,
    /// It is read when its pause is over.
    pub(super) paced: bool,
    /// When the statement began that has been cancelled for its time limit.
    pub(super) timed_out: Option<Instant>,
    /// The last cancel that was sent to it.
    pub(super) cancelled: Option<Cancelled>,
}

/// A cancel that was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cancelled {
    /// When the statement began that it was meant for.
    pub(super) statement: Instant,
    pub(super) sent: Instant,
}
