//! The watchers of a configuration: one for each server that it names, kept over a reload where
//! nothing has changed for them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};
use weir_core::config::Settings;
use weir_core::config::settings::ServerTls as TlsSettings;
use weir_core::diagnosis::health::Health;

use super::guard::Lookout;
use super::target::{Target, Unwatched, targets};
use super::watcher::{Seen, Surroundings, Watcher};
use crate::proxy::target::{Credential, ServerTls};

/// All that a watcher is made from beside the server's address.
#[derive(Debug, Clone, PartialEq)]
struct Basis {
    user: String,
    database: String,
    credential: Credential,
    tls: TlsSettings,
    timeout: Duration,
    interval: Duration,
}

/// The watchers. They end when this is dropped.
#[derive(Debug)]
pub struct Watchers<Make> {
    /// Makes the surroundings of a new watcher.
    make: Make,
    lookout: Lookout,
    tasks: JoinSet<()>,
    watched: BTreeMap<String, (Basis, AbortHandle)>,
}

impl<Make, Around> Watchers<Make>
where
    Make: FnMut() -> Around,
    Around: Surroundings + Send + 'static,
{
    /// None yet. What is not watched any more is forgotten by the lookout.
    pub fn new(lookout: Lookout, make: Make) -> Self {
        Self { make, lookout, tasks: JoinSet::new(), watched: BTreeMap::new() }
    }

    /// Watches what the configuration names, and nothing else. The servers that cannot be watched,
    /// of which the lookout knows that nothing is known.
    pub fn follow(&mut self, settings: &Settings, tls: &ServerTls) -> Vec<Unwatched> {
        let wanted = match settings.guard.enabled {
            true => targets(settings, tls),
            false => Vec::new(),
        };
        let mut before = std::mem::take(&mut self.watched);
        let (mut named, mut unwatched) = (BTreeSet::new(), Vec::new());
        for target in wanted {
            match target {
                Ok(target) => {
                    named.insert(target.name.clone());
                    let known = before.remove(&target.name);
                    self.watch(target, settings, known);
                }
                Err(why) => {
                    let health = Health::unknown(&why.name, &why.why);
                    self.lookout.put(&why.name, Seen { health, sampled: None });
                    named.insert(why.name.clone());
                    unwatched.push(why);
                }
            }
        }
        before.values().for_each(|(_, gone)| gone.abort());
        self.lookout.keep(|server| named.contains(server));
        // Watchers end by an abort only; those that have are taken away.
        while self.tasks.try_join_next().is_some() {}
        unwatched
    }

    /// Whether no server is watched.
    pub fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// Ends all of them.
    pub async fn shutdown(mut self) {
        self.tasks.shutdown().await;
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
                self.tasks.spawn(Watcher::new(target).watch(basis.interval, (self.make)()))
            }
        };
        self.watched.insert(name, (basis, task));
    }
}
