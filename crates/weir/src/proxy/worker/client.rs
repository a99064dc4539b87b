//! A client's bytes: read, offered to its session, relayed, parked.

use weir_core::config::limits::{CLIENT_BUFFER_BYTES, CLIENT_READS_PER_TURN, PACED_REPLY_BYTES};
use weir_core::healing::ProbeEnd;
use weir_core::ids::{ClientId, ServerId};
use weir_core::ledger::{Mark, Scribe};
use weir_core::pool::{Checkout, Claim, Refusal};
use weir_core::session::{Ask, Step};
use weir_core::time::Instant;

use crate::proxy::driver::{Driver, Readiness, Received};
use crate::proxy::worker::Worker;
use crate::proxy::worker::state::{Client, Holder, Home, Server, Stage};
use crate::proxy::worker::talk::After;

/// Empty buffers kept, and how large each may be. Whoever waits for a slot needs one for a moment,
/// and most statements are short.
const SPARES_MAX: usize = 256;
const SPARE_BYTES: usize = 4096;

impl Worker {
    #[inline]
    pub(super) fn client_ready(&mut self, at: u32, event: Readiness) {
        if event.hangup || event.drained {
            self.client_changed(at, event);
        } else {
            self.pump_client(at);
        }
    }

    /// There is more news of a client than that it may be read.
    fn client_changed(&mut self, at: u32, event: Readiness) {
        let Some(client) = self.clients.get(at) else { return };
        let waiting = client.ticket.is_some();
        if event.drained
            && let Some(id) = client.server
        {
            self.unblock_server(id);
        }
        let Some(client) = self.clients.get(at) else { return };
        if waiting && event.hangup {
            self.close_client(at, "client left while it waited");
        } else if event.broken && !client.may_speak(&self.driver) {
            // It is not read now, so its end would not be.
            self.close_client(at, "client is gone");
        } else if event.drained {
            self.resume_client(at);
        } else {
            self.pump_client(at);
        }
    }

    /// Reads and relays what the client has sent, until it must wait or nothing is left.
    pub(super) fn pump_client(&mut self, at: u32) {
        for _ in 0..CLIENT_READS_PER_TURN {
            let Some(client) = self.clients.get_mut(at) else { return };
            if !client.may_speak(&self.driver) {
                return;
            }
            match client.socket.receive(&mut self.driver) {
                Received::Bytes(chunk) => {
                    client.active = self.now;
                    self.homes[client.pool.0 as usize].traffic.received += chunk.len() as u64;
                    if client.parked.is_empty() {
                        self.client_chunk(at, &chunk);
                    } else {
                        self.parked_and(at, &chunk);
                    }
                    let last = chunk.is_last();
                    self.driver.give_back(chunk);
                    if last {
                        return;
                    }
                }
                Received::Nothing => return,
                Received::End => return self.close_client(at, "client closed the connection"),
            }
        }
        // Level the field: the driver does not repeat its news, so the rest is read next turn.
        self.again.push(at);
    }

    /// Offers what is parked to the client's session, then goes on reading.
    pub(super) fn resume_client(&mut self, at: u32) {
        if self.clients.get(at).is_some_and(|client| client.may_speak(&self.driver)) {
            self.offer_parked(at);
        }
    }

    /// The same when the client has just been given what it asked for.
    pub(super) fn offer_parked(&mut self, at: u32) {
        let Some(client) = self.clients.get_mut(at) else { return };
        if !client.parked.is_empty() {
            self.parked_and(at, &[]);
        }
        self.pump_client(at);
    }

    /// Offers to the client's session what came, and parks what it does not take.
    #[inline]
    fn client_chunk(&mut self, at: u32, chunk: &[u8]) {
        let taken = self.client_input(at, chunk);
        if taken < chunk.len()
            && let Some(client) = self.clients.get_mut(at)
        {
            client.parked = self.spares.pop().unwrap_or_default();
            client.parked.extend_from_slice(&chunk[taken..]);
        }
    }

