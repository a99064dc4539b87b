//! The proxy's part of a picture, as its workers tell it.

use std::time::Instant;

use weir_core::activity::{Books, Flow, Proxy};

use super::line::since;
use crate::proxy::console::Gathered;
use crate::proxy::mail::Detail;
use crate::proxy::threads::House;

/// What is remembered from look to look.
#[derive(Debug, Default)]
pub(super) struct Memory {
    flow: Flow,
    books: Books,
}

/// The proxy before the server at this address; `None` when a worker does not answer.
pub(super) async fn look(
    house: &House,
    server: &str,
    memory: &mut Memory,
    started: Instant,
) -> Option<Proxy> {
    // Those who neither have a slot nor wait for one, most clients, are nothing to look at.
    let gathered = gather(house, Detail::Slots).await?;
    let (view, now) = (gathered.view(), since(started));
    let mut proxy = Proxy::from_snapshot(view.snapshot, view.settings, server);
    memory.books.note(now, &view.snapshot.ledger, &mut proxy);
    let rates = memory.flow.note(now, view.snapshot);
    proxy.logins_per_second = rates.map(|rates| rates.logins);
    proxy.cancels_per_second = rates.map(|rates| rates.cancels);
    proxy.descriptors = descriptors();
    Some(proxy)
}

async fn gather(house: &House, detail: Detail) -> Option<Gathered> {
    match Gathered::new(house, detail).await {
        Ok(gathered) => Some(gathered),
        Err(stuck) => {
            tracing::warn!("the guard does without the proxy's books: {stuck}");
            None
        }
    }
}

/// File descriptors of this process: open, and allowed. `None` where the system does not say.
fn descriptors() -> Option<(u64, u64)> {
    use rustix::process::{Resource, getrlimit};
    // Since Linux 6.2 the directory's size is their number; without it they are counted.
    let open = match std::fs::metadata("/proc/self/fd").ok()?.len() {
        0 => {
            let counted = std::fs::read_dir("/proc/self/fd").ok()?.count();
            // The one that reads the directory is closed again.
            u64::try_from(counted).ok()?.saturating_sub(1)
        }
        open => open,
    };
    Some((open, getrlimit(Resource::Nofile).current?))
}
