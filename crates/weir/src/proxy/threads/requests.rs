//! What workers ask for: connections and cancels.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use tracing::{debug, warn};
use weir_core::config::limits;
use weir_core::ids::DialId;

use super::House;
use super::turns::Turns;
use crate::proxy::dial::{self, ServerConn};
use crate::proxy::mail::{DialFailure, Dialled, FromWorker, ServerKey, ToWorker};
use crate::proxy::target::{DialSpec, ServerTls};

/// How long a cancel may take where the settings set no limit.
const CANCEL_LIMIT: std::time::Duration = std::time::Duration::from_secs(10);

/// Serves requests until the last worker is gone.
pub(super) async fn serve(house: Arc<House>, mut inbox: UnboundedReceiver<FromWorker>) {
    let dials = Arc::new(Turns::new(limits::DIALS_IN_FLIGHT));
    let cancels = Arc::new(Turns::new(limits::CANCELS_IN_FLIGHT));
    while let Some(request) = inbox.recv().await {
        let house = Arc::clone(&house);
        match request {
            FromWorker::Dial { worker, dial, spec } => {
                let turns = Arc::clone(&dials);
                tokio::spawn(async move {
                    let _turn = turns.take(&spec.address).await;
                    let letter = open(&house, dial, &spec).await;
                    answer(&house, worker, letter);
                });
            }
            FromWorker::Forgotten { pool } => house.directory.load().forget(&pool),
            FromWorker::Cancel { worker, token, tls, key } => {
                let turns = Arc::clone(&cancels);
                tokio::spawn(async move {
                    let _turn = turns.take(&key.at.address).await;
                    cancel(&house, &tls, &key).await;
                    answer(&house, worker, ToWorker::Cancelled { token });
                });
            }
        }
    }
}

fn answer(house: &House, worker: usize, letter: ToWorker) {
    match house.mailboxes.get(worker) {
        Some(mailbox) => mailbox.put(letter),
        None => warn!(worker, "a request came from a worker that does not exist"),
    }
}

async fn open(house: &House, dial: DialId, spec: &DialSpec) -> ToWorker {
    let opened = house.open(spec).await;
    match opened.and_then(|server| hand_over(dial, spec, server)) {
        Ok(dialled) => ToWorker::Dialled(Box::new(dialled)),
        Err(failure) => ToWorker::DialFailed { dial, failure },
    }
}

fn hand_over(dial: DialId, spec: &DialSpec, server: ServerConn) -> Result<Dialled, DialFailure> {
    let ServerConn { conn, key, parameters } = server;
    let parts = conn.into_server_parts().map_err(|error| DialFailure {
        message: format!("the connection to PostgreSQL at {} was lost: {error}", spec.address),
        sqlstate: *b"08006",
        permanent: false,
    })?;
    Ok(Dialled {
        dial,
        socket: parts.socket,
        tls: parts.tls,
        leftover: parts.leftover,
        key,
        parameters,
    })
}

async fn cancel(house: &House, tls: &ServerTls, key: &ServerKey) {
    let limit = house.directory.load().settings.timeouts.cancel_wait.unwrap_or(CANCEL_LIMIT);
    if let Err(failure) = dial::cancel(tls, key, limit).await {
        debug!(pid = key.pid, "cancel not delivered: {}", failure.message);
    }
}
