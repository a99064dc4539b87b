//! The proxy's part of a picture, as its workers tell it.

use std::time::Instant;

use weir_core::activity::{Flow, Proxy};

use super::line::since;
use crate::proxy::console::Gathered;
use crate::proxy::mail::Detail;
use crate::proxy::threads::House;

/// The proxy before the server at this address; `None` when a worker does not answer.
pub(super) async fn look(
    house: &House,
    server: &str,
    flow: &mut Flow,
    started: Instant,
) -> Option<Proxy> {
    let gathered = match Gathered::new(house, Detail::Connections).await {
        Ok(gathered) => gathered,
        Err(stuck) => {
            tracing::warn!("the guard does without the proxy's books: {stuck}");
            return None;
        }
    };
    let view = gathered.view();
    let mut proxy = Proxy::from_snapshot(view.snapshot, view.settings, server);
    proxy.logins_per_second = flow.note(since(started), view.snapshot);
    proxy.descriptors = descriptors();
    Some(proxy)
}

/// File descriptors of this process: open, and allowed. `None` where the system does not say.
fn descriptors() -> Option<(u64, u64)> {
    use rustix::process::{Resource, getrlimit};
    let open = std::fs::read_dir("/proc/self/fd").ok()?.count();
    // The one that reads the directory is closed again.
    let open = u64::try_from(open).ok()?.saturating_sub(1);
    Some((open, getrlimit(Resource::Nofile).current?))
}
