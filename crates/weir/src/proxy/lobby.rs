//! The bound on clients that have connected but not logged in.
//!
//! A flood of connections that say nothing must not keep others out: when the lobby is full, the
//! one that has been silent longest is shown the door. Clients that have sent their startup
//! packet are left alone; when all have, the newcomer is refused.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Counts half-open logins. Clones count together.
#[derive(Debug, Clone)]
pub struct Lobby {
    inner: Arc<Mutex<Inner>>,
    places: usize,
}

/// The place of one half-open login; given back on drop.
#[derive(Debug)]
pub struct Place {
    inner: Arc<Mutex<Inner>>,
    number: u64,
}

/// Resolves when the lobby wants the place back.
pub type Eviction = oneshot::Receiver<()>;

#[derive(Debug, Default)]
struct Inner {
    taken: usize,
    next: u64,
    /// Who has said nothing yet, oldest first.
    silent: BTreeMap<u64, oneshot::Sender<()>>,
}

impl Lobby {
    /// A lobby of so many places.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self { inner: Arc::default(), places }
    }

    /// Places that are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        lock(&self.inner).taken
    }

    /// Takes a place, evicting the longest silent connection when none is free; `None` when
    /// everyone has spoken.
    #[must_use]
    pub fn enter(&self) -> Option<(Place, Eviction)> {
        let mut inner = lock(&self.inner);
        let number = inner.enter(self.places)?;
        let (evict, eviction) = oneshot::channel();
        inner.silent.insert(number, evict);
        drop(inner);
        Some((Place { inner: Arc::clone(&self.inner), number }, eviction))
    }

    /// The same for one that has said already who it is: it is never evicted.
    #[must_use]
    pub fn enter_speaking(&self) -> Option<Place> {
        let number = lock(&self.inner).enter(self.places)?;
        Some(Place { inner: Arc::clone(&self.inner), number })
    }
}

impl Inner {
    fn enter(&mut self, places: usize) -> Option<u64> {
        if self.taken >= places {
            // The evicted one gives its place back when it notices; the newcomer is counted
            // already, so the lobby is over its bound by those on their way out only.
            let (_, evict) = self.silent.pop_first()?;
            let _ = evict.send(());
        }
        self.taken += 1;
        self.next += 1;
        Some(self.next)
    }
}

impl Place {
    /// The client has said who it is; it is not evicted any more.
    pub fn spoke(&self) {
        // The sender is kept alive by nobody then, and the eviction never resolves with `Ok`.
        lock(&self.inner).silent.remove(&self.number);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = lock(&self.inner);
        inner.taken -= 1;
        inner.silent.remove(&self.number);
    }
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_silent_one_goes_first_and_speakers_stay() {
        let lobby = Lobby::new(2);
        let (speaker, mut first) = lobby.enter().unwrap();
        let (_silent, mut second) = lobby.enter().unwrap();
        speaker.spoke();
        let (third, _) = lobby.enter().unwrap();
        assert!(first.try_recv().is_err());
        assert_eq!(second.try_recv(), Ok(()));
        third.spoke();
        assert!(lobby.enter().is_none());
    }

    #[test]
    fn a_place_comes_back() {
        let lobby = Lobby::new(1);
        drop(lobby.enter().unwrap());
        let (place, _) = lobby.enter().unwrap();
        place.spoke();
        assert!(lobby.enter().is_none());
        drop(place);
        assert!(lobby.enter().is_some());
    }
}
