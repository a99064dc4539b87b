//! How many clients may come in: in all, and of one user, database and address.
//!
//! A [`ClientSlot`] is the right to be here. It travels with the client to its worker and gives
//! its place back when it is dropped.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weir_wire::error::SqlState;

use crate::proxy::refusal::Refusal;

/// Counts the clients of this process. Cheap to clone; all clones count together.
#[derive(Debug, Clone, Default)]
pub struct Admission {
    counts: Arc<Mutex<Counts>>,
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
    counts: Arc<Mutex<Counts>>,
    claim: Claim,
}

impl ClientSlot {
    /// The user that it is counted under; clients of one user share the text.
    #[must_use]
    pub fn user(&self) -> &Arc<str> {
        &self.claim.user
    }
}

impl fmt::Debug for ClientSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientSlot").field(&self.claim).finish()
    }
}

#[derive(Debug, Default)]
struct Counts {
    total: u32,
    users: HashMap<Arc<str>, u32>,
    databases: HashMap<Arc<str>, u32>,
    addresses: HashMap<Option<IpAddr>, u32>,
}

impl Admission {
    /// Takes a place for a client.
    ///
    /// # Errors
    /// A refusal with 53300 that names the limit.
    pub fn enter(&self, claim: Claim, bounds: Bounds) -> Result<ClientSlot, Refusal> {
        let mut counts = lock(&self.counts);
        counts.check(&claim, bounds)?;
        counts.total += 1;
        let user = arrive(&mut counts.users, claim.user);
        let database = arrive(&mut counts.databases, claim.database);
        *counts.addresses.entry(claim.address).or_default() += 1;
        drop(counts);
        let claim = Claim { user, database, ..claim };
        Ok(ClientSlot { counts: Arc::clone(&self.counts), claim })
    }

    /// Clients that are here now.
    #[must_use]
    pub fn total(&self) -> u32 {
        lock(&self.counts).total
    }
}

impl Counts {
    fn check(&self, claim: &Claim, bounds: Bounds) -> Result<(), Refusal> {
        let of = |count: Option<&u32>| count.copied().unwrap_or(0);
        let user = of(self.users.get(&claim.user));
        let database = of(self.databases.get(&claim.database));
        let address = of(self.addresses.get(&claim.address));
        if self.total >= bounds.total {
            return Err(full("clients_max", bounds.total, "in all"));
        }
        let rows = [
            (user, bounds.user, "clients_per_user_max", format!("of user \"{}\"", claim.user)),
            (
                database,
                bounds.database,
                "clients_per_database_max",
                format!("of database \"{}\"", claim.database),
            ),
            (address, bounds.address, "clients_per_address_max", from(claim.address)),
        ];
        for (count, bound, name, whose) in rows {
            if let Some(bound) = bound.filter(|&bound| count >= bound) {
                return Err(full(name, bound, &whose));
            }
        }
        Ok(())
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

impl Drop for ClientSlot {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        counts.total = counts.total.saturating_sub(1);
        leave(&mut counts.users, &self.claim.user);
        leave(&mut counts.databases, &self.claim.database);
        leave(&mut counts.addresses, &self.claim.address);
    }
}

/// Adds one. Returns the name as the first of them brought it, so that it is kept once.
fn arrive(counts: &mut HashMap<Arc<str>, u32>, name: Arc<str>) -> Arc<str> {
    let entry = counts.entry(name);
    let name = Arc::clone(entry.key());
    *entry.or_default() += 1;
    name
}

/// Takes one off, and forgets those of whom nobody is left.
fn leave<K: Hash + Eq>(counts: &mut HashMap<K, u32>, key: &K) {
    let Some(count) = counts.get_mut(key) else { return };
    *count = count.saturating_sub(1);
    if *count == 0 {
        counts.remove(key);
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn a_dropped_slot_leaves_nothing_behind() {
        let admission = Admission::default();
        let slot = admission.enter(claim("u", "d", 1), OPEN).unwrap();
        assert_eq!(admission.total(), 1);
        let second = admission.enter(claim("u", "d", 1), OPEN).unwrap();
        assert!(Arc::ptr_eq(slot.user(), second.user()));
        drop(second);
        drop(slot);
        assert_eq!(admission.total(), 0);
        assert!(lock(&admission.counts).users.is_empty());
        assert!(lock(&admission.counts).addresses.is_empty());
    }
}
