//! The guard of a running proxy: a watcher for each server, on one thread of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use tokio::runtime::Builder;
use tokio::sync::watch;
use weir_core::activity::Proxy;
use weir_core::diagnosis::Thresholds;
use weir_core::diagnosis::health::Health;

use super::proxy_side::{self, Memory};
use super::target::Unwatched;
use super::watcher::{Seen, Surroundings};
use super::watchers::Watchers;
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
    pub(super) fn keep(&self, servers: impl Fn(&str) -> bool) {
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

async fn watch_all(house: &Arc<House>, lookout: &Lookout, mut changed: watch::Receiver<u64>) {
    let started = Instant::now();
    let inside = || Inside {
        house: Arc::clone(house),
        lookout: lookout.clone(),
        memory: Memory::default(),
        started,
    };
    let mut watchers = Watchers::new(lookout.clone(), inside);
    loop {
        let directory = house.directory.load_full();
        for unwatched in watchers.follow(&directory.settings, &directory.server_tls) {
            let Unwatched { name, why } = unwatched;
            tracing::warn!(server = %name, "the guard does not watch it: {why}");
        }
        if changed.changed().await.is_err() {
            return;
        }
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
