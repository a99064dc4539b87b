//! Eviction: a transaction that waits for its client is rolled back and its server connection goes
//! to others, while the client stays connected, in a transaction that has failed.

use std::rc::Rc;

use thiserror::Error;
use weir_wire::build;

use crate::session::marks::Marks;
use crate::session::server::{Activity, Hidden, Reply, ServerState, Suspects};
use crate::session::settings::PoolMode;
use crate::session::state::{Context, Fault, Local, Notice, Pins, Session, Skip};

/// Why a transaction keeps its server connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Spared {
    /// There is nothing to roll back.
    #[error("no transaction is open on it")]
    NoTransaction,
    /// The server works on something.
    #[error("a statement is under way: it can only be cancelled")]
    Executing,
    /// Nothing runs that could be cancelled.
    #[error("no statement is under way")]
    NotExecuting,
    /// COMMIT or PREPARE TRANSACTION was sent: whether it took place could not be told.
    #[error("its COMMIT is under way")]
    Committing,
    /// Nothing can be said to the server in the middle of a message.
    #[error("its client has sent half a message")]
    Halfway,
    /// Nothing else can be said to a client that has been sent half a message.
    #[error("its client has been sent half a message")]
    MidReply,
    /// The server connection is the client's until it leaves.
    #[error("the pool is in session mode: the server connection is its client's until it leaves")]
    SessionMode,
    /// The client has session state on its server connection.
    #[error("its client keeps it, or may have to, because of session state")]
    Pinned,
    /// No client has the server connection.
    #[error("no client has it")]
    NoClient,
}

/// What became of an eviction.
#[derive(Debug)]
pub enum Evicted {
    /// Nothing.
    No(Spared),
    /// The server connection is this session's now; [`Session::take_over`] makes it roll back
    /// there and give the connection back.
    HandedOver(Box<Session>),
    /// The client keeps its server connection, because it has session state there; the
    /// transaction is being rolled back.
    InPlace,
}

impl Session {
    /// Whether `server` would be free once the transaction is over. Not if the transaction may have
    /// left session state there, such as an advisory lock, which outlives ROLLBACK.
    ///
    /// # Errors
    /// Why not.
    pub fn shares(&self, server: &ServerState, mode: PoolMode) -> Result<(), Spared> {
        let suspects = server.lease.suspects;
        if mode == PoolMode::Session {
            Err(Spared::SessionMode)
        } else if !self.pins.is_empty() || suspects.has(Suspects::STATE | Suspects::OTHER) {
            Err(Spared::Pinned)
        } else {
            Ok(())
        }
    }

    /// Whether [`Self::evict`] can end what `server` does for this client.
    ///
    /// # Errors
    /// Why not.
    pub fn is_evictable(&self, server: &ServerState) -> Result<(), Spared> {
        if server.is_committing() {
            return Err(Spared::Committing);
        }
        match server.activity() {
            Activity::Idle => Err(Spared::NoTransaction),
            Activity::Executing => Err(Spared::Executing),
            // Something was sent behind the COPY.
            Activity::CopyIn if server.replies.len() != 1 => Err(Spared::Executing),
            Activity::CopyIn | Activity::IdleInTransaction if self.rest.left > 0 => {
                Err(Spared::Halfway)
            }
            Activity::CopyIn | Activity::IdleInTransaction => Ok(()),
        }
    }

    /// Ends the client's idle transaction without ending its connection. What is in the outboxes
    /// afterwards is to be sent before anything else is done.
    ///
    /// # Errors
    /// Never in practice: what is sent is short.
    pub fn evict(&mut self, cx: &mut Context<'_>, notice: Notice) -> Result<Evicted, Fault> {
        let Some(server) = cx.server.as_deref() else {
            return Ok(Evicted::No(Spared::NoTransaction));
        };
        if let Err(why) = self.is_evictable(server) {
            return Ok(Evicted::No(why));
        }
        if server.lease.marks.has(Marks::COPY_IN)
            && let Err(why) = self.shares(server, cx.settings.mode)
        {
            return Ok(Evicted::No(why));
        }
        let explicit = server.is_in_block();
        self.give_local_replies(cx, &[])?;
        let Some(server) = cx.server.as_deref() else {
            return Ok(Evicted::No(Spared::NoTransaction));
        };
        let front = server.replies.first().copied();
        let told = server.lease.marks.has(Marks::SKIPPING);
        // A COPY and the transaction of a pipeline fail here and now, an open block at its next
        // statement.
        let now = front.is_some() || !explicit;
        if now && !told {
            build::error_response(cx.to_client.own(&[]), &notice.report(false));
        }
        if explicit {
            self.local = Local::evicted(notice);
        }
        if front == Some(Reply::Query) {
            build::ready_for_query(cx.to_client.own(&[]), self.local_status());
        } else if now || told {
            self.skip = Skip::UntilSync;
        }
        if self.stays(cx.settings.mode) {
            self.roll_back_in_place(cx, explicit)?;
            return Ok(Evicted::InPlace);
        }
        Ok(Evicted::HandedOver(Box::new(self.heir(cx))))
    }

    /// A session without a client that puts this one's server connection in order.
    fn heir(&self, cx: &Context<'_>) -> Self {
        let mut heir = Self::new(Rc::clone(&self.overrides));
        heir.gone = true;
        if cx.server.as_deref().is_some_and(|server| server.lease.suspects.any()) {
            heir.pins.insert(Pins::OTHER);
        }
        heir
    }

    fn roll_back_in_place(&mut self, cx: &mut Context<'_>, explicit: bool) -> Result<(), Fault> {
        let Some(server) = cx.server.as_deref_mut() else { return Ok(()) };
        let out = cx.to_server.own(&[]);
        if server.lease.marks.has(Marks::UNSYNCED) {
            server.fail_pipeline(out)?;
            server.sync(out, Reply::Hidden(Hidden::Ready));
        }
        if explicit {
            server.send_hidden(out, b"ROLLBACK", Hidden::Rollback)?;
        }
        Ok(())
    }
}