    /// The same with what is parked before it.
    #[inline(never)]
    fn parked_and(&mut self, at: u32, chunk: &[u8]) {
        let Some(client) = self.clients.get_mut(at) else { return };
        let mut whole = std::mem::take(&mut client.parked);
        whole.extend_from_slice(chunk);
        let taken = self.client_input(at, &whole);
        whole.drain(..taken);
        if let Some(client) = self.clients.get_mut(at).filter(|_| !whole.is_empty()) {
            client.parked = whole;
        } else if self.spares.len() < SPARES_MAX && whole.capacity() <= SPARE_BYTES {
            whole.clear();
            self.spares.push(whole);
        }
    }

    /// Offers bytes to the client's session and does what it asks. Returns how many it took. Always
    /// inlined, because it is most of what a client's chunk is.
    #[inline(always)]
    fn client_input(&mut self, at: u32, input: &[u8]) -> usize {
        let mut taken = 0;
        match self.anticipate(at, input) {
            Next::Again => {}
            Next::Wait => return 0,
            Next::Over => return input.len(),
        }
        loop {
            let rest = &input[taken..];
            let step = self.with_client(at, rest, After::SendAndBook, |session, cx| {
                // What came before a fault is complete, and its replies are awaited.
                session.client_bytes(cx, rest)
            });
            let Some(step) = step else { return input.len() };
            if !self.desk.let_go.is_empty() {
                self.let_go(at, rest);
            }
            let step = match step {
                Ok(step) => step,
                Err(fault) => {
                    self.close_client_for(at, &fault);
                    return input.len();
                }
            };
            taken += step.taken;
            match self.client_asks(at, step) {
                Next::Again => {}
                Next::Wait => return taken,
                Next::Over => return input.len(),
            }
        }
    }

    #[inline]
    fn client_asks(&mut self, at: u32, step: Step) -> Next {
        if step.ask == Ask::Nothing { Next::Wait } else { self.client_asks_more(at, step.ask) }
    }

    #[inline(never)]
    fn client_asks_more(&mut self, at: u32, ask: Ask) -> Next {
        match ask {
            Ask::Nothing | Ask::Resume => Next::Wait,
            Ask::Release => {
                if let Some(id) = self.clients.get(at).and_then(|client| client.server) {
                    self.server_asks(id.0, Ask::Release);
                }
                Next::Again
            }
            Ask::Checkout => self.checkout_asked(at),
            Ask::Close(_) => {
                self.close_client(at, "session over");
                Next::Over
            }
            Ask::Discard => {
                self.discard_client_server(at);
                Next::Over
            }
        }
    }

    /// Gets a client what it is about to ask for, so that its bytes need not be walked twice.
    #[inline]
    fn anticipate(&mut self, at: u32, input: &[u8]) -> Next {
        let Some(client) = self.clients.get_mut(at) else { return Next::Over };
        if client.server.is_some() {
            return Next::Again;
        }
        let settings = &self.homes[client.pool.0 as usize].target.session;
        let mut scribe = Scribe {
            ledger: self.pools.ledger_mut(),
            caller: Some(&mut client.caller),
            server: None,
        };
        let statements = &mut self.shared.statements;
        match client.session.foresee(settings, statements, &mut scribe, input) {
            Some(mark) => self.checkout(at, mark),
            None => Next::Again,
        }
    }

    /// The session has asked for a server connection.
    fn checkout_asked(&mut self, at: u32) -> Next {
        let Some(client) = self.clients.get_mut(at) else { return Next::Over };
        let mark = client
            .session
            .take_claim()
            .unwrap_or_else(|| self.pools.ledger_mut().unread(&mut client.caller));
        self.checkout(at, mark)
    }

