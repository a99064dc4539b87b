//! Cancel requests.
//!
//! A cancel names a backend, not a statement. So from the moment one is sent until PostgreSQL has
//! closed the connection it was sent on, the slot is given to nobody: it can never hit another
//! client's statement. Nor is anything more sent there for the same client: it can hit only what
//! was under way when it was asked for.

use std::collections::HashMap;

use tokio::sync::oneshot;
use weir_core::ids::ServerId;
use weir_core::session::Activity;
use weir_wire::error::SqlState;

use crate::proxy::mail::{CancelRequest, FromWorker};
use crate::proxy::worker::arrival::place_of;
use crate::proxy::worker::state::{Cancelled, Holder};
use crate::proxy::worker::{Worker, notice};

/// Cancels that are on their way: at most one for each server connection.
#[derive(Debug, Default)]
pub(super) struct Cancels {
    under_way: HashMap<u64, UnderWay>,
    next: u64,
}

#[derive(Debug)]
struct UnderWay {
    server: u32,
    /// The server connection it was for is gone.
    void: bool,
    /// The client that asked, waiting on a connection of its own.
    asker: Option<oneshot::Sender<()>>,
}

impl Worker {
    /// A client wants its statement cancelled. A wrong key is ignored, as PostgreSQL does.
    pub(super) fn cancel_asked(&mut self, request: CancelRequest) {
        let at = place_of(request.pid);
        let Some(client) = self.clients.get_mut(at) else { return };
        if !same(client.secret.bytes(), &request.secret) {
            return;
        }
        self.homes[client.pool.0 as usize].traffic.cancels += 1;
        if let Some(ticket) = client.ticket {
            client.ticket = None;
            if self.pools.withdraw(self.now, ticket) {
                let notice = notice::plain(
                    SqlState::QUERY_CANCELED,
                    "canceling statement due to user request",
                );
                self.refuse(at, &notice);
                self.resume_client(at);
            } else if let Some(client) = self.clients.get_mut(at) {
                // It is being granted at this moment: the cancel came a moment too early.
                client.ticket = Some(ticket);
            }
            return;
        }
        if let Some(server) = client.server {
            self.cancel_statement(server, Some(request.done));
        }
    }

    /// Cancels what a server connection executes, if it executes anything.
    pub(super) fn cancel_statement(&mut self, id: ServerId, asker: Option<oneshot::Sender<()>>) {
        let Some(server) = self.servers.get_mut(id.0) else { return };
        let busy = matches!(server.state.activity(), Activity::Executing | Activity::CopyIn);
        if !busy || server.cancelling {
            return;
        }
        if server.state.is_ours() {
            // It would hit the client's settings or its BEGIN, and leave the statement unharmed.
            server.cancel_later = Some(asker);
            return;
        }
        server.cancelling = true;
        let statement = server.state.statement_since();
        server.cancelled = Some(Cancelled { statement, sent: self.now });
        if let Holder::Client(client) = server.holder
            && let Some(client) = self.clients.get_mut(client)
        {
            // What it sends now might be hit by the cancel in place of what is meant.
            client.blocked = true;
        }
        let dial = &self.homes[server.pool.0 as usize].target.dial;
        let token = self.cancels.next;
        self.cancels.next += 1;
        let under_way = UnderWay { server: id.0, void: false, asker };
        self.cancels.under_way.insert(token, under_way);
        // The login threads outlive the workers.
        let _ = self.requests.send(FromWorker::Cancel {
            worker: self.options.index,
            token,
            tls: dial.tls.clone(),
            key: server.key.clone(),
        });
    }

    /// Sends the cancel that waited for what we had asked ourselves.
    pub(super) fn cancel_now(&mut self, at: u32) {
        if let Some(server) = self.servers.get_mut(at)
            && server.cancel_later.is_some()
            && !server.state.is_ours()
            && let Some(asker) = server.cancel_later.take()
        {
            self.cancel_statement(ServerId(at), asker);
        }
    }

    /// A cancel has arrived, or never will: the slot is free if it was released meanwhile.
    pub(super) fn cancel_delivered(&mut self, token: u64) {
        let Some(under_way) = self.cancels.under_way.remove(&token) else { return };
        if under_way.void {
            return;
        }
        let Some(server) = self.servers.get_mut(under_way.server) else { return };
        server.cancelling = false;
        if std::mem::take(&mut server.settling) {
            self.pools.settled(self.now, ServerId(under_way.server));
        }
        self.unblock_client(under_way.server);
    }

    /// A client asked for the cancel that is on its way to this server connection.
    pub(super) fn is_cancelled_by_client(&self, at: u32) -> bool {
        let mut under_way = self.cancels.under_way.values();
        under_way.any(|cancel| cancel.server == at && cancel.asker.is_some())
    }

    /// A server connection is gone: cancels for it have nothing to settle any more.
    pub(super) fn forget_cancel(&mut self, at: u32) {
        for under_way in self.cancels.under_way.values_mut() {
            under_way.void |= under_way.server == at;
        }
    }
}

/// Compares secrets without telling by its duration where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (x, y)| differ | (x ^ y)) == 0
}
