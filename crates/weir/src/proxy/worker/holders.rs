//! Who has the server connections, and who waits: the ledger's rows with the names that the worker
//! knows.

use std::sync::Arc;

use weir_core::config::limits::{CONSOLE_ROWS, DISPATCH_ACTIONS};
use weir_core::dispatch::ClassView;
use weir_core::ids::PoolId;
use weir_core::incident::Control;
use weir_core::ledger::{HoldView, HolderRow, LedgerSnapshot, WaiterRow};
use weir_core::pool::WaiterView;

use crate::proxy::worker::Worker;
use crate::proxy::worker::state::Holder;

impl Worker {
    /// The ledger at this moment. What it takes time for grows with the connections that are held
    /// and the classes that are known.
    pub(super) fn ledger_snapshot(&mut self) -> LedgerSnapshot {
        let mut seen = self.pools.ledger_mut().snapshot(self.now, self.options.index);
        seen.misbooked = self.misbooked();
        let holds = self.pools.ledger().holds().take(CONSOLE_ROWS);
        seen.holders = holds.filter_map(|hold| self.holder_row(hold)).collect();
        for &pool in self.by_key.values() {
            let queue = self.pools.waiters(pool).enumerate();
            let rows = queue.filter_map(|(ahead, waiter)| self.waiter_row(pool, ahead, &waiter));
            let left = CONSOLE_ROWS - seen.waiters.len();
            seen.waiters.extend(rows.take(left));
        }
        seen
    }

    /// The same with every gap edge.
    pub(super) fn ledger_with_edges(&mut self) -> LedgerSnapshot {
        let mut seen = self.ledger_snapshot();
        self.pools.ledger().add_edges(&mut seen);
        seen
    }

    /// The classes that the dispatch limits at this moment.
    pub(super) fn controls(&self) -> Vec<Control> {
        let of_pool = |&pool: &PoolId| {
            let classes = self.pools.classes(pool).map(move |class| (pool, class));
            classes.filter(|(_, class)| class.cap.is_some() || class.deadline.is_some())
        };
        let limited = self.by_key.values().flat_map(of_pool);
        let control = |(pool, class): (PoolId, ClassView)| {
            let key = &self.homes[pool.0 as usize].key;
            Control {
                database: Arc::clone(&key.database),
                user: Arc::clone(&key.user),
                route: self.pools.ledger().class_name(class.class),
                held: class.held,
                cap: class.cap,
                deadline: class.deadline,
                seen: class.verdict,
            }
        };
        limited.take(DISPATCH_ACTIONS).map(control).collect()
    }

    fn holder_row(&self, hold: HoldView) -> Option<HolderRow> {
        let server = self.servers.get(hold.server.0)?;
        let home = self.homes.get(hold.pool.0 as usize)?;
        let client = match server.holder {
            Holder::Client(at) => self.clients.get(at),
            Holder::Ghost { .. } | Holder::Nobody => None,
        };
        let name = |of: fn(&crate::proxy::worker::state::Client) -> &Arc<str>| {
            client.map(|client| Arc::clone(of(client))).unwrap_or_default()
        };
        Some(HolderRow {
            server: server.id,
            backend: server.key.pid,
            database: Arc::clone(&home.key.database),
            user: Arc::clone(&home.key.user),
            client: client.map(|client| client.id),
            client_user: name(|client| client.user()),
            application: name(|client| &client.application),
            address: client.map(|one| one.address.to_string().into()).unwrap_or_default(),
            route: hold.route,
            kind: hold.kind,
            phase: hold.phase,
            phase_for: self.now - hold.since,
            held_for: self.now - hold.held_since,
            statement: hold.statement,
            fingerprint: hold.fingerprint,
            statement_for: self.now - hold.statement_since,
            pinned: client.map(|client| client.session.pins().describe()).unwrap_or_default(),
        })
    }

    fn waiter_row(&self, pool: PoolId, ahead: usize, waiter: &WaiterView) -> Option<WaiterRow> {
        let client = self.clients.get(waiter.client.0)?;
        let home = self.homes.get(pool.0 as usize)?;
        Some(WaiterRow {
            client: client.id,
            database: Arc::clone(&home.key.database),
            user: Arc::clone(&home.key.user),
            application: Arc::clone(&client.application),
            address: client.address.to_string().into(),
            route: self.pools.ledger().class_name(waiter.class),
            waited: self.now - waiter.since,
            ahead,
        })
    }
}
