//! Cancel requests of clients.

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::proxy::directory::Directory;
use crate::proxy::mail::{CancelRequest, ToWorker};
use crate::proxy::threads::House;

/// Brings a cancel request to the console session or the worker whose client it names (its index is
/// in the high byte of the process id) and waits until it is delivered, as PostgreSQL keeps the
/// connection open until then. A request that names nobody, or one too many, is void; the protocol
/// gives no answer.
pub(super) async fn forward(house: &House, directory: &Directory, pid: i32, secret: Vec<u8>) {
    if house.console.cancel(pid, &secret) {
        return;
    }
    let worker = usize::try_from(pid >> 24).ok();
    let Some(mailbox) = worker.and_then(|worker| house.mailboxes.get(worker)) else { return };
    let Ok(_place) = house.cancels.try_acquire() else { return };
    let (done, delivered) = oneshot::channel();
    mailbox.put(ToWorker::Cancel(CancelRequest { pid, secret, done }));
    match directory.settings.timeouts.cancel_wait {
        // Both ways to end, delivered or not, end the connection.
        Some(limit) => drop(timeout(limit, delivered).await),
        None => drop(delivered.await),
    }
}
