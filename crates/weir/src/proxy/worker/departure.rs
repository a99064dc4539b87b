//! Clients and server connections that go.

use weir_core::healing::ProbeEnd;
use weir_core::ids::{PoolId, ServerId};
use weir_core::pool::{Release, State};
use weir_core::session::{Activity, Ask, Fault, Notice, Session};
use weir_core::time::Instant;
use weir_wire::build;
use weir_wire::error::{Report, SqlState};

use crate::proxy::worker::state::{Client, Holder, Home};
use crate::proxy::worker::talk::After;
use crate::proxy::worker::{Worker, notice};

impl Worker {
    /// Closes a client that broke the protocol; it is told how.
    pub(super) fn close_client_for(&mut self, at: u32, fault: &Fault) {
        let text = fault.to_string();
        self.log_error(at, fault.sqlstate(), &text);
        let report = Report::fatal(fault.sqlstate(), &text);
        self.tell(at, &report);
        self.close_client(at, &text);
    }

    /// Tells a client why, and closes it.
    pub(super) fn farewell(&mut self, at: u32, notice: &Notice) {
        self.log_error(at, notice.sqlstate, &notice.message);
        self.tell(at, &notice.report(true));
        self.close_client(at, &notice.message);
    }

    /// Closes those clients of a pool that is no more.
    pub(super) fn dismiss(&mut self, pool: PoolId, which: impl Fn(&Client) -> bool) {
        let going =
            |(at, client): (u32, &Client)| (client.pool == pool && which(client)).then_some(at);
        let going: Vec<u32> = self.clients.iter().filter_map(going).collect();
        for at in going {
            self.farewell(at, &notice::removed());
        }
    }

    /// Closes a client. What it was told is still sent; its server connection, if it has one, is
    /// put in order by its session, which goes on without it.
    pub(super) fn close_client(&mut self, at: u32, why: &str) {
        self.probe_ended(at, ProbeEnd::Gone);
        let Some(client) = self.clients.get(at).filter(|client| client.ticket.is_some()) else {
            return self.close_served(at, why);
        };
        self.count_deserter(client);
        if let Some(ticket) = self.clients.get_mut(at).and_then(|client| client.ticket.take())
            && !self.pools.withdraw(self.now, ticket)
        {
            // Its grant is among the effects already; they find that it is gone.
        }
        self.close_served(at, why);
    }

    fn close_served(&mut self, at: u32, why: &str) {
        let Some(client) = self.clients.get_mut(at) else { return };
        let (server, pool) = (client.server, client.pool);
        log_goodbye(client, &self.homes[pool.0 as usize], self.now, why);
        // Asked before the session adds what cleans the connection: that is not to be cancelled.
        let busy = server.and_then(|id| self.servers.get(id.0)).is_some_and(|server| {
            matches!(server.state.activity(), Activity::Executing | Activity::CopyIn)
        });
        let asked = server
            .map(|_| self.with_client(at, &[], After::Keep, |session, cx| session.client_gone(cx)));
        if let (Some(id), Some(server)) = (server, server.and_then(|id| self.servers.get_mut(id.0)))
        {
            server.socket.send(&mut self.driver, self.desk.to_server.bytes(&[]));
            server.blocked = false;
            if busy {
                self.cancel_statement(id, None);
            }
        }
        self.desk.to_server.clear();
        self.desk.to_client.clear();
        self.homes[pool.0 as usize].clients -= 1;
        let Some(client) = self.clients.remove(at) else { return };
        let Client { session, socket, .. } = client;
        socket.close_by(&mut self.driver, self.now + self.options.linger);
        match (server, asked.flatten()) {
            (Some(id), Some(Ok(ask))) => self.bequeath(id, session, ask),
            (server, _) => {
                self.end_session(session);
                if let Some(id) = server {
                    self.drop_server(id.0, "client left in the middle of a message");
                }
            }
        }
        self.perform_effects();
    }

    /// The client's session goes on with the server connection, without the client.
    fn bequeath(&mut self, id: ServerId, session: Session, ask: Ask) {
        if let Some(server) = self.servers.get_mut(id.0) {
            server.holder = Holder::Ghost { session: Box::new(session), check: false };
        }
        match ask {
            Ask::Release => {
                self.server_asks(id.0, Ask::Release);
            }
            Ask::Discard => self.drop_server(id.0, "client left in the middle of a message"),
            Ask::Nothing | Ask::Checkout | Ask::Resume | Ask::Close(_) => {
                self.pools.release(self.now, id, Release::Settling);
                // Not at once: the caller may be in the middle of what this server has sent.
                self.again_servers.push(id.0);
            }
        }
    }

