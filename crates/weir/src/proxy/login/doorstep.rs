//! Logins that ask nothing of the client, done where it is accepted: its startup packet has come
//! with it, so nothing is waited for, and the runtime never hears of it.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::net::RecvFlags;
use tracing::debug;
use weir_wire::startup::FirstPacket;

use super::hello::{self, Hello};
use super::route::{self, Admission};
use super::{Ended, Peer, Proven, log_end, turn_away};
use crate::proxy::auth;
use crate::proxy::conn::{Conn, Parts};
use crate::proxy::directory::Directory;
use crate::proxy::refusal::Refusal;
use crate::proxy::socket::Socket;
use crate::proxy::target::Credential;
use crate::proxy::threads::House;

/// Bytes read of a client that was just accepted. Startup packets are shorter but for rare ones,
/// which are read on in a task.
const HEAD_BYTES: usize = 1024;

/// What became of a client that was just accepted.
pub enum Doorstep {
    /// It is in, or seen to, or gone.
    Served,
    /// It has to say more. These bytes of it have been read.
    Waits(Socket, Vec<u8>),
}

/// A login that needs no more of the client.
struct Ready {
    hello: Hello,
    /// What is said before `AuthenticationOk`.
    prelude: Vec<u8>,
    /// Bytes that came behind the startup packet.
    leftover: Vec<u8>,
}

/// Lets a TCP client in if its first bytes are all that is wanted of it.
pub fn let_in(house: &Arc<House>, socket: OwnedFd, peer: Peer) -> Doorstep {
    let directory = house.directory.load_full();
    let mut head = [0; HEAD_BYTES];
    let head = match directory.client_tls {
        // What it says may belong to a handshake, which reads for itself.
        Some(_) => &[],
        None => read(&socket, &mut head),
    };
    match ready(house, &directory, head, &peer) {
        Some(ready) => serve(house, directory, socket, ready, peer),
        None => match Socket::tcp(socket) {
            Ok(socket) => return Doorstep::Waits(socket, head.to_vec()),
            Err(error) => debug!(client = %peer, "cannot watch a new connection: {error}"),
        },
    }
    Doorstep::Served
}

/// What has come. Errors and the end are for the next one who reads.
fn read<'a>(socket: &OwnedFd, into: &'a mut [u8]) -> &'a [u8] {
    let count = rustix::net::recv(socket, &mut *into, RecvFlags::DONTWAIT).map_or(0, |(n, _)| n);
    &into[..count]
}

fn ready(house: &House, directory: &Directory, head: &[u8], peer: &Peer) -> Option<Ready> {
    let Ok(Some((FirstPacket::Startup(startup), taken))) = FirstPacket::parse(head) else {
        return None;
    };
    if house.stopping.load(Ordering::Relaxed) {
        return None;
    }
    // Those who are refused are told by a task, which finds the same.
    let hello = hello::of(directory, &startup, false).ok()?;
    let prelude = hello::negotiation(&startup).ok()?;
    let leftover = head[taken..].to_vec();
    auth::asks_nothing(directory, &hello, peer).then_some(Ready { hello, prelude, leftover })
}

fn serve(house: &Arc<House>, directory: Arc<Directory>, socket: OwnedFd, ready: Ready, peer: Peer) {
    let Ready { hello, prelude, leftover } = ready;
    let proven = Proven { hello, proof: Credential::None };
    match route::admit(house, Arc::clone(&directory), proven, &peer) {
        Ok(Admission::Pool(entrant)) => {
            entrant.enter(house, Parts { socket, tls: None, leftover, held: prelude }, &peer);
        }
        other => match Socket::tcp(socket) {
            Ok(socket) => {
                let mut conn = Conn::with(socket, leftover);
                conn.hold(&prelude);
                tokio::spawn(finish(Arc::clone(house), directory, conn, other, peer));
            }
            Err(error) => debug!(client = %peer, "cannot watch a new connection: {error}"),
        },
    }
}

/// The rest of a login that has to wait for the client after all: it visits the console, or is
/// told why it is not let in.
async fn finish(
    house: Arc<House>,
    directory: Arc<Directory>,
    conn: Conn,
    outcome: Result<Admission, Refusal>,
    peer: Peer,
) {
    let ended: Result<(), Ended> = match outcome {
        Ok(admission) => admission.hand_over(&house, conn, &peer).await,
        Err(refusal) => Err(turn_away(conn, refusal).await),
    };
    if let Err(ended) = ended {
        log_end(&directory, &peer, &ended);
    }
}
