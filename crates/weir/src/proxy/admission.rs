//! How many clients may come in: in all, and of one user, database and address.
//!
//! A [`ClientSlot`] is the right to be here. It travels with the client to its worker and gives
//! its place back when it is dropped.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use weir_wire::error::SqlState;

use crate::proxy::refusal::Refusal;

/// Tallies that are kept without a look at whether they are of nobody.
const TALLIES_KEPT: usize = 64;

/// Counts the clients of this process. Cheap to clone; all clones count together.
#[derive(Debug, Clone, Default)]
pub struct Admission {
    counts: Arc<Counts>,
}

/// What one client is counted under. An address of `None` is a Unix socket; those count as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The user it logged in as.
    pub user: Arc<str>,
    /// The database it asked for.
    pub database: Arc<str>,
    /// Where it comes from.
    pub address: Option<IpAddr>,
}

/// The most clients of each kind; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// In all.
    pub total: u32,
    /// Of this user.
    pub user: Option<u32>,
    /// Of this database.
    pub database: Option<u32>,
    /// From this address.
    pub address: Option<u32>,
}

/// The right of one client to be connected; given back on drop.
pub struct ClientSlot {
    counts: Arc<Counts>,
    user: Arc<Tally<Arc<str>>>,
    database: Arc<Tally<Arc<str>>>,
    address: Arc<Tally<Option<IpAddr>>>,
}

impl ClientSlot {
    /// The user that it is counted under; clients of one user share the text.
    #[must_use]
    pub fn user(&self) -> &Arc<str> {
        &self.user.name
    }
}

impl fmt::Debug for ClientSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, database, address, counts: _ } = self;
        let names = (&user.name, &database.name, &address.name);
        f.debug_tuple("ClientSlot").field(&names).finish()
    }
}

/// Counts grow under the lock of the lists, so that no two clients take the last place. They
/// shrink without it.
#[derive(Debug, Default)]
struct Counts {
    total: AtomicU32,
    lists: Mutex<Lists>,
}

#[derive(Debug, Default)]
struct Lists {
    users: List<Arc<str>>,
    databases: List<Arc<str>>,
    addresses: List<Option<IpAddr>>,
}

/// The clients of one user, database or address.
#[derive(Debug)]
struct Tally<K> {
    name: K,
    clients: AtomicU32,
}

/// A tally for each name: of few names a tree finds one sooner than hashes that nobody can aim
/// at, and each login asks three. One of nobody is kept for a while: a user whose clients come and
/// go is not entered anew each time.
#[derive(Debug)]
struct List<K> {
    tallies: BTreeMap<K, Arc<Tally<K>>>,
    /// With so many of them, those of nobody are forgotten.
    forget_at: usize,
}

impl Admission {
    /// Takes a place for a client.
    ///
    /// # Errors
    /// A refusal with 53300 that names the limit.
    pub fn enter(&self, claim: Claim, bounds: Bounds) -> Result<ClientSlot, Refusal> {
        let mut lists = self.counts.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = ClientSlot {
            counts: Arc::clone(&self.counts),
            user: lists.users.of(claim.user),
            database: lists.databases.of(claim.database),
            address: lists.addresses.of(claim.address),
        };
        // It counts itself first, so that it gives back what it took if it is one too many.
        slot.take();
        slot.check(bounds)?;
        Ok(slot)
    }

    /// Clients that are here now.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.counts.total.load(Ordering::Relaxed)
    }
}

impl<K> Default for List<K> {
    fn default() -> Self {
        Self { tallies: BTreeMap::new(), forget_at: TALLIES_KEPT }
    }
}

impl<K: Clone + Ord> List<K> {
    fn of(&mut self, name: K) -> Arc<Tally<K>> {
        if let Some(tally) = self.tallies.get(&name) {
            return Arc::clone(tally);
        }
        if self.tallies.len() >= self.forget_at {
            self.tallies.retain(|_, tally| tally.count() > 0);
            self.forget_at = (self.tallies.len() * 2).max(TALLIES_KEPT);
        }
        let tally = Arc::new(Tally { name: name.clone(), clients: AtomicU32::new(0) });
        self.tallies.insert(name, Arc::clone(&tally));
        tally
    }
}

impl<K> Tally<K> {
    fn count(&self) -> u32 {
        self.clients.load(Ordering::Relaxed)
    }

    fn add(&self) {
        self.clients.fetch_add(1, Ordering::Relaxed);
    }