    fn end_session(&mut self, mut session: Session) {
        session.end(&mut self.shared);
    }

    /// The server has closed its connection.
    pub(super) fn server_lost(&mut self, at: u32) {
        let Some(server) = self.servers.take(at) else { return };
        self.count_victim(&server);
        server.socket.close(&mut self.driver);
        let idle = self.pools.server(ServerId(at)).map(|view| view.state);
        if idle == Some(State::Closing) {
            self.pools.closed(self.now, ServerId(at));
        } else {
            self.pools.lost(self.now, ServerId(at));
        }
        self.forget_cancel(at);
        if server.state.is_mid_message() {
            // The client would take our words for the rest of that message.
            return self.end_holder_quietly(server.holder);
        }
        self.end_holder(server.holder, &notice::server_lost());
    }

    /// Closes a server connection that cannot be used any more, and its client with it.
    pub(super) fn drop_server(&mut self, at: u32, why: &str) {
        let Some(mut server) = self.servers.take(at) else { return };
        let mut goodbye = Vec::new();
        build::terminate(&mut goodbye);
        server.socket.send(&mut self.driver, &goodbye);
        server.socket.close(&mut self.driver);
        let id = ServerId(at);
        self.pools.release(self.now, id, Release::Broken);
        self.pools.checked(self.now, id, false);
        self.pools.closed(self.now, id);
        self.forget_cancel(at);
        if !why.is_empty() {
            tracing::debug!(backend = server.key.pid, "server connection closed: {why}");
        }
        if why.is_empty() || server.state.is_mid_message() {
            self.end_holder_quietly(server.holder);
        } else {
            self.end_holder(server.holder, &notice::server_lost());
        }
    }

    fn end_holder(&mut self, holder: Holder, notice: &Notice) {
        match holder {
            Holder::Client(at) => {
                if let Some(client) = self.clients.get_mut(at) {
                    client.server = None;
                }
                self.farewell(at, notice);
            }
            Holder::Ghost { session, .. } => self.end_session(*session),
            Holder::Nobody => {}
        }
        self.perform_effects();
    }

    /// The client has had the server's own words, or half a message that nothing can follow.
    fn end_holder_quietly(&mut self, holder: Holder) {
        match holder {
            Holder::Client(at) => {
                if let Some(client) = self.clients.get_mut(at) {
                    client.server = None;
                }
                self.close_client(at, "server closed the connection");
            }
            Holder::Ghost { session, .. } => self.end_session(*session),
            Holder::Nobody => {}
        }
        self.perform_effects();
    }

    pub(super) fn discard_client_server(&mut self, at: u32) {
        let server = self.clients.get(at).and_then(|client| client.server);
        match server {
            Some(id) => self.drop_server(id.0, ""),
            None => self.close_client(at, "session over"),
        }
    }

    fn tell(&mut self, at: u32, report: &Report<'_>) {
        let server = self.clients.get(at).and_then(|client| client.server);
        if server.and_then(|id| self.servers.get(id.0)).is_some_and(|s| s.state.is_mid_message()) {
            return;
        }
        if let Some(client) = self.clients.get_mut(at) {
            let mut words = Vec::new();
            build::error_response(&mut words, report);
            client.socket.send(&mut self.driver, &words);
        }
    }

    /// Logs an error that a client gets and that no server sent.
    pub(super) fn log_error(&self, at: u32, sqlstate: SqlState, message: &str) {
        let Some(client) = self.clients.get(at) else { return };
        let home = &self.homes[client.pool.0 as usize];
        if home.target.care.log_errors {
            tracing::info!(
                client = %client.address,
                user = %client.user(),
                database = %home.key.database,
                %sqlstate,
                "error: {message}"
            );
        }
    }
}

fn log_goodbye(client: &Client, home: &Home, now: Instant, why: &str) {
    if home.target.care.log_disconnections {
        tracing::info!(
            client = %client.address,
            user = %client.user(),
            database = %home.key.database,
            age_s = now.since(client.connected).as_secs(),
            "disconnected: {why}"
        );
    }
}
