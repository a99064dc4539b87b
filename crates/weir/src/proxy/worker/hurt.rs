//! Clients that do not get what they came for: what they are told, and who counts them.

use std::time::Duration;

use weir_core::pool::Refusal;
use weir_core::session::{Activity, Notice};

use crate::proxy::worker::state::{Client, Holder, Server};
use crate::proxy::worker::{Worker, notice};

/// Whoever leaves after waiting for so long has given up; before, it may have changed its mind.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(1);

impl Worker {
    /// What a client is told that gets no server connection. It is counted with its user.
    pub(super) fn refusal(&self, at: u32, refusal: &Refusal) -> Notice {
        let Some(client) = self.clients.get(at) else { return notice::refusal(refusal, None) };
        let home = self.homes.get(client.pool.0 as usize);
        let console = home.and_then(|home| home.target.care.console.as_deref());
        let mut notice = notice::refusal(refusal, console);
        match refusal {
            Refusal::QueueFull(_)
            | Refusal::WaitLimit { .. }
            | Refusal::Overload(_)
            | Refusal::Server(_) => {}
            Refusal::Removed | Refusal::Stopping => return notice,
        }
        let incidents = &self.options.incidents;
        incidents.refused(client.end_user);
        if let Some(top) = self.pools.ledger().top_holder(client.pool) {
            notice.detail.push_str(&format!(" {top}"));
        }
        if let Some(open) = incidents.open() {
            notice.detail.push_str(&format!(" {}.", open.line));
            if let Some(console) = console {
                notice.hint.push_str(&notice::incident_hint(&open.id.0, console));
            }
        }
        notice
    }

    /// A client that leaves while it waits may have given up.
    pub(super) fn count_deserter(&self, client: &Client) {
        if self.now.since(client.waiting_since) >= GIVEN_UP_AFTER {
            self.options.incidents.failed(client.end_user);
        }
    }

    /// PostgreSQL took a server connection away, or spoke nonsense on it.
    pub(super) fn lose_server(&mut self, at: u32, why: &str) {
        if let Some(server) = self.servers.get(at) {
            self.count_victim(server);
        }
        self.drop_server(at, why);
    }

    /// A server connection broke; whoever was in the middle of something has lost it.
    pub(super) fn count_victim(&self, server: &Server) {
        let Holder::Client(at) = server.holder else { return };
        if server.state.activity() != Activity::Idle {
            let user = self.clients.get(at).map_or(0, |client| client.end_user);
            self.options.incidents.failed(user);
        }
    }
}
