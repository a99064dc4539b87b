//! Ending what a client holds without ending the client: rolling its idle transaction back,
//! cancelling its statement, closing the server connection under it. Who deserves it is decided
//! elsewhere; here is only what can be done.
//!
//! | call | frees the slot | the client |
//! | --- | --- | --- |
//! | [`Worker::evict`] | when ROLLBACK is answered | is in a failed transaction |
//! | [`Worker::cancel_held`] | if the statement was a transaction of its own | gets PostgreSQL's own error |
//! | [`Worker::close_held`] | at once; the next one needs a login | is in a failed transaction |

use weir_core::healing::{Holder as Held, ProbeEnd};
use weir_core::ids::ServerId;
use weir_core::pool::Release;
use weir_core::session::{Activity, Evicted, Notice, Session, Spared};

use crate::proxy::driver::Received;
use crate::proxy::worker::Worker;
use crate::proxy::worker::state::{Holder, Server};
use crate::proxy::worker::talk::After;

/// How much is read on to reach the end of the message that a slow client is in the middle of.
const READS_TO_MESSAGE_END: usize = 16;

impl Worker {
    /// Whether [`Self::evict`] would free this server connection.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn is_evictable(&self, id: ServerId) -> Result<(), Spared> {
        let (session, server) = self.held(id)?;
        let mode = self.homes[server.pool.0 as usize].target.session.mode;
        session.is_evictable(&server.state).and_then(|()| session.shares(&server.state, mode))
    }

    /// Rolls back the idle transaction (or COPY) that holds this server connection and gives the
    /// connection to the next one. The client stays connected and is told `notice` at each
    /// statement until it ends the transaction.
    ///
    /// # Errors
    /// Why it was left alone.
    pub(super) fn evict(&mut self, id: ServerId, notice: Notice) -> Result<(), Spared> {
        self.is_evictable(id)?;
        self.roll_back(id, notice)
    }

    /// The same, but a client whose session lives on its server connection keeps it.
    ///
    /// # Errors
    /// Why it was left alone.
    pub(super) fn roll_back(&mut self, id: ServerId, notice: Notice) -> Result<(), Spared> {
        let client = self.holder(id)?;
        let (why, held) = (notice.message.clone(), self.holding(id));
        let evicted = self
            .with_client(client, &[], After::SendAndBook, |session, cx| session.evict(cx, notice));
        match evicted {
            // The session answers with a fault only where a message of ours is too long.
            None | Some(Err(_)) => Err(Spared::NoTransaction),
            Some(Ok(Evicted::No(spared))) => Err(spared),
            Some(Ok(Evicted::InPlace)) => {
                self.log_eviction(client, held, &why);
                Ok(())
            }
            Some(Ok(Evicted::HandedOver(heir))) => {
                self.log_eviction(client, held, &why);
                self.detach(client);
                self.hand_over(id, heir);
                Ok(())
            }
        }
    }

    /// Cancels the statement that this server connection executes for its client. Until PostgreSQL
    /// has acknowledged it (by closing the connection that carried it) nothing else is sent there,
    /// neither this client's nor another's.
    ///
    /// # Errors
    /// Why it was left alone.
    pub(super) fn cancel_held(&mut self, id: ServerId) -> Result<(), Spared> {
        let (_, server) = self.held(id)?;
        if server.state.is_committing() {
            return Err(Spared::Committing);
        }
        match server.state.activity() {
            Activity::Executing => {
                self.cancel_statement(id, None);
                Ok(())
            }
            // PostgreSQL does not notice a cancel while it waits for COPY data.
            Activity::CopyIn | Activity::Idle | Activity::IdleInTransaction => {
                Err(Spared::NotExecuting)
            }
        }
    }

    /// Closes this server connection under its client, which is told `notice`: for what a cancel
    /// does not end.
    ///
    /// # Errors
    /// Why it was left alone.
    pub(super) fn close_held(&mut self, id: ServerId, notice: Notice) -> Result<(), Spared> {
        let client = self.holder(id)?;
        let (session, server) = self.held(id)?;
        let mode = self.homes[server.pool.0 as usize].target.session.mode;
        session.is_abandonable(&server.state, mode)?;
        self.read_to_message_end(id, client)?;
        let (why, held) = (notice.message.clone(), self.holding(id));
        let abandoned =
            self.with_client(client, &[], After::Send, |session, cx| session.abandon(cx, notice));
        // The session answers with a fault only where a message of ours is too long.
        let Some(Ok(abandoned)) = abandoned else { return Err(Spared::NoClient) };
        abandoned?;
        self.log_eviction(client, held, &why);
        if let Some(server) = self.servers.get_mut(id.0) {
            server.holder = Holder::Nobody;
        }
        self.detach(client);
        self.drop_server(id.0, "closed under its client");
        Ok(())
    }

    /// Passes on the rest of the message that the client has been sent in part, if PostgreSQL has
    /// sent it.
    fn read_to_message_end(&mut self, id: ServerId, client: u32) -> Result<(), Spared> {
        for _ in 0..READS_TO_MESSAGE_END {
            let Some(server) = self.servers.get_mut(id.0) else { return Err(Spared::NoClient) };
            let left = server.state.message_left();
            if left == 0 {
                return Ok(());
            }
            let Received::Bytes(chunk) = server.socket.receive(&mut self.driver) else { break };
            // What comes behind it is not for anybody any more.
            self.client_reply(client, &chunk[..left.min(chunk.len())]);
            self.driver.give_back(chunk);
        }
        match self.servers.get(id.0) {
            Some(server) if server.state.message_left() == 0 => Ok(()),
            Some(_) | None => Err(Spared::MidReply),
        }
    }

    /// The client that has this server connection.
    fn holder(&self, id: ServerId) -> Result<u32, Spared> {
        match self.servers.get(id.0).map(|server| &server.holder) {
            Some(Holder::Client(client)) => Ok(*client),
            Some(Holder::Ghost { .. } | Holder::Nobody) | None => Err(Spared::NoClient),
        }
    }

    fn held(&self, id: ServerId) -> Result<(&Session, &Server), Spared> {
        let client = self.clients.get(self.holder(id)?).ok_or(Spared::NoClient)?;
        let server = self.servers.get(id.0).ok_or(Spared::NoClient)?;
        Ok((&client.session, server))
    }

    /// The client has no server connection any more.
    fn detach(&mut self, at: u32) {
        self.probe_ended(at, ProbeEnd::Gone);
        let Some(client) = self.clients.get_mut(at) else { return };
        client.server = None;
        client.blocked = false;
        // What it has said meanwhile is answered from now on.
        self.resumes.push_back(at);
    }

    /// A session without a client puts the server connection in order.
    fn hand_over(&mut self, id: ServerId, heir: Box<Session>) {
        if let Some(server) = self.servers.get_mut(id.0) {
            server.holder = Holder::Ghost { session: heir, check: false };
            server.blocked = false;
        }
        self.pools.release(self.now, id, Release::Settling);
        let asked = self.with_ghost(id.0, |session, cx| session.take_over(cx));
        self.flush_from_ghost(id.0, &[]);
        if let Some(Ok(ask)) = asked {
            self.server_asks(id.0, ask);
        }
        self.perform_effects();
    }

    /// What was ended, and what was lost with it; `holder` as it was before.
    fn log_eviction(&self, at: u32, holder: Option<Held>, why: &str) {
        let Some(client) = self.clients.get(at) else { return };
        let database = &self.homes[client.pool.0 as usize].key.database;
        let (work, doing) = holder.map(|held| (held.work, held.doing)).unzip();
        tracing::info!(
            client = %client.address,
            user = %client.user(),
            %database,
            ?work,
            ?doing,
            "{why}"
        );
    }
}
