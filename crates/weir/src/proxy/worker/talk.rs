//! Calls of sessions: what each may touch, and what it leaves to be sent. A transaction is four of
//! them, so client, server connection and pool are looked up once for all that one call entails.

use weir_core::config::limits::{CLIENT_BUFFER_BYTES, SERVER_BUFFER_BYTES};
use weir_core::ids::ServerId;
use weir_core::ledger::Scribe;
use weir_core::session::{Context, Session};

use crate::proxy::driver::Driver;
use crate::proxy::worker::book::phase;
use crate::proxy::worker::state::{Client, Holder, Home, Server};
use crate::proxy::worker::{Desk, Worker};

/// What follows a call of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// Nothing: what it left stays in the outboxes.
    Keep,
    /// What it left is sent.
    Send,
    /// The same, and what the server connection does now is booked.
    SendAndBook,
}

impl Worker {
    /// Calls a client's session with everything it may touch, and sends what it leaves, unless
    /// it names databases that are to be [let go](Desk::let_go) before. `input` is that of the
    /// call. Always inlined, so that what follows a call is only what it may leave.
    #[inline(always)]
    pub(super) fn with_client<R>(
        &mut self,
        at: u32,
        input: &[u8],
        after: After,
        call: impl FnOnce(&mut Session, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let client = self.clients.get_mut(at)?;
        let home = self.homes.get_mut(client.pool.0 as usize)?;
        let mut server = client.server.and_then(|id| self.servers.get_mut(id.0));
        let mut cx = Context {
            now: self.now,
            settings: &home.target.session,
            shared: &mut self.shared,
            server: server.as_mut().map(|server| &mut server.state),
            to_client: &mut self.desk.to_client,
            to_server: &mut self.desk.to_server,
            tally: &mut home.tally,
            scribe: Scribe {
                ledger: self.pools.ledger_mut(),
                caller: Some(&mut client.caller),
                server: client.server,
            },
            let_go: &mut self.desk.let_go,
        };
        let answer = call(&mut client.session, &mut cx);
        if after == After::Keep || !self.desk.let_go.is_empty() {
            return Some(answer);
        }
        let driver = &mut self.driver;
        if !self.desk.to_server.is_empty() {
            self.desk.send_to_server(driver, client, server.as_deref_mut(), input);
        }
        if !self.desk.to_client.is_empty() {
            self.desk.send_to_client(driver, (client, home), server.as_deref_mut(), input);
        }
        if after == After::SendAndBook
            && let (Some(id), Some(phase)) = (client.server, server.as_deref().and_then(phase))
        {
            self.pools.ledger_mut().enter(self.now, id, phase);
        }
        Some(answer)
    }

    /// Calls the session without a client that puts a server connection in order.
    pub(super) fn with_ghost<R>(
        &mut self,
        at: u32,
        call: impl FnOnce(&mut Session, &mut Context<'_>) -> R,
    ) -> Option<R> {
        let server = self.servers.get_mut(at)?;
        let home = self.homes.get_mut(server.pool.0 as usize)?;
        let Holder::Ghost { session, .. } = &mut server.holder else { return None };
        let mut cx = Context {
            now: self.now,
            settings: &home.target.session,
            shared: &mut self.shared,
            server: Some(&mut server.state),
            to_client: &mut self.desk.to_client,
            to_server: &mut self.desk.to_server,
            tally: &mut home.tally,
            scribe: Scribe {
                ledger: self.pools.ledger_mut(),
                caller: None,
                server: Some(ServerId(at)),
            },
            let_go: &mut self.desk.let_go,
        };
        Some(call(session, &mut cx))
    }
}

impl Desk {
    /// A client that is not listened to for now is read again when its server connection has
    /// taken what was sent.
    #[inline]
    fn send_to_server(
        &mut self,
        driver: &mut Driver,
        client: &mut Client,
        server: Option<&mut Server>,
        input: &[u8],
    ) {
        if let Some(server) = server {
            let bytes = self.to_server.bytes(input);
            server.relayed += bytes.len();
            let unsent = server.socket.send(driver, bytes);
            client.blocked =
                is_behind(unsent, server, SERVER_BUFFER_BYTES) || server.has_long_pipeline();
        }
        self.to_server.clear();
    }

    /// A server connection is not read while its client does not take what it is sent.
    #[inline]
    fn send_to_client(
        &mut self,
        driver: &mut Driver,
        (client, home): (&mut Client, &mut Home),
        server: Option<&mut Server>,
        input: &[u8],
    ) {
        let bytes = self.to_client.bytes(input);
        home.traffic.sent += bytes.len() as u64;
        let unsent = client.socket.send(driver, bytes);
        if let Some(server) = server {
            server.relayed += bytes.len();
            server.blocked |= is_behind(unsent, server, CLIENT_BUFFER_BYTES);
        }
        self.to_client.clear();
    }
}

/// With so many bytes unsent, a peer is not sent more for now. Small messages are gathered up to
/// `most`, so that nobody waits for the peer; of a large transfer nothing is, because every byte
/// would be copied there for nothing.
#[inline]
fn is_behind(unsent: usize, server: &Server, most: usize) -> bool {
    unsent > 0 && (unsent > most || server.relayed > most)
}
