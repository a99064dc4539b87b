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
    let connections = gather(house, Detail::Connections).await?;
    let ledger = gather(house, Detail::Ledger).await?;
    let (view, now) = (connections.view(), since(started));
    let mut proxy = Proxy::from_snapshot(view.snapshot, view.settings, server);
    memory.books.note(now, &ledger.view().snapshot.ledger, &mut proxy);
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
    let open = std::fs::read_dir("/proc/self/fd").ok()?.count();
    // The one that reads the directory is closed again.
    let open = u64::try_from(open).ok()?.saturating_sub(1);
    Some((open, getrlimit(Resource::Nofile).current?))
}
