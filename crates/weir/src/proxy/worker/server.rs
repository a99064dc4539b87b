//! A server connection's bytes, and the end of a lease.

use weir_core::config::limits::{PIPELINE_REQUESTS, SERVER_READS_PER_TURN};
use weir_core::healing::ProbeEnd;
use weir_core::ids::ServerId;
use weir_core::pool::Release;
use weir_core::session::{Ask, Fault, Step};

use crate::proxy::driver::{Readiness, Received};
use crate::proxy::worker::Worker;
use crate::proxy::worker::state::{Holder, Server};
use crate::proxy::worker::talk::After;

impl Server {
    /// Its client has asked for so much that it is not listened to for now.
    pub(super) fn has_long_pipeline(&self) -> bool {
        self.state.awaited() > PIPELINE_REQUESTS
    }
}

impl Worker {
    #[inline]
    pub(super) fn server_ready(&mut self, at: u32, event: Readiness) {
        if event.drained {
            self.unblock_client(at);
        }
        self.pump_server(at);
    }

    /// Reads the client again when its server connection has taken what was sent and is not too
    /// far behind.
    #[inline]
    pub(super) fn unblock_client(&mut self, at: u32) {
        if let Some(server) = self.servers.get(at)
            && let Holder::Client(at) = server.holder
            && let Some(client) = self.clients.get_mut(at)
            && client.blocked
            && !server.cancelling
            && server.socket.unsent_len(&self.driver) == 0
            && !server.has_long_pipeline()
        {
            client.blocked = false;
            self.resumes.push_back(at);
        }
    }

    /// Reads and relays what the server has sent, until its client must catch up or nothing is
    /// left.
    pub(super) fn pump_server(&mut self, at: u32) {
        for _ in 0..SERVER_READS_PER_TURN {
            let Some(server) = self.servers.get_mut(at) else { return };
            if server.blocked {
                return;
            }
            match server.socket.receive(&mut self.driver) {
                Received::Bytes(chunk) => {
                    if server.parked.is_empty() {
                        self.server_chunk(at, &chunk);
                    } else {
                        self.parked_and_server(at, &chunk);
                    }
                    let (came, last) = (chunk.len(), chunk.is_last());
                    self.driver.give_back(chunk);
                    self.follow_up(at);
                    self.perform_effects();
                    if last {
                        return self.pace(at, came);
                    }
                }
                Received::Nothing => return self.pace(at, 0),
                Received::End => return self.server_lost(at),
            }
        }
        self.again_servers.push(at);
    }

    /// Does what waited for what has come now.
    #[inline]
    fn follow_up(&mut self, at: u32) {
        let Some(server) = self.servers.get(at) else { return };
        let held = matches!(server.holder, Holder::Client(_));
        if server.cancel_later.is_some() {
            self.cancel_now(at);
        }
        if held {
            self.unblock_client(at);
        }
    }

    /// Offers to the session what came, and parks what it does not take.
    #[inline]
    fn server_chunk(&mut self, at: u32, chunk: &[u8]) {
        let taken = self.server_input(at, chunk);
        if let Some(left) = chunk.get(taken..).filter(|left| !left.is_empty())
            && let Some(server) = self.servers.get_mut(at)
        {
            server.parked.extend_from_slice(left);
        }
    }

    /// The same with what is parked before it.
    #[inline(never)]
    fn parked_and_server(&mut self, at: u32, chunk: &[u8]) {
        let Some(server) = self.servers.get_mut(at) else { return };
        let mut whole = std::mem::take(&mut server.parked);
        whole.extend_from_slice(chunk);
        let taken = self.server_input(at, &whole);
        whole.drain(..taken.min(whole.len()));
        if let Some(server) = self.servers.get_mut(at).filter(|_| !whole.is_empty()) {
            server.parked = whole;
        }
    }

