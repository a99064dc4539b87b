//! Bounds on server connections that several pools share.

use std::sync::Arc;

use weir_core::config::settings::{PoolPlan, ServerLogin, Settings};

use crate::proxy::directory::address;
use crate::proxy::target::{PoolKey, ServerAddress};

/// A bound that a pool's server connections count against, besides the pool's own size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// What is bounded.
    pub of: Common,
    /// Server connections at most, over all workers.
    pub slots: u32,
    /// Only one pool draws on it, so that its worker has all of it.
    pub whole: bool,
}

/// What pools have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Common {
    /// The PostgreSQL they are on.
    Server(ServerAddress),
    /// The database name their clients ask for.
    Database(Arc<str>),
    /// The user they log in as.
    User(Arc<str>),
}

impl Share {
    /// What one of the workers may use. Pools are spread over the workers, and the parts of all
    /// workers add up to the whole.
    #[must_use]
    pub fn part(&self, worker: usize, workers: usize) -> u32 {
        if self.whole {
            return self.slots;
        }
        let count = u32::try_from(workers.max(1)).unwrap_or(u32::MAX);
        let extra = usize::try_from(self.slots % count).unwrap_or(0);
        self.slots / count + u32::from(worker < extra)
    }
}

/// What a pool draws on: its PostgreSQL (each, when it has several), its database, its user, as
/// far as they are bounded.
/// `spread` says that several workers serve it.
pub(super) fn of(settings: &Settings, plan: &PoolPlan, pool: &PoolKey, spread: bool) -> Vec<Share> {
    let stated = |host| settings.budgets.get(host).map(|&slots| (host, slots));
    let servers = plan.database.hosts.iter().filter_map(stated).map(|(host, slots)| Share {
        of: Common::Server(address(host)),
        slots,
        whole: false,
    });
    let fixed = matches!(plan.database.login, ServerLogin::Fixed { .. });
    let database = plan.database.servers_max.map(|slots| Share {
        of: Common::Database(Arc::clone(&pool.database)),
        slots,
        // With a fixed user there is one pool for each name.
        whole: fixed && !spread,
    });
    let user = plan.user_servers_max.map(|slots| Share {
        of: Common::User(Arc::clone(&pool.user)),
        slots,
        whole: false,
    });
    let mut shares: Vec<Share> = Vec::new();
    for share in servers.chain(database).chain(user) {
        // A host may be named twice.
        if !shares.iter().any(|known| known.of == share.of) {
            shares.push(share);
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_all_workers_are_the_whole() {
        for (slots, workers) in [(7, 3), (1, 2), (12, 4), (0, 1)] {
            let share = Share { of: Common::User("u".into()), slots, whole: false };
            let parts: Vec<u32> = (0..workers).map(|worker| share.part(worker, workers)).collect();
            assert_eq!(parts.iter().sum::<u32>(), slots, "{parts:?}");
            let least = parts.iter().min().unwrap();
            assert!(parts.iter().all(|part| part - least <= 1), "{parts:?}");
        }
        let share = Share { of: Common::User("u".into()), slots: 5, whole: true };
        assert_eq!([share.part(0, 2), share.part(1, 2)], [5, 5]);
    }
}
