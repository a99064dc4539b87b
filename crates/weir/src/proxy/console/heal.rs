//! Orders to the healing ladder, given to all workers at once.

use std::sync::Arc;

use tokio::sync::oneshot;
use weir_core::console::{Hit, Intervention};
use weir_core::session::Notice;
use weir_wire::error::SqlState;

use super::answer::{off, refused};
use crate::proxy::mail::{Command, ToWorker};
use crate::proxy::threads::House;

/// Does what an administrator orders, or says what it would do. When it answers, every worker has
/// obeyed.
///
/// # Errors
/// When there is nobody whom it could be about, or the process is stopping.
pub async fn intervene(
    house: &House,
    order: &Intervention,
    dry_run: bool,
) -> Result<Vec<Hit>, Notice> {
    if !dry_run {
        tracing::warn!("console: {} {order}", order.tag());
    }
    let order_of_all = Arc::new(order.clone());
    let asked = house.mailboxes.iter().map(|mailbox| {
        let (answer, answered) = oneshot::channel();
        let order = Arc::clone(&order_of_all);
        mailbox.put(ToWorker::Command(Command::Heal { order, dry_run, answer }));
        answered
    });
    let asked: Vec<_> = asked.collect();
    let mut hits = Vec::new();
    for answered in asked {
        let gone = |_| refused(SqlState::ADMIN_SHUTDOWN, "the process is stopping");
        hits.extend(answered.await.map_err(gone)?);
    }
    if hits.is_empty() && !order.may_hit_nobody() {
        return Err(if house.ledger { nobody(order) } else { off() });
    }
    Ok(hits)
}

fn nobody(order: &Intervention) -> Notice {
    let mut notice =
        refused(SqlState::UNDEFINED_OBJECT, format!("{} finds nobody: {order}", order.tag()));
    notice.hint =
        "SHOW HOLDERS, SHOW ROUTES and SHOW QUARANTINE have the names. A route must have \
                   been seen by a pool; EVICT is about those that hold a server connection."
            .into();
    notice
}
