//! What operators order.

use tokio::sync::oneshot;
use weir_core::console::{Means, Serial};
use weir_core::healing::Step;
use weir_core::ids::{PoolId, ServerId};
use weir_core::pool::Mode;
use weir_core::session::Spared;

use crate::proxy::mail::{Command, Undone};
use crate::proxy::worker::state::Pauser;
use crate::proxy::worker::{Worker, notice};

impl Worker {
    pub(super) fn command(&mut self, command: Command) {
        match command {
            Command::Pause { database, done } => self.pause(database.as_deref(), done),
            Command::Resume { database } => self.resume(database.as_deref()),
            Command::Reconnect { database } => {
                for pool in self.pools_of(database.as_deref()) {
                    self.pools.reconnect(self.now, pool);
                }
            }
            Command::Kill { database } => self.kill(database.as_deref()),
            Command::KillClient { client, found } => {
                // Whoever asked may have gone.
                let _ = found.send(self.kill_client(client));
            }
            Command::Heal { order, dry_run, answer } => {
                // Likewise.
                let _ = answer.send(self.intervene(&order, dry_run));
            }
            Command::End { id, means, done } => {
                // Likewise.
                let _ = done.send(self.end(id, means));
            }
            Command::Stop { grace } => {
                self.stopping = Some(self.now + grace);
                self.pools.stop(self.now);
                self.perform_effects();
                self.stop_idle_clients();
                self.sweep_newcomers();
            }
        }
    }

    fn pause(&mut self, database: Option<&str>, done: oneshot::Sender<()>) {
        self.holds.pause(database);
        let mut pools = self.pools_of(database);
        for &pool in &pools {
            self.pools.pause(self.now, pool);
        }
        pools.retain(|&pool| self.pools.view(pool).mode == Mode::Pausing);
        self.pausers.push(Pauser { pools, done });
        self.tell_pausers();
    }

    /// This pool has no server connection left, or is no pool any more.
    pub(super) fn paused(&mut self, pool: PoolId) {
        for pauser in &mut self.pausers {
            pauser.pools.retain(|&waited| waited != pool);
        }
        self.tell_pausers();
    }

    fn tell_pausers(&mut self) {
        for pauser in self.pausers.extract_if(.., |pauser| pauser.pools.is_empty()) {
            // Whoever asked may have gone.
            let _ = pauser.done.send(());
        }
    }

    fn resume(&mut self, database: Option<&str>) {
        self.holds.resume(database);
        let pools = self.pools_of(database);
        for &pool in &pools {
            self.pools.resume(self.now, pool);
        }
        self.pausers.retain(|pauser| !pauser.pools.iter().any(|pool| pools.contains(pool)));
    }

    fn kill(&mut self, database: Option<&str>) {
        self.holds.pause(database);
        for pool in self.pools_of(database) {
            self.pools.pause(self.now, pool);
            let clients: Vec<u32> =
                self.clients.iter().filter(|(_, c)| c.pool == pool).map(|(at, _)| at).collect();
            clients.into_iter().for_each(|at| self.farewell(at, &notice::killed()));
            let servers: Vec<u32> =
                self.servers.iter().filter(|(_, s)| s.pool == pool).map(|(at, _)| at).collect();
            servers.into_iter().for_each(|at| self.drop_server(at, "killed"));
        }
    }

    fn kill_client(&mut self, id: Serial) -> bool {
        let found = self.clients.iter().find(|(_, client)| client.id == id).map(|(at, _)| at);
        if let Some(at) = found {
            self.farewell(at, &notice::killed());
        }
        found.is_some()
    }

    fn end(&mut self, id: Serial, means: Means) -> Result<(), Undone> {
        let by_server = || self.servers.iter().find(|(_, server)| server.id == id);
        let by_client = || self.clients.iter().find(|(_, client)| client.id == id);
        let server = match by_server() {
            Some((at, _)) => ServerId(at),
            None => match by_client().map(|(_, client)| client.server) {
                Some(Some(server)) => server,
                Some(None) => return Err(Undone::Spared(Spared::NoTransaction)),
                None => return Err(Undone::Unknown),
            },
        };
        let holder = self.holding(server).map(|holder| (holder.clone(), self.who(&holder)));
        let (step, ended) = match means {
            Means::Evict => (Step::Evict, self.evict(server, notice::evicted())),
            Means::Cancel => (Step::Cancel, self.cancel_held(server)),
            Means::CloseServer => (Step::Close, self.close_held(server, notice::closed())),
        };
        if ended.is_ok() {
            self.note_end(step, holder);
        }
        ended.map_err(Undone::Spared)
    }

    fn pools_of(&self, database: Option<&str>) -> Vec<PoolId> {
        let wanted = |name: &str| database.is_none_or(|database| database == name);
        let mut pools: Vec<PoolId> = self
            .by_key
            .iter()
            .filter(|(key, _)| wanted(&key.database))
            .map(|(_, &pool)| pool)
            .collect();
        pools.sort_unstable();
        pools
    }
}
