//! So many at a time for each server, so that one that hangs holds up no other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::proxy::target::ServerAddress;

/// Turns at each server. There are as many servers as the configurations so far have named.
#[derive(Debug)]
pub(super) struct Turns {
    places: usize,
    servers: Mutex<HashMap<ServerAddress, Arc<Semaphore>>>,
}

impl Turns {
    /// So many turns at the same time at each server.
    pub(super) fn new(places: usize) -> Self {
        Self { places, servers: Mutex::default() }
    }

    /// Waits for a turn, in the order of asking; it ends when it is dropped.
    pub(super) async fn take(&self, server: &ServerAddress) -> Option<OwnedSemaphorePermit> {
        let turns = self.of(server);
        // `None` only when the semaphore is closed, which nobody does.
        turns.acquire_owned().await.ok()
    }

    fn of(&self, server: &ServerAddress) -> Arc<Semaphore> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = servers.get(server) {
            return Arc::clone(turns);
        }
        let turns = Arc::new(Semaphore::new(self.places));
        servers.insert(server.clone(), Arc::clone(&turns));
        turns
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn servers_do_not_wait_for_each_other() {
        let turns = Turns::new(1);
        let one = ServerAddress::Unix("one".into());
        let other = ServerAddress::Unix("other".into());
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(first) = pin!(turns.take(&one)).poll(&mut cx) else { panic!("free") };
        let mut second = pin!(turns.take(&one));
        assert!(second.as_mut().poll(&mut cx).is_pending());
        assert!(pin!(turns.take(&other)).poll(&mut cx).is_ready());
        drop(first);
        assert!(second.poll(&mut cx).is_ready());
    }
}
