//! The guard of a running proxy: a watcher for each server, on one thread of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use weir_core::activity::Proxy;
use weir_core::diagnosis::Thresholds;
use weir_core::diagnosis::health::Health;

use super::proxy_side::{self, Memory};
use super::target::targets;
use super::watcher::{Seen, Surroundings, Watcher};
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

    fn put(&self, server: &str, seen: Seen) {
        self.lock().insert(server.to_owned(), seen);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Seen>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The running guard. It ends when this is dropped.
#[derive(Debug)]
pub struct Guard {
    _end: oneshot::Sender<()>,
}

impl Guard {
    /// Starts the thread; `None` where the settings want no guard. Servers are those of the
    /// configuration at this moment; thresholds are read anew for each look.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(house: Arc<House>, lookout: Lookout) -> Result<Option<Self>> {
        if !house.directory.load().settings.guard.enabled {
            return Ok(None);
        }
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the guard's thread")?;
        let (end, ended) = oneshot::channel::<()>();
        let run = move || {
            runtime.block_on(async {
                let watching = watch_all(&house, &lookout);
                // The sender is dropped, never used.
                tokio::select! { _ = ended => {} () = watching => {} }
            });
            // A name that is being looked up may hold its thread for long.
            runtime.shutdown_background();
        };
        std::thread::Builder::new()
            .name("guard".into())
            .spawn(run)
            .context("cannot start the guard's thread")?;
        Ok(Some(Self { _end: end }))
    }
}

async fn watch_all(house: &Arc<House>, lookout: &Lookout) {
    let directory = house.directory.load_full();
    let every = directory.settings.guard.interval;
    let mut watchers = JoinSet::new();
    for target in targets(&directory.settings, &directory.server_tls) {
        match target {
            Ok(target) => {
                let inside = Inside {
                    house: Arc::clone(house),
                    lookout: lookout.clone(),
                    memory: Memory::default(),
                    started: Instant::now(),
                };
                watchers.spawn(Watcher::new(target).watch(every, inside));
            }
            Err(unwatched) => {
                tracing::warn!(server = %unwatched.name, "the guard does not watch it: {}", unwatched.why);
                let health = Health::unknown(&unwatched.name, &unwatched.why);
                lookout.put(&unwatched.name, Seen { health, sampled: None });
            }
        }
    }
    drop(directory);
    while watchers.join_next().await.is_some() {}
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