    fn subtract(&self) {
        self.clients.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ClientSlot {
    fn take(&self) {
        self.counts.total.fetch_add(1, Ordering::Relaxed);
        self.user.add();
        self.database.add();
        self.address.add();
    }

    /// Whether it, which is counted already, is one too many.
    fn check(&self, bounds: Bounds) -> Result<(), Refusal> {
        let Self { counts, user, database, address } = self;
        let passed = |count: u32, bound: Option<u32>| bound.filter(|&bound| count > bound);
        let total = counts.total.load(Ordering::Relaxed);
        if let Some(bound) = passed(total, Some(bounds.total)) {
            return Err(full("clients_max", bound, "in all"));
        }
        if let Some(bound) = passed(user.count(), bounds.user) {
            let whose = format!("of user \"{}\"", user.name);
            return Err(full("clients_per_user_max", bound, &whose));
        }
        if let Some(bound) = passed(database.count(), bounds.database) {
            let whose = format!("of database \"{}\"", database.name);
            return Err(full("clients_per_database_max", bound, &whose));
        }
        if let Some(bound) = passed(address.count(), bounds.address) {
            return Err(full("clients_per_address_max", bound, &from(address.name)));
        }
        Ok(())
    }
}

impl Drop for ClientSlot {
    fn drop(&mut self) {
        self.counts.total.fetch_sub(1, Ordering::Relaxed);
        self.user.subtract();
        self.database.subtract();
        self.address.subtract();
    }
}

fn from(address: Option<IpAddr>) -> String {
    match address {
        Some(address) => format!("from {address}"),
        None => "from Unix sockets".into(),
    }
}

fn full(limit: &str, bound: u32, whose: &str) -> Refusal {
    Refusal::new(SqlState::TOO_MANY_CONNECTIONS, "too many client connections")
        .detail(format!("The limit of {bound} client connections {whose} is reached."))
        .hint(format!("Close connections that are not needed, or raise {limit} in the proxy."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Bounds = Bounds { total: 10, user: None, database: None, address: None };

    fn claim(user: &str, database: &str, last: u8) -> Claim {
        let address = Some(IpAddr::from([127, 0, 0, last]));
        Claim { user: user.into(), database: database.into(), address }
    }

    #[test]
    fn each_limit_counts_its_own_kind_and_names_itself() {
        let check = |bounds: Bounds, second: Claim, named: Option<&str>| {
            let admission = Admission::default();
            let _first = admission.enter(claim("u", "d", 1), bounds).unwrap();
            let hint = admission.enter(second, bounds).err().and_then(|refusal| refusal.hint);
            assert_eq!(hint.is_some(), named.is_some());
            assert!(hint.unwrap_or_default().contains(named.unwrap_or_default()));
        };
        check(Bounds { total: 1, ..OPEN }, claim("v", "e", 2), Some("clients_max"));
        let user = Bounds { user: Some(1), ..OPEN };
        check(user, claim("u", "e", 2), Some("clients_per_user_max"));
        check(user, claim("v", "d", 1), None);
        let database = Bounds { database: Some(1), ..OPEN };
        check(database, claim("v", "d", 2), Some("clients_per_database_max"));
        check(database, claim("u", "e", 1), None);
        let address = Bounds { address: Some(1), ..OPEN };
        check(address, claim("v", "e", 1), Some("clients_per_address_max"));
        check(address, claim("u", "d", 2), None);
    }

    #[test]
    fn a_dropped_slot_gives_its_place_back_and_so_does_a_refused_one() {
        let admission = Admission::default();
        let slot = admission.enter(claim("u", "d", 1), OPEN).unwrap();
        assert_eq!(admission.total(), 1);
        let second = admission.enter(claim("u", "d", 1), OPEN).unwrap();
        assert!(Arc::ptr_eq(slot.user(), second.user()));
        drop(second);
        let one = Bounds { user: Some(1), database: Some(1), address: Some(1), total: 1 };
        for _ in 0..3 {
            admission.enter(claim("u", "d", 1), one).unwrap_err();
        }
        assert_eq!(admission.total(), 1);
        drop(slot);
        assert_eq!(admission.total(), 0);
        drop(admission.enter(claim("u", "d", 1), one).unwrap());
    }

    #[test]
    fn names_of_nobody_are_forgotten_and_others_are_not() {
        let admission = Admission::default();
        let stays = admission.enter(claim("stays", "d", 1), OPEN).unwrap();
        for number in 0..10 * TALLIES_KEPT {
            drop(admission.enter(claim(&number.to_string(), "d", 1), OPEN).unwrap());
        }
        assert!(admission.counts.lists.lock().unwrap().users.tallies.len() <= TALLIES_KEPT);
        let second = admission.enter(claim("stays", "d", 1), OPEN).unwrap();
        assert!(Arc::ptr_eq(stays.user(), second.user()));
    }
}
