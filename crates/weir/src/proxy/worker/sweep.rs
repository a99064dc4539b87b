//! Time limits, looked at ten times a second instead of by a timer for each statement.

use std::time::Duration;

use weir_core::ids::ServerId;
use weir_core::session::{Activity, Notice, SessionSettings};
use weir_core::time::Instant;
use weir_wire::error::SqlState;

use crate::proxy::worker::state::{Holder, Server, Stage};
use crate::proxy::worker::{Worker, notice};

/// How much longer than its limit a statement may take that was cancelled. One whose client does
/// not read its answer does not even notice the cancel.
const CANCEL_GRACE: Duration = Duration::from_secs(3);

/// What a time limit demands of a leased server connection.
enum Overdue {
    /// Cancel what it executes.
    Cancel(u32),
    /// Give its client up: the cancel has not helped.
    GiveUp(u32),
    /// Roll back for its client, which is told at its next statement.
    Evict(u32, Notice),
}

impl Worker {
    pub(super) fn sweep(&mut self) {
        let overdue: Vec<Overdue> = self
            .servers
            .iter()
            .filter_map(|(at, server)| {
                let settings = &self.homes[server.pool.0 as usize].target.session;
                self.overdue(at, server, settings)
            })
            .collect();
        for item in overdue {
            match item {
                Overdue::Cancel(at) => {
                    if let Some(server) = self.servers.get_mut(at) {
                        server.timed_out = Some(server.state.statement_since());
                    }
                    self.cancel_statement(ServerId(at), None);
                }
                Overdue::GiveUp(client) => self.farewell(client, &does_not_end()),
                Overdue::Evict(at, notice) => {
                    // One that is spared now is looked at again in the next sweep.
                    let _ = self.roll_back(ServerId(at), notice);
                }
            }
        }
        self.sweep_clients();
        self.heal();
        self.driver.sweep(self.now);
        self.chores();
        self.perform_effects();
    }

    fn overdue(&self, at: u32, server: &Server, limits: &SessionSettings) -> Option<Overdue> {
        let Holder::Client(client) = server.holder else { return None };
        let state = &server.state;
        let past = |since: Instant, limit: Option<Duration>| {
            limit.filter(|limit| self.now.since(since) >= *limit)
        };
        match state.activity() {
            Activity::Idle => None,
            Activity::Executing | Activity::CopyIn => {
                let cancelled = server.timed_out == Some(state.statement_since());
                let add = |limit: Option<Duration>| {
                    limit.map(|limit| if cancelled { limit + CANCEL_GRACE } else { limit })
                };
                past(state.statement_since(), add(limits.statement_timeout))
                    .or(past(state.transaction_since(), add(limits.transaction_timeout)))
                    .map(|_| if cancelled { Overdue::GiveUp(client) } else { Overdue::Cancel(at) })
            }
            Activity::IdleInTransaction => {
                let idle =
                    past(state.ready_since(), limits.idle_transaction_timeout).map(idle_too_long);
                let long = || {
                    past(state.transaction_since(), limits.transaction_timeout).map(open_too_long)
                };
                idle.or_else(long).map(|notice| Overdue::Evict(at, notice))
            }
        }
    }

    fn sweep_clients(&mut self) {
        if self.homes.iter().any(|home| home.target.session.client_idle_timeout.is_some()) {
            self.close_idle_clients();
        }
        self.stop_idle_clients();
        self.sweep_newcomers();
    }

    fn close_idle_clients(&mut self) {
        let idle: Vec<u32> = self
            .clients
            .iter()
            .filter(|(_, client)| {
                let limit = self.homes[client.pool.0 as usize].target.session.client_idle_timeout;
                client.stage == Stage::Live
                    && client.server.is_none()
                    && client.ticket.is_none()
                    && limit.is_some_and(|limit| self.now.since(client.active) >= limit)
            })
            .map(|(at, _)| at)
            .collect();
        for at in idle {
            let text = "terminating connection due to idle client timeout";
            self.farewell(at, &notice::plain(SqlState::IDLE_SESSION_TIMEOUT, text));
        }
    }

    /// While stopping: clients go as soon as they are outside a transaction, all at the end of
    /// the grace.
    pub(super) fn stop_idle_clients(&mut self) {
        let Some(deadline) = self.stopping else { return };
        let late = self.now >= deadline;
        let going: Vec<u32> = self
            .clients
            .iter()
            .filter(|(_, client)| late || (client.server.is_none() && client.session.is_idle()))
            .map(|(at, _)| at)
            .collect();
        for at in going {
            self.farewell(at, &notice::stopping());
        }
        if late {
            let servers: Vec<u32> = self.servers.iter().map(|(at, _)| at).collect();
            servers.into_iter().for_each(|at| self.drop_server(at, "stopping"));
        }
    }

    /// Nothing is left to do.
    pub(super) fn is_done(&self) -> bool {
        self.stopping.is_some()
            && self.clients.is_empty()
            && self.newcomers.is_empty()
            && self.servers.is_empty()
            && self.driver.is_idle()
    }
}

fn does_not_end() -> Notice {
    Notice {
        sqlstate: SqlState::QUERY_CANCELED,
        message: "terminating connection: its statement did not end when its time was over".into(),
        detail: "The statement was cancelled, without effect.".into(),
        hint: "Read results as they come; a client that does not holds up its statement.".into(),
    }
}

fn idle_too_long(limit: Duration) -> Notice {
    Notice {
        sqlstate: SqlState::IDLE_IN_TRANSACTION_TIMEOUT,
        message: format!(
            "transaction rolled back: it waited for its client longer than {:.1} s",
            limit.as_secs_f64()
        ),
        detail: "Its server connection is used by others; this connection lives on.".into(),
        hint: "ROLLBACK, then repeat the transaction without waiting inside it.".into(),
    }
}

fn open_too_long(limit: Duration) -> Notice {
    Notice {
        sqlstate: SqlState::TRANSACTION_TIMEOUT,
        message: format!(
            "transaction rolled back: it was open longer than {:.1} s",
            limit.as_secs_f64()
        ),
        detail: "Its server connection is used by others; this connection lives on.".into(),
        hint: "ROLLBACK, then repeat the work in shorter transactions.".into(),
    }
}