    fn checkout(&mut self, at: u32, mark: Mark) -> Next {
        let Some(client) = self.clients.get_mut(at) else { return Next::Over };
        let (pool, class) = (client.pool, mark.class);
        client.end_user = mark.user;
        self.introduce(pool, class);
        if self.has_quarantines() && self.turned_away(at, pool, mark) {
            return Next::Again;
        }
        let Some(client) = self.clients.get_mut(at) else { return Next::Over };
        let affinity = client.last_server;
        let claim = Claim { client: ClientId(at), class, affinity, user: mark.user };
        match self.pools.checkout(self.now, pool, claim) {
            Checkout::Granted(id) => {
                let home = &mut self.homes[pool.0 as usize];
                home.waits.record_nanos(0);
                link(self.now, (at, client, home), (id, self.servers.get_mut(id.0)));
                self.probe_granted(at);
                Next::Again
            }
            Checkout::Queued(ticket) => {
                client.ticket = Some(ticket);
                client.waiting_since = self.now;
                client.told_to_wait = false;
                Next::Wait
            }
            Checkout::Refused(refusal) => self.checkout_refused(at, &refusal),
        }
    }

    #[cold]
    fn checkout_refused(&mut self, at: u32, refusal: &Refusal) -> Next {
        let notice = self.refusal(at, refusal);
        if matches!(refusal, Refusal::Removed | Refusal::Stopping) {
            self.farewell(at, &notice);
            return Next::Over;
        }
        self.refuse(at, &notice);
        Next::Again
    }

    /// Tells the client that its request was refused.
    pub(super) fn refuse(&mut self, at: u32, notice: &weir_core::session::Notice) {
        self.log_error(at, notice.sqlstate, &notice.message);
        self.probe_ended(at, ProbeEnd::Gone);
        self.with_client(at, &[], After::Send, |session, cx| session.refused(cx, notice));
    }

    /// A client that waited has this server connection from now on.
    pub(super) fn link(&mut self, at: u32, id: ServerId) {
        let Some(client) = self.clients.get_mut(at) else { return };
        let home = &mut self.homes[client.pool.0 as usize];
        link(self.now, (at, client, home), (id, self.servers.get_mut(id.0)));
        self.probe_granted(at);
    }

    /// The client has taken what was sent: its server connection is read again.
    fn unblock_server(&mut self, id: ServerId) {
        if let Some(server) = self.servers.get_mut(id.0)
            && std::mem::take(&mut server.blocked)
        {
            self.book(id.0);
            self.pump_server(id.0);
        }
    }

    /// Closes idle connections to databases that are about to be dropped or copied, then sends
    /// what a call on behalf of this client left in the outboxes.
    fn let_go(&mut self, at: u32, input: &[u8]) {
        // What is to be sent is set aside: what follows from the closing may send something, too.
        let mut desk = std::mem::take(&mut self.desk);
        for name in desk.let_go.drain(..) {
            let pools: Vec<_> = self.pools.pools().collect();
            for pool in pools {
                let home = &mut self.homes[pool.0 as usize];
                if home.target.dial.database.as_bytes() == &*name {
                    // Whether it is there is for the server to say to whoever comes next.
                    home.welcome = None;
                    self.pools.let_go_idle(self.now, pool);
                }
            }
        }
        self.perform_effects();
        self.desk = desk;
        self.with_client(at, input, After::SendAndBook, |_, _| ());
    }
}

/// The client has this server connection from now on.
#[inline]
fn link(
    now: Instant,
    (at, client, home): (u32, &mut Client, &mut Home),
    (id, server): (ServerId, Option<&mut Server>),
) {
    client.server = Some(id);
    client.last_server = Some(id);
    client.ticket = None;
    home.traffic.assignments += 1;
    if let Some(server) = server {
        server.holder = Holder::Client(at);
        server.leased = now;
        server.relayed = 0;
        server.paced_from = PACED_REPLY_BYTES;
        server.paced = false;
        server.timed_out = None;
        server.state.lend(now);
    }
}

impl Client {
    /// What it says can be dealt with now. One that does not read its answers is not listened to:
    /// they would pile up.
    fn may_speak(&self, driver: &Driver) -> bool {
        self.stage == Stage::Live
            && self.ticket.is_none()
            && !self.blocked
            && self.socket.unsent_len(driver) <= CLIENT_BUFFER_BYTES
    }
}

/// What a client's input loop does next.
enum Next {
    /// Offer the rest.
    Again,
    /// Park the rest.
    Wait,
    /// There is no client any more.
    Over,
}
