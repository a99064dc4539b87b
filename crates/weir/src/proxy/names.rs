//! What the names of servers stand for, remembered for `pool.dns_ttl`.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::lookup_host;
use weir_core::config::settings::{Settings, UpstreamHost};

use crate::proxy::mail::{Mailbox, ToWorker};
use crate::proxy::target::ServerAddress;
use crate::proxy::threads::House;

/// Names are not looked up more often than this on our own account.
const ROUND_MIN: Duration = Duration::from_secs(1);

/// A name of a server, and its port.
type Name = (String, u16);

/// The names that have been looked up. Bounded by the hosts of the configuration.
#[derive(Debug, Default)]
pub struct Names {
    known: Mutex<HashMap<Name, Known>>,
}

#[derive(Debug)]
struct Known {
    sockets: Arc<[SocketAddr]>,
    at: Instant,
}

impl Names {
    /// What the name stands for, if that was looked up less than `ttl` before `now`.
    #[must_use]
    pub fn fresh(
        &self,
        host: &str,
        port: u16,
        (ttl, now): (Duration, Instant),
    ) -> Option<Arc<[SocketAddr]>> {
        let known = self.lock();
        let entry = known.get(&(host.to_owned(), port))?;
        (now.saturating_duration_since(entry.at) < ttl).then(|| Arc::clone(&entry.sockets))
    }

    /// Notes what a look-up told. Returns whether the name has lost an address.
    pub fn note(&self, host: &str, port: u16, sockets: &Arc<[SocketAddr]>, at: Instant) -> bool {
        let entry = Known { sockets: Arc::clone(sockets), at };
        let before = self.lock().insert((host.to_owned(), port), entry);
        before.is_some_and(|before| before.sockets.iter().any(|old| !sockets.contains(old)))
    }

    /// Nothing answered there: the next dial looks the name up, whatever its age.
    pub fn expire(&self, host: &str, port: u16, ttl: Duration) {
        if let Some(known) = self.lock().get_mut(&(host.to_owned(), port))
            && let Some(before) = known.at.checked_sub(ttl)
        {
            known.at = before;
        }
    }

    /// The names known, those that are not configured any more forgotten.
    fn configured(&self, settings: &Settings) -> Vec<Name> {
        let entries = settings.databases.values().chain(&settings.wildcard);
        let hosts: Vec<&UpstreamHost> = entries.flat_map(|entry| &entry.hosts).collect();
        let mut known = self.lock();
        known.retain(|(name, at), _| {
            hosts.iter().any(|host| match host {
                UpstreamHost::Tcp { host, port } => host == name && port == at,
                UpstreamHost::Unix { .. } => false,
            })
        });
        known.keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks names up for dials.
#[derive(Debug, Clone, Copy)]
pub struct Resolver<'a> {
    /// What is known already.
    pub names: &'a Names,
    /// For how long that is believed.
    pub ttl: Duration,
    /// Who is told when a name has lost an address.
    pub workers: &'a [Mailbox],
}

impl Resolver<'_> {
    /// The addresses of a host, remembered or looked up.
    ///
    /// # Errors
    /// When the name has none.
    pub async fn addresses(&self, host: &str, port: u16) -> io::Result<Arc<[SocketAddr]>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Arc::from([SocketAddr::new(address, port)]));
        }
        match self.names.fresh(host, port, (self.ttl, Instant::now())) {
            Some(sockets) => Ok(sockets),
            None => self.look_up(host, port).await,
        }
    }

    /// Nothing answered at the addresses of this host.
    pub fn expire(&self, host: &str, port: u16) {
        self.names.expire(host, port, self.ttl);
    }

    async fn look_up(&self, host: &str, port: u16) -> io::Result<Arc<[SocketAddr]>> {
        let sockets: Arc<[SocketAddr]> = lookup_host((host, port)).await?.collect();
        if self.names.note(host, port, &sockets, Instant::now()) {
            tracing::info!(%host, port, "the name stands for other addresses now");
            for worker in self.workers {
                let address = ServerAddress::Tcp { host: host.to_owned(), port };
                worker.put(ToWorker::Moved { address, sockets: Arc::clone(&sockets) });
            }
        }
        Ok(sockets)
    }
}

/// Looks up the names in use again and again, so that connections to addresses they have lost do
/// not stay. A name that cannot be looked up keeps its addresses.
pub async fn watch(house: Arc<House>) {
    loop {
        let ttl = house.directory.load().settings.dns_ttl.max(ROUND_MIN);
        tokio::time::sleep(ttl).await;
        let directory = house.directory.load_full();
        let resolver = Resolver { names: &house.names, ttl, workers: &house.mailboxes };
        for (host, port) in house.names.configured(&directory.settings) {
            if let Err(error) = resolver.look_up(&host, port).await {
                tracing::debug!(%host, port, "name not looked up: {error}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sockets(all: &[&str]) -> Arc<[SocketAddr]> {
        all.iter().map(|one| one.parse().unwrap()).collect()
    }

    #[test]
    fn a_name_is_believed_for_its_time() {
        let names = Names::default();
        let (ttl, at) = (Duration::from_secs(15), Instant::now());
        let one = sockets(&["192.0.2.1:5432"]);
        assert!(!names.note("db", 5432, &one, at), "the first time");
        let later = |span| names.fresh("db", 5432, (ttl, at + span));
        assert_eq!(later(Duration::from_secs(14)), Some(one));
        assert_eq!(later(ttl), None);
        assert_eq!(names.fresh("db", 5433, (ttl, at)), None);
        names.expire("db", 5432, ttl);
        assert_eq!(later(Duration::ZERO), None);
    }

    #[test]
    fn a_lost_address_is_told_and_a_new_one_is_not() {
        let names = Names::default();
        let at = Instant::now();
        let steps: [(&[&str], bool); 4] = [
            (&["192.0.2.1:1", "192.0.2.2:1"], false),
            (&["192.0.2.2:1", "192.0.2.1:1", "192.0.2.3:1"], false),
            (&["192.0.2.2:1"], true),
            (&["192.0.2.2:1"], false),
        ];
        for (now, lost) in steps {
            assert_eq!(names.note("db", 1, &sockets(now), at), lost, "{now:?}");
        }
    }

    #[test]
    fn names_that_are_not_configured_are_forgotten() {
        let names = Names::default();
        names.note("db", 1, &sockets(&["192.0.2.1:1"]), Instant::now());
        assert_eq!(names.configured(&Settings::default()), []);
        assert!(names.lock().is_empty());
    }

    #[tokio::test]
    async fn an_address_needs_no_look_up_and_a_name_is_remembered() {
        let names = Names::default();
        let resolver = Resolver { names: &names, ttl: Duration::from_secs(60), workers: &[] };
        let own = resolver.addresses("127.0.0.1", 7).await.unwrap();
        assert_eq!(*own, *sockets(&["127.0.0.1:7"]));
        assert!(names.lock().is_empty());
        let pretended = sockets(&["192.0.2.9:7"]);
        names.note("localhost", 7, &pretended, Instant::now());
        assert_eq!(resolver.addresses("localhost", 7).await.unwrap(), pretended);
        resolver.expire("localhost", 7);
        assert!(resolver.addresses("localhost", 7).await.unwrap()[0].ip().is_loopback());
    }
}
