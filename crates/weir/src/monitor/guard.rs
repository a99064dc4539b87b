//! The guard of a running proxy: a watcher for each server, on one thread of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use weir_core::activity::Proxy;
use weir_core::config::settings::{ServerTls, Settings};
use weir_core::diagnosis::Thresholds;
use weir_core::diagnosis::health::Health;

use super::proxy_side::{self, Memory};
use super::target::{Target, targets};
use super::watcher::{Seen, Surroundings, Watcher};
use crate::proxy::directory::Directory;
use crate::proxy::target::Credential;
use crate::proxy::threads::House;

/// What was last seen of each server, by its address. Cheap to clone; all clones see the same.
#[derive(Debug, Clone, Default)]
pub struct Lookout {
    servers: Arc<Mutex<BTreeMap<String, Seen>>>,
}

impl Lookout {
    /// The answer about each server, as it is now. Waits for nobody.
    #[must_use]
    pub fn all(&self) -> Vec<Health> {
        self.lock().values().map(Seen::now).collect()
    }

    /// Takes what was seen of a server.
    pub fn put(&self, server: &str, seen: Seen) {
        self.lock().insert(server.to_owned(), seen);
    }

    /// Forgets all servers but these.
    fn keep(&self, servers: impl Fn(&str) -> bool) {
        self.lock().retain(|server, _| servers(server));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Seen>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The running guard. It ends when this is dropped.
#[derive(Debug)]
pub struct Guard {
    /// Counts configurations; without a sender the guard ends.
    configurations: watch::Sender<u64>,
}

impl Guard {
    /// Starts the thread. What it watches is that of the configuration; thresholds are read anew
    /// for each look.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(house: Arc<House>, lookout: Lookout) -> Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the guard's thread")?;
        let (configurations, changed) = watch::channel(0);
        let run = move || {
            runtime.block_on(watch_all(&house, &lookout, changed));
            // A name that is being looked up may hold its thread for long.
            runtime.shutdown_background();
        };
        std::thread::Builder::new()
            .name("guard".into())
            .spawn(run)
            .context("cannot start the guard's thread")?;
        Ok(Self { configurations })
    }

    /// The configuration has changed: servers that are new in it are watched, those that are gone
    /// no more, and connections whose role, limits or pace have changed are opened anew.
    pub fn reload(&self) {
        self.configurations.send_modify(|count| *count += 1);
    }
}

/// All that a watcher is made from beside the server's address.
#[derive(Debug, Clone, PartialEq)]
struct Basis {
    user: String,
    database: String,
    credential: Credential,
    tls: ServerTls,
    timeout: Duration,
    interval: Duration,
}

/// The watchers of a configuration.
struct Watchers<'a> {
    house: &'a Arc<House>,
    lookout: &'a Lookout,
    started: Instant,
    tasks: JoinSet<()>,
    watched: BTreeMap<String, (Basis, AbortHandle)>,
}

async fn watch_all(house: &Arc<House>, lookout: &Lookout, mut changed: watch::Receiver<u64>) {
    let (tasks, watched) = (JoinSet::new(), BTreeMap::new());
    let mut all = Watchers { house, lookout, started: Instant::now(), tasks, watched };
    loop {
        all.follow(&house.directory.load_full());
        if changed.changed().await.is_err() {
            return;
        }
    }
}

impl Watchers<'_> {
    /// Watches what the configuration names, and nothing else.
    fn follow(&mut self, directory: &Directory) {
        let settings = &directory.settings;
        let wanted = match settings.guard.enabled {
            true => targets(settings, &directory.server_tls),
            false => Vec::new(),
        };
        let mut before = std::mem::take(&mut self.watched);
        let mut named = BTreeSet::new();
        for target in wanted {
            match target {
                Ok(target) => {
                    named.insert(target.name.clone());
                    let known = before.remove(&target.name);
                    self.watch(target, settings, known);
                }
                Err(unwatched) => {
                    tracing::warn!(server = %unwatched.name, "the guard does not watch it: {}", unwatched.why);
                    let health = Health::unknown(&unwatched.name, &unwatched.why);
                    self.lookout.put(&unwatched.name, Seen { health, sampled: None });
                    named.insert(unwatched.name);
                }
            }
        }
        before.values().for_each(|(_, gone)| gone.abort());
        self.lookout.keep(|server| named.contains(server));
        // Watchers end by an abort only; those that have are taken away.
        while self.tasks.try_join_next().is_some() {}
    }

    /// Goes on watching where nothing has changed: its connection is held.
    fn watch(&mut self, target: Target, settings: &Settings, known: Option<(Basis, AbortHandle)>) {
        let spec = &target.spec;
        let basis = Basis {
            user: spec.user.clone(),
            database: spec.database.clone(),
            credential: spec.credential.clone(),
            tls: settings.server_tls.clone(),
            timeout: settings.guard.timeout,
            interval: settings.guard.interval,
        };
        let name = target.name.clone();
        let task = match known {
            Some((before, task)) if before == basis => task,
            known => {
                if let Some((_, task)) = known {
                    task.abort();
                }
                let (house, lookout) = (Arc::clone(self.house), self.lookout.clone());
                let memory = Memory::default();
                let inside = Inside { house, lookout, memory, started: self.started };
                self.tasks.spawn(Watcher::new(target).watch(basis.interval, inside))
            }
        };
        self.watched.insert(name, (basis, task));
    }
}

/// A watcher's surroundings inside the proxy.
struct Inside {
    house: Arc<House>,
    lookout: Lookout,
    memory: Memory,
    started: Instant,
}

impl Surroundings for Inside {
    fn thresholds(&self) -> Thresholds {
        self.house.directory.load().settings.guard.thresholds.clone()
    }

    async fn proxy(&mut self, server: &str) -> Option<Proxy> {
        proxy_side::look(&self.house, server, &mut self.memory, self.started).await
    }

    fn publish(&mut self, server: &str, seen: Seen) {
        self.lookout.put(server, seen);
    }
}
