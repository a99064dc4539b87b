//! What is looked at now and then: who waits, which server connections are stale, which pools
//! nobody uses.

use std::net::SocketAddr;

use weir_core::ids::{PoolId, ServerId};
use weir_core::pool::Mode;
use weir_core::session::{Activity, PoolMode};

use crate::proxy::mail::FromWorker;
use crate::proxy::target::ServerAddress;
use crate::proxy::worker::state::{Holder, Server, Stage};
use crate::proxy::worker::{Worker, notice};

impl Worker {
    pub(super) fn chores(&mut self) {
        self.lend();
        self.tell_waiting();
        self.close_stale();
        self.forget_deserted();
        self.tell_totals();
    }

    /// Tells clients that have waited for long that they wait, and behind how many.
    fn tell_waiting(&mut self) {
        let pools: Vec<PoolId> = self.by_key.values().copied().collect();
        for pool in pools {
            let Some(limit) = self.homes[pool.0 as usize].target.care.wait_notice_after else {
                continue;
            };
            let view = self.pools.view(pool);
            // The oldest come first.
            let late = self
                .pools
                .waiters(pool)
                .enumerate()
                .take_while(|(_, waiter)| self.now.since(waiter.since) >= limit);
            for (ahead, waiter) in late {
                let Some(client) = self.clients.get_mut(waiter.client.0) else { continue };
                if client.stage == Stage::Live && !std::mem::replace(&mut client.told_to_wait, true)
                {
                    client.socket.send(&mut self.driver, &notice::waiting(ahead, &view));
                }
            }
        }
    }

    /// In session mode a stale server connection stays until its client leaves, unless it is to
    /// be closed fast: then it goes with its client as soon as no transaction is open.
    fn close_stale(&mut self) {
        let going: Vec<u32> = self
            .servers
            .iter()
            .filter(|(at, server)| self.must_go(*at, server))
            .filter_map(|(_, server)| match server.holder {
                Holder::Client(client) => Some(client),
                Holder::Nobody | Holder::Ghost { .. } => None,
            })
            .collect();
        for client in going {
            self.farewell(client, &notice::replaced());
        }
    }

    fn must_go(&self, at: u32, server: &Server) -> bool {
        let target = &self.homes[server.pool.0 as usize].target;
        target.care.fast_close
            && target.session.mode == PoolMode::Session
            && server.state.activity() == Activity::Idle
            && self.pools.is_stale(ServerId(at))
    }

    /// Forgets pools that have had neither clients nor server connections for long.
    fn forget_deserted(&mut self) {
        let mut deserted = Vec::new();
        for (key, &pool) in &self.by_key {
            let home = &mut self.homes[pool.0 as usize];
            let idle = home.clients == 0 && self.pools.servers(pool).next().is_none();
            let plain = self.pools.view(pool).mode == Mode::Running;
            if !idle || !plain {
                home.deserted = self.now;
            }
            let limit = home.target.care.forget_after;
            if limit.is_some_and(|limit| idle && self.now.since(home.deserted) >= limit) {
                deserted.push((key.clone(), pool));
            }
        }
        for (key, pool) in deserted {
            self.by_key.remove(&key);
            self.pools.remove_pool(self.now, pool);
            tracing::debug!(database = %key.database, user = %key.user, "pool forgotten");
            // The login threads outlive the workers.
            let _ = self.requests.send(FromWorker::Forgotten { pool: key });
        }
    }

    /// A name stands for other addresses now: connections to those it has lost are closed when
    /// they are released.
    pub(super) fn moved(&mut self, address: &ServerAddress, sockets: &[SocketAddr]) {
        let lost = |server: &Server| {
            let at = &server.key.at;
            at.address == *address && at.socket.is_some_and(|socket| !sockets.contains(&socket))
        };
        let going: Vec<u32> =
            self.servers.iter().filter(|(_, server)| lost(server)).map(|(at, _)| at).collect();
        for at in going {
            self.pools.expel(self.now, ServerId(at));
        }
    }
}
