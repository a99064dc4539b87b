//! Who may come in, what they get, and from where: everything that login threads look up.
//!
//! One directory is built from one configuration and replaced as a whole by a reload.

mod plan;
mod users;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weir_core::config::limits;
use weir_core::config::settings::{Database, Pool, Settings};

pub use plan::address;
pub use users::{KnownUser, Users};

use crate::proxy::shelf::Shelves;
use crate::proxy::target::{Credential, Others, PoolKey, ServerAddress, ServerTls, Target};
use crate::proxy::tls::client_side::ClientSide;
use crate::proxy::tls::{TlsError, server_side};

/// The configuration, made ready for logins.
#[derive(Debug)]
pub struct Directory {
    /// What was configured.
    pub settings: Settings,
    /// Users and what they prove themselves with.
    pub users: Users,
    /// TLS towards clients; `None` when it is off.
    pub client_tls: Option<ClientSide>,
    /// TLS towards servers.
    pub server_tls: ServerTls,
    /// A tree, as in `admission`.
    targets: Mutex<BTreeMap<PoolKey, Known>>,
    shelves: Arc<Shelves>,
}

/// A pool that somebody has been sent to.
#[derive(Debug, Clone)]
struct Known {
    target: Arc<Target>,
    /// What the last login of its user revealed.
    proof: Credential,
}

/// Where a client is sent.
#[derive(Debug)]
pub struct Route {
    /// The pool.
    pub pool: PoolKey,
    /// How it is made.
    pub target: Arc<Target>,
    /// Whether the pool may exist with an older target: its user's password changed, or it was
    /// forgotten here while its worker made it again.
    pub changed: bool,
}

/// Why a client cannot be sent anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoute {
    /// No entry serves the database.
    UnknownDatabase,
    /// There are as many pools as there may be.
    TooManyPools,
}

impl Directory {
    /// Reads certificates and prepares the rest.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(settings: Settings) -> Result<Self, TlsError> {
        Self::with(settings, Arc::default())
    }

    /// The same for a reload: what the workers lend each other stays.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn after(settings: Settings, before: &Self) -> Result<Self, TlsError> {
        Self::with(settings, Arc::clone(&before.shelves))
    }

    fn with(settings: Settings, shelves: Arc<Shelves>) -> Result<Self, TlsError> {
        Ok(Self {
            users: Users::new(&settings),
            client_tls: ClientSide::new(&settings.client_tls)?,
            server_tls: server_side::prepare(&settings.server_tls)?,
            settings,
            targets: Mutex::default(),
            shelves,
        })
    }

    /// Finds the pool for a client that proved to be `user`. `proof` is what its login revealed;
    /// it logs in to the server where no password is configured.
    ///
    /// # Errors
    /// [`NoRoute`].
    pub fn route(
        &self,
        database: &Arc<str>,
        user: &Arc<str>,
        proof: &Credential,
    ) -> Result<Route, NoRoute> {
        let pool = plan::pool_key(&self.settings, database, user);
        // What a client proved is of use only where the server's user is its own.
        let proof = if pool.user == *user { proof } else { &Credential::None };
        let mut targets = self.lock();
        let known = targets.get(&pool);
        // A login that reveals nothing (trust) takes nothing from what another one revealed.
        let same = |known: &&Known| *proof == Credential::None || known.proof == *proof;
        if let Some(known) = known.filter(same) {
            let target = Arc::clone(&known.target);
            return Ok(Route { pool, target, changed: false });
        }
        if known.is_none() && targets.len() >= limits::POOLS {
            return Err(NoRoute::TooManyPools);
        }
        let target = self.target(&pool, proof, known).ok_or(NoRoute::UnknownDatabase)?;
        let known = Known { target: Arc::clone(&target), proof: proof.clone() };
        targets.insert(pool.clone(), known);
        Ok(Route { pool, target, changed: true })
    }

    /// The address that questions about users of this database go to.
    #[must_use]
    pub fn first_address(&self, entry: &Database) -> ServerAddress {
        plan::first_address(entry)
    }

    /// More addresses that serve the same.
    #[must_use]
    pub fn other_addresses(&self, entry: &Database) -> Others {
        plan::others(entry)
    }

    /// Takes over what the directory before this one knew, and says which pools now get what;
    /// `None` for those whose database is gone.
    #[must_use]
    pub fn succeed(&self, before: &Self) -> Vec<(PoolKey, Option<Arc<Target>>)> {
        let old = before.lock().clone();
        let mut targets = self.lock();
        let mut changes = Vec::with_capacity(old.len());
        for (pool, known) in old {
            let target = self.target(&pool, &known.proof, Some(&known));
            if let Some(target) = &target {
                targets
                    .insert(pool.clone(), Known { target: Arc::clone(target), proof: known.proof });
            }
            changes.push((pool, target));
        }
        changes
    }

    /// Nobody uses the pool any more. The next client is sent there as if it were the first.
    pub fn forget(&self, pool: &PoolKey) {
        self.lock().remove(pool);
    }

    /// A pool that exists goes on with as many workers as it has.
    fn target(
        &self,
        pool: &PoolKey,
        proof: &Credential,
        known: Option<&Known>,
    ) -> Option<Arc<Target>> {
        let alone = known.is_some_and(|known| known.target.shelf.is_none());
        let shelf = |plan: &Pool| {
            let workers = plan.workers.min(u32::from(self.settings.workers.count));
            self.shelves.of(pool, plan.size, if alone { 1 } else { workers })
        };
        plan::target(&self.settings, &self.server_tls, pool, proof, shelf).map(Arc::new)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PoolKey, Known>> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
