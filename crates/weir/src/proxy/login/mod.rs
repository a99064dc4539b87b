//! One client's way in: first packet, TLS, startup, proof, route.
//!
//! Each step hands the next what it needs, so that none can be left out or done twice: a TLS
//! request is answered once, a startup packet is read once, and only a [`Proven`] client is
//! routed.

mod hello;
mod opening;
mod peer;
mod route;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tracing::{debug, info};
use weir_wire::build;

pub use hello::Hello;
pub use peer::Peer;

use crate::proxy::auth;
use crate::proxy::conn::{Broken, Conn};
use crate::proxy::directory::Directory;
use crate::proxy::lobby::{Eviction, Place};
use crate::proxy::mail::{CancelRequest, ToWorker};
use crate::proxy::refusal::Refusal;
use crate::proxy::socket::Socket;
use crate::proxy::target::Credential;
use crate::proxy::threads::House;
use opening::Opening;

/// How a login came to nothing.
#[derive(Debug)]
pub enum Ended {
    /// We said no, and told the client so.
    Refused(Refusal),
    /// The connection broke or the client broke the protocol beyond an answer.
    Broken(Broken),
}

impl From<Broken> for Ended {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<std::io::Error> for Ended {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(error.into())
    }
}

/// Who a client has proved to be.
#[derive(Debug)]
pub struct Proven {
    /// What it asked for.
    pub hello: Hello,
    /// What its login revealed, for logging in to the server as the same user.
    pub proof: Credential,
}

/// Serves one accepted connection until it is a worker's, or gone.
pub async fn serve(
    house: Arc<House>,
    socket: Socket,
    peer: Peer,
    (place, eviction): (Place, Eviction),
) {
    let directory = house.directory.load_full();
    let limit = directory.settings.timeouts.client_login;
    let visit = within(limit, visit(&house, &directory, socket, &peer, &place));
    tokio::select! {
        ended = visit => match ended {
            Some(Ok(())) => {}
            Some(Err(ended)) => log_end(&directory, &peer, &ended),
            None => info!(client = %peer, ?limit, "login timed out"),
        },
        Ok(()) = eviction => info!(client = %peer, "too many half-open logins: closed a silent one"),
    }
}

async fn within<T>(limit: Option<Duration>, future: impl Future<Output = T>) -> Option<T> {
    match limit {
        Some(limit) => timeout(limit, future).await.ok(),
        None => Some(future.await),
    }
}

async fn visit(
    house: &Arc<House>,
    directory: &Directory,
    socket: Socket,
    peer: &Peer,
    place: &Place,
) -> Result<(), Ended> {
    let (mut conn, opening) = opening::open(socket, directory.client_tls.as_ref()).await?;
    place.spoke();
    match opening {
        Opening::Cancel { pid, secret } => {
            forward_cancel(house, pid, secret).await;
            Ok(())
        }
        Opening::Start(startup) => match admit(house, directory, &mut conn, &startup, peer).await {
            Ok(admission) => admission.hand_over(house, conn, peer).await,
            Err(Ended::Refused(refusal)) => Err(turn_away(conn, refusal).await),
            Err(broken) => Err(broken),
        },
    }
}

async fn admit(
    house: &Arc<House>,
    directory: &Directory,
    conn: &mut Conn,
    startup: &weir_wire::startup::Startup,
    peer: &Peer,
) -> Result<route::Admission, Ended> {
    let hello = hello::read(directory, conn, startup)?;
    hello::negotiate(conn, startup).await?;
    let proof = auth::authenticate(house, directory, conn, &hello, peer).await?;
    route::admit(house, directory, Proven { hello, proof }, peer).map_err(Ended::Refused)
}

/// Tells the client why not, and closes.
pub(crate) async fn turn_away(mut conn: Conn, refusal: Refusal) -> Ended {
    let mut error = Vec::new();
    build::error_response(&mut error, &refusal.report());
    if conn.send(&error).await.is_ok() {
        conn.close().await;
    }
    Ended::Refused(refusal)
}

/// Brings a cancel request to the worker whose client it names (its index is in the high byte of
/// the process id) and waits until it is delivered, as PostgreSQL keeps the connection open until
/// then. A request that names nobody is void; the protocol gives no answer.
async fn forward_cancel(house: &House, pid: i32, secret: Vec<u8>) {
    let worker = usize::try_from(pid >> 24).ok();
    let Some(mailbox) = worker.and_then(|worker| house.mailboxes.get(worker)) else { return };
    let (done, delivered) = tokio::sync::oneshot::channel();
    mailbox.put(ToWorker::Cancel(CancelRequest { pid, secret, done }));
    let _ = delivered.await;
}

fn log_end(directory: &Directory, peer: &Peer, ended: &Ended) {
    match ended {
        Ended::Refused(refusal) if directory.settings.log.pooler_errors => info!(
            client = %peer,
            sqlstate = %refusal.sqlstate,
            reason = refusal.log.as_deref().or(refusal.detail.as_deref()),
            "refused: {}",
            refusal.message
        ),
        Ended::Refused(_) => {}
        Ended::Broken(broken) => debug!(client = %peer, "gone during login: {broken}"),
    }
}