    /// Offers bytes to the session that has the server connection. Returns how many were taken.
    /// Always inlined, because it is most of what a server's chunk is.
    #[inline(always)]
    fn server_input(&mut self, at: u32, input: &[u8]) -> usize {
        let mut taken = 0;
        while taken < input.len() {
            let rest = &input[taken..];
            let Some(server) = self.servers.get(at) else { return input.len() };
            let outcome = match server.holder {
                Holder::Client(client) => self.client_reply(client, rest),
                Holder::Ghost { .. } => self.ghost_reply(at, rest),
                Holder::Nobody => match server.state.idle_bytes(rest) {
                    Some(count) => return taken + count,
                    None => {
                        self.server_lost(at);
                        return input.len();
                    }
                },
            };
            let Some(step) = outcome else { return input.len() };
            match step {
                Ok(step) => {
                    taken += step.taken;
                    let again = self.server_asks(at, step.ask);
                    if step.ask != Ask::Release {
                        self.book(at);
                    }
                    if !again {
                        return taken;
                    }
                }
                Err(fault) => {
                    tracing::error!(%fault, "a server connection broke the protocol");
                    self.lose_server(at, &fault.to_string());
                    return input.len();
                }
            }
        }
        taken
    }

    #[inline]
    pub(super) fn client_reply(
        &mut self,
        client: u32,
        input: &[u8],
    ) -> Option<Result<Step, Fault>> {
        self.with_client(client, input, After::Send, |session, cx| session.server_bytes(cx, input))
    }

    fn ghost_reply(&mut self, at: u32, input: &[u8]) -> Option<Result<Step, Fault>> {
        let step = self.with_ghost(at, |session, cx| session.server_bytes(cx, input))?;
        self.flush_from_ghost(at, input);
        Some(step)
    }

    /// Sends what a call without a client left for the server; what it left for a client goes
    /// nowhere.
    pub(super) fn flush_from_ghost(&mut self, at: u32, input: &[u8]) {
        if let Some(server) = self.servers.get_mut(at)
            && !self.desk.to_server.is_empty()
        {
            server.socket.send(&mut self.driver, self.desk.to_server.bytes(input));
        }
        self.desk.to_server.clear();
        self.desk.to_client.clear();
        self.desk.let_go.clear();
    }

    /// Does what a session asked after a reply. Returns whether the rest of the input is to be
    /// offered again.
    #[inline]
    pub(super) fn server_asks(&mut self, at: u32, ask: Ask) -> bool {
        if ask == Ask::Release {
            self.give_back(at);
            return true;
        }
        ask != Ask::Nothing && self.server_asks_more(at, ask)
    }

    #[inline(never)]
    fn server_asks_more(&mut self, at: u32, ask: Ask) -> bool {
        match ask {
            Ask::Nothing | Ask::Checkout | Ask::Release => false,
            Ask::Resume => {
                if let Some(Holder::Client(client)) = self.servers.get(at).map(|s| &s.holder) {
                    self.resumes.push_back(*client);
                }
                true
            }
            Ask::Close(_) => {
                let Some(server) = self.servers.get(at) else { return false };
                match server.holder {
                    Holder::Client(client) => self.close_client(client, "session over"),
                    Holder::Ghost { .. } | Holder::Nobody => self.drop_server(at, "session over"),
                }
                true
            }
            Ask::Discard => {
                self.lose_server(at, "");
                false
            }
        }
    }

    /// A lease has ended in good order.
    fn give_back(&mut self, at: u32) {
        let Some(server) = self.servers.get_mut(at) else { return };
        let id = ServerId(at);
        match std::mem::replace(&mut server.holder, Holder::Nobody) {
            Holder::Client(client) => {
                self.probe_ended(client, ProbeEnd::Released);
                if let Some(state) = self.clients.get_mut(client) {
                    state.server = None;
                    if std::mem::take(&mut state.blocked) || !state.parked.is_empty() {
                        self.resumes.push_back(client);
                    }
                }
            }
            Holder::Ghost { mut session, check } => {
                session.end(&mut self.shared);
                if check {
                    self.pools.checked(self.now, id, true);
                    return;
                }
            }
            Holder::Nobody => return,
        }
        self.settle_or_release(at);
    }

    /// Gives the slot to the next one, unless a cancel request is still on its way.
    pub(super) fn settle_or_release(&mut self, at: u32) {
        let Some(server) = self.servers.get_mut(at) else { return };
        let id = ServerId(at);
        server.blocked = false;
        server.cancel_later = None;
        let active = self.pools.is_held(id);
        if server.cancelling {
            server.settling = true;
            if active {
                self.pools.release(self.now, id, Release::Settling);
            }
            self.book(at);
        } else if active {
            self.pools.release(self.now, id, Release::Reusable);
        } else {
            self.pools.settled(self.now, id);
        }
    }
}
