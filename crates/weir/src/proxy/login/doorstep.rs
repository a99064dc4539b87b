//! Logins that need no task, done by whoever accepts: the client's startup packet has come with it,
//! so nothing is waited for, and the runtime never hears of it.
//!
//! A login thread lets those in whose word is taken ([`let_in`]). A worker goes further: it also
//! hears those whose proof can be checked on the spot ([`knock`], [`Guest`]).

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::net::RecvFlags;
use tracing::debug;
use weir_wire::scram::Nonce;
use weir_wire::startup::FirstPacket;

use super::guest::Guest;
use super::hello::{self, Hello};
use super::route::{self, Admission, Arrival};
use super::{Ended, Peer, Proven, log_end, turn_away};
use crate::proxy::auth::{self, AtOnce};
use crate::proxy::conn::{Conn, Parts};
use crate::proxy::directory::Directory;
use crate::proxy::listen;
use crate::proxy::refusal::Refusal;
use crate::proxy::socket::Socket;
use crate::proxy::target::Credential;
use crate::proxy::threads::House;

/// Bytes read of a client that was just accepted. Startup packets are shorter but for rare ones,
/// which are read on in a task.
const HEAD_BYTES: usize = 1024;

/// What became of a client that a login thread accepted.
pub enum Doorstep {
    /// It is in, or seen to, or gone.
    Served,
    /// It has to say more. These bytes of it have been read.
    Waits(Socket, Vec<u8>),
}

/// What became of a client that a worker accepted.
pub enum Knock {
    /// It is in.
    In(Box<Arrival>, OwnedFd),
    /// It is asked for its proof: this is to be sent.
    Asked(Box<Guest>, OwnedFd, Vec<u8>),
    /// It is seen to elsewhere, or gone.
    Served,
}

/// A startup packet that came whole, of a client that may be let in here.
pub(super) struct Ready {
    pub(super) hello: Hello,
    /// What is said before anything else.
    pub(super) prelude: Vec<u8>,
    /// Bytes that came behind the startup packet.
    pub(super) leftover: Vec<u8>,
}

/// Lets a TCP client in if its first bytes are all that is wanted of it.
pub fn let_in(house: &Arc<House>, socket: OwnedFd, peer: Peer) -> Doorstep {
    let directory = house.directory.load_full();
    let mut head = [0; HEAD_BYTES];
    let head = read(&directory, &socket, &mut head);
    match ready(house, &directory, head, &peer) {
        Some((ready, AtOnce::Nothing)) => match welcome(house, directory, ready, peer) {
            Welcome::In(arrival) => arrival.deliver(house, Parts::plain(socket)),
            Welcome::Else(rest) => rest.see_to(house, socket),
        },
        Some((_, AtOnce::Proof(_))) | None => match Socket::tcp(socket) {
            Ok(socket) => return Doorstep::Waits(socket, head.to_vec()),
            Err(error) => debug!(client = %peer, "cannot watch a new connection: {error}"),
        },
    }
    Doorstep::Served
}

/// Receives a TCP client on a worker's thread, which is in the runtime's context: those who need
/// time, or more than their word and a proof, become tasks. `nonce` gives a new one.
pub fn knock(
    house: &Arc<House>,
    socket: OwnedFd,
    peer: Peer,
    nonce: impl FnOnce() -> std::io::Result<Nonce>,
) -> Knock {
    let directory = house.directory.load_full();
    let mut head = [0; HEAD_BYTES];
    let head = read(&directory, &socket, &mut head);
    match ready(house, &directory, head, &peer) {
        Some((ready, AtOnce::Nothing)) => match welcome(house, directory, ready, peer) {
            Welcome::In(arrival) => return Knock::In(arrival, socket),
            Welcome::Else(rest) => rest.see_to(house, socket),
        },
        Some((ready, AtOnce::Proof(claim))) => {
            if let Some(place) = house.lobby.enter_speaking()
                && let Ok(nonce) = nonce()
                && let Ok((guest, question)) =
                    Guest::new((directory, ready), (claim, nonce), peer, place)
            {
                return Knock::Asked(Box::new(guest), socket, question);
            }
            listen::receive(house, socket, head, peer);
        }
        None => listen::receive(house, socket, head, peer),
    }
    Knock::Served
}

/// What has come, unless it may belong to a handshake, which reads for itself. Errors and the end
/// are for the next one who reads.
fn read<'a>(directory: &Directory, socket: &OwnedFd, into: &'a mut [u8]) -> &'a [u8] {
    if directory.client_tls.is_some() {
        return &[];
    }
    let count = rustix::net::recv(socket, &mut *into, RecvFlags::DONTWAIT).map_or(0, |(n, _)| n);
    &into[..count]
}

fn ready(
    house: &House,
    directory: &Directory,
    head: &[u8],
    peer: &Peer,
) -> Option<(Ready, AtOnce)> {
    let Ok(Some((FirstPacket::Startup(mut startup), taken))) = FirstPacket::parse(head) else {
        return None;
    };
    if house.stopping.load(Ordering::Relaxed) {
        return None;
    }
    // Those who are refused are told by a task, which finds the same.
    let hello = hello::of(directory, &mut startup, false).ok()?;
    let prelude = hello::negotiation(&startup).ok()?;
    let asked = auth::at_once(house, directory, &hello, peer)?;
    let leftover = head[taken..].to_vec();
    Some((Ready { hello, prelude, leftover }, asked))
}

/// What becomes of a client whose word is taken.
enum Welcome {
    In(Box<Arrival>),
    Else(Box<Rest>),
}

fn welcome(house: &House, directory: Arc<Directory>, ready: Ready, peer: Peer) -> Welcome {
    let Ready { hello, prelude, leftover } = ready;
    let proven = Proven { hello, proof: Credential::None };
    match route::admit(house, Arc::clone(&directory), proven, &peer) {
        Ok(Admission::Pool(entrant)) => {
            Welcome::In(Box::new(entrant.arrive(prelude, leftover, &peer)))
        }
        outcome @ (Ok(Admission::Console(_)) | Err(_)) => {
            Welcome::Else(Box::new(Rest { directory, prelude, leftover, outcome, peer }))
        }
    }
}

/// A login that has to wait for the client after all: it visits the console, or is told why it is
/// not let in.
struct Rest {
    directory: Arc<Directory>,
    prelude: Vec<u8>,
    leftover: Vec<u8>,
    outcome: Result<Admission, Refusal>,
    peer: Peer,
}

impl Rest {
    fn see_to(self, house: &Arc<House>, socket: OwnedFd) {
        match Socket::tcp(socket) {
            Ok(socket) => {
                tokio::spawn(self.finish(Arc::clone(house), socket));
            }
            Err(error) => debug!(client = %self.peer, "cannot watch a new connection: {error}"),
        }
    }

    async fn finish(self, house: Arc<House>, socket: Socket) {
        let Self { directory, prelude, leftover, outcome, peer } = self;
        let mut conn = Conn::with(socket, leftover);
        conn.hold(&prelude);
        let ended: Result<(), Ended> = match outcome {
            Ok(admission) => admission.hand_over(&house, conn, &peer).await,
            Err(refusal) => Err(turn_away(conn, refusal).await),
        };
        if let Err(ended) = ended {
            log_end(&directory, &peer, &ended);
        }
    }
}
