//! One client's way in: first packet, TLS, startup, proof, route.
//!
//! Each step hands the next what it needs, so that none can be left out or done twice: a TLS
//! request is answered once, a startup packet is read once, and only a [`Proven`] client is
//! routed.

mod cancel;
mod console;
mod doorstep;
mod guest;
mod hello;
mod opening;
mod peer;
mod route;

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::{Instant, timeout_at};
use tracing::{debug, info};
use weir_wire::build;
use weir_wire::error::SqlState;
use weir_wire::startup::Startup;

pub use console::{Access, Visitor};
pub use doorstep::{Doorstep, Knock, knock, let_in};
pub use guest::{Guest, Reply};
pub use hello::Hello;
pub use peer::Peer;
pub use route::Arrival;

use crate::proxy::auth;
use crate::proxy::conn::{Broken, Conn};
use crate::proxy::directory::Directory;
use crate::proxy::lobby::{Eviction, Place};
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

/// Serves one accepted connection, of which bytes may have been read, until it is a worker's, or
/// gone.
///
/// Each future that waits for another holds it, and is moved with it several times. So what most
/// logins do not need, and what is large, is on the heap.
pub async fn serve(
    house: Arc<House>,
    came: (Socket, Vec<u8>),
    peer: Peer,
    (place, eviction): (Place, Eviction),
) {
    let directory = house.directory.load_full();
    let deadline = directory.settings.timeouts.client_login.map(|limit| Instant::now() + limit);
    let opening = within(deadline, opening::open(came, directory.client_tls.as_ref()));
    let opened = tokio::select! {
        // A client that has said nothing by then is not told either.
        opened = opening => opened.unwrap_or_else(|| Err(Ended::Refused(timed_out()))),
        Ok(()) = eviction => Err(crowded_out()),
    };
    place.spoke();
    let ended = match opened {
        Ok((conn, Opening::Start(mut startup))) => {
            log_in(&house, &directory, conn, &mut startup, (&peer, deadline)).await
        }
        Ok((_conn, Opening::Cancel { pid, secret })) => {
            // Cancels have a bound of their own.
            drop(place);
            Box::pin(cancel::forward(&house, &directory, pid, secret)).await;
            return;
        }
        Err(ended) => Err(ended),
    };
    if let Err(ended) = ended {
        log_end(&directory, &peer, &ended);
    }
}

async fn within<T>(deadline: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => timeout_at(deadline, future).await.ok(),
        None => Some(future.await),
    }
}

fn timed_out() -> Refusal {
    Refusal::new(SqlState::QUERY_CANCELED, "canceling authentication due to timeout")
}

fn crowded_out() -> Ended {
    Ended::Refused(Refusal::new(
        SqlState::TOO_MANY_CONNECTIONS,
        "closed the login that was silent for longest: too many are half-open",
    ))
}

async fn log_in(
    house: &Arc<House>,
    directory: &Directory,
    mut conn: Conn,
    startup: &mut Startup,
    (peer, deadline): (&Peer, Option<Instant>),
) -> Result<(), Ended> {
    let admission = within(deadline, admit(house, directory, &mut conn, startup, peer)).await;
    match admission.unwrap_or_else(|| Err(Ended::Refused(timed_out()))) {
        Ok(admission) => admission.hand_over(house, conn, peer).await,
        Err(Ended::Refused(refusal)) => Err(Box::pin(turn_away(conn, refusal)).await),
        Err(broken) => Err(broken),
    }
}

async fn admit(
    house: &Arc<House>,
    directory: &Directory,
    conn: &mut Conn,
    startup: &mut Startup,
    peer: &Peer,
) -> Result<route::Admission, Ended> {
    if house.stopping.load(Ordering::Relaxed) {
        return Err(Ended::Refused(shutting_down()));
    }
    let hello = hello::read(directory, conn, startup)?;
    conn.hold(&hello::negotiation(startup).map_err(Ended::Refused)?);
    let proof = auth::authenticate(house, directory, conn, &hello, peer).await?;
    // By the settings of now, so that a reload during the login does not miss this client's pool.
    let directory = house.directory.load_full();
    route::admit(house, directory, Proven { hello, proof }, peer).map_err(Ended::Refused)
}

fn shutting_down() -> Refusal {
    Refusal::new(SqlState::CANNOT_CONNECT_NOW, "the proxy is shutting down")
        .hint("Try again in a moment, or use another proxy.")
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

fn log_refusal(directory: &Directory, peer: &Peer, refusal: &Refusal) {
    if directory.settings.log.pooler_errors {
        info!(
            client = %peer,
            sqlstate = %refusal.sqlstate,
            reason = refusal.log.as_deref().or(refusal.detail.as_deref()),
            "refused: {}",
            refusal.message
        );
    }
}

fn log_end(directory: &Directory, peer: &Peer, ended: &Ended) {
    match ended {
        Ended::Refused(refusal) => log_refusal(directory, peer, refusal),
        // TLS that cannot be agreed on (certificates, versions) is for the operator to see.
        Ended::Broken(Broken::Io(error)) if error.kind() == ErrorKind::InvalidData => {
            info!(client = %peer, "TLS with the client failed: {error}");
        }
        Ended::Broken(broken) => debug!(client = %peer, "gone during login: {broken}"),
    }
}
