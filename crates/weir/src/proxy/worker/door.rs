//! Clients that this worker accepts itself, while it is the only one: those whose word is taken,
//! or whose proof can be checked on the spot, come in without a change of threads. Everybody else
//! becomes a task of the login threads.

use std::os::fd::AsFd as _;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::runtime::Handle;
use weir_core::config::limits::{CALLERS_PER_TURN, PROOFS_PER_TURN};
use weir_core::time::Instant;
use weir_wire::build;
use weir_wire::scram::Nonce;

use crate::proxy::door::{Caller, Door, PAUSE};
use crate::proxy::driver::{Readiness, Received};
use crate::proxy::login::{self, Arrival, Guest, Knock, Peer, Reply};
use crate::proxy::mail::Admitted;
use crate::proxy::refusal::Refusal;
use crate::proxy::slab::Slab;
use crate::proxy::threads::{Doors, House};
use crate::proxy::worker::socket::Socket;
use crate::proxy::worker::{Kind, Named, Worker, door_token, token};

/// Where clients come in.
pub(super) struct Porch {
    house: Arc<House>,
    pub(super) runtime: Handle,
    entries: Vec<Entry>,
}

struct Entry {
    door: Door,
    /// Somebody may wait there.
    called: bool,
    /// Accepting has failed: not before then.
    not_before: Instant,
}

/// A client that is asked for its proof.
pub(super) struct Newcomer {
    socket: Socket,
    guest: Guest,
    /// News of it that it has not been heard about: it is in the queue.
    news: Option<Readiness>,
    /// When its time is up.
    until: Option<Instant>,
}

/// Those who are asked, by place.
pub(super) type Newcomers = Slab<Newcomer>;

impl Worker {
    /// Accepts clients, where these are its doors.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn with_doors(mut self, doors: Option<Doors>) -> Result<Self> {
        let Some(Doors { doors, house, runtime }) = doors else { return Ok(self) };
        let mut entries = Vec::new();
        for (index, door) in doors.into_iter().enumerate() {
            let watched = self.driver.watch(door.as_fd(), door_token(index));
            watched.context("cannot watch a listening socket")?;
            // Somebody may have come before it was watched.
            entries.push(Entry { door, called: true, not_before: Instant::ZERO });
        }
        self.porch = Some(Porch { house, runtime, entries });
        Ok(self)
    }

    /// Another process accepts from now on.
    pub(super) fn close_doors(&mut self) {
        let Some(porch) = &mut self.porch else { return };
        for (index, entry) in porch.entries.drain(..).enumerate() {
            self.driver.unwatch(entry.door.as_fd(), door_token(index));
        }
    }

    /// Somebody is at a door.
    pub(super) fn called(&mut self, index: usize) {
        if let Some(entry) = self.porch.as_mut().and_then(|porch| porch.entries.get_mut(index)) {
            entry.called = true;
        }
    }

    /// When somebody has to be let in: now, later, or not.
    pub(super) fn next_call(&self) -> Option<Instant> {
        let entries = &self.porch.as_ref()?.entries;
        entries.iter().filter(|entry| entry.called).map(|entry| entry.not_before).min()
    }

    /// Lets in those who wait, so many a turn that queries are not held up by them.
    pub(super) fn answer_doors(&mut self) {
        let Some(porch) = &self.porch else { return };
        let (house, count) = (Arc::clone(&porch.house), porch.entries.len());
        (0..count).for_each(|index| self.answer_door(&house, index));
    }

    fn answer_door(&mut self, house: &Arc<House>, index: usize) {
        let directory = house.directory.load();
        let keepalive = &directory.settings.listen.keepalive;
        for _ in 0..CALLERS_PER_TURN {
            let entry = self.porch.as_mut().and_then(|porch| porch.entries.get_mut(index));
            let Some(entry) = entry.filter(|it| it.called && it.not_before <= self.now) else {
                return;
            };
            match entry.door.accept(keepalive) {
                Caller::Client(socket, address) => {
                    let nonce = || self.chance.take().map(|bytes| Nonce::from_random(&bytes));
                    let knock = login::knock(house, socket, Peer::Tcp(address), nonce);
                    self.receive(knock);
                    self.look_out(index);
                }
                Caller::Nobody => entry.called = false,
                Caller::Failure => entry.not_before = self.now + PAUSE,
            }
        }
    }

    /// Whoever comes from now on is told of.
    fn look_out(&mut self, index: usize) {
        if let Some(entry) = self.porch.as_mut().and_then(|porch| porch.entries.get_mut(index)) {
            entry.called = entry.door.is_waited_at();
        }
    }

    fn receive(&mut self, knock: Knock) {
        match knock {
            Knock::In(arrival, socket) => {
                let Arrival { changed, client } = *arrival;
                self.announce(changed, &client);
                self.admit(client.swap(socket).0);
            }
            Knock::Asked(guest, socket, question) => {
                let (at, generation) = self.newcomers.next();
                let link = self.driver.open(socket, token(at, generation, Kind::Newcomer));
                let mut socket = match link {
                    Ok(link) => Socket::new(link, None),
                    Err(error) => {
                        tracing::error!(%error, "cannot watch a client's connection; it is closed");
                        return;
                    }
                };
                socket.send(&mut self.driver, &question);
                let until = guest.patience().map(|patience| self.now + patience);
                self.newcomers.insert(Newcomer { socket, guest: *guest, news: None, until });
                // What came with its startup packet may be an answer.
                self.hear(at, &[]);
            }
            Knock::Served => return,
        }
        self.perform_effects();
    }

    /// A pool that exists is told its new target before its next client comes.
    fn announce<S>(&mut self, changed: bool, client: &Admitted<S>) {
        if changed {
            self.reconfigure(&client.pool, Some(Arc::clone(&client.target)));
            self.perform_effects();
        }
    }

    /// There is news of a newcomer. It waits until queries have had their turn.
    pub(super) fn newcomer_told(&mut self, at: u32, event: Readiness) {
        let Some(newcomer) = self.newcomers.get_mut(at) else { return };
        match &mut newcomer.news {
            Some(news) => news.add(event),
            None => {
                newcomer.news = Some(event);
                self.told.push_back(event.token);
            }
        }
    }

    /// Hears newcomers, so many a turn that queries are not held up by them.
    pub(super) fn hear_newcomers(&mut self) {
        for _ in 0..PROOFS_PER_TURN {
            let Some(token) = self.told.pop_front() else { return };
            let Named::Newcomer(at) = self.named(token) else { continue };
            let news = self.newcomers.get_mut(at).and_then(|newcomer| newcomer.news.take());
            if let Some(news) = news {
                self.newcomer_ready(at, news);
            }
        }
    }

    fn newcomer_ready(&mut self, at: u32, event: Readiness) {
        loop {
            let Some(newcomer) = self.newcomers.get_mut(at) else { return };
            match newcomer.socket.receive(&mut self.driver) {
                Received::Bytes(chunk) => {
                    let heard = self.hear(at, &chunk);
                    let last = chunk.is_last();
                    self.driver.give_back(chunk);
                    if let Some(client) = heard {
                        return self.client_ready(client, event);
                    }
                    if last {
                        return;
                    }
                }
                Received::Nothing => return,
                Received::End => {
                    newcomer.guest.left();
                    return self.close_newcomer(at);
                }
            }
        }
    }

    /// Passes on what a newcomer said, and answers. Returns its place as a client once it is one.
    fn hear(&mut self, at: u32, bytes: &[u8]) -> Option<u32> {
        let mut bytes = bytes;
        loop {
            let house = &self.porch.as_ref()?.house;
            let newcomer = self.newcomers.get_mut(at)?;
            match newcomer.guest.hear(house, std::mem::take(&mut bytes)) {
                Ok(Reply::Nothing) => return None,
                Ok(Reply::Question(question)) => {
                    newcomer.socket.send(&mut self.driver, &question);
                }
                Ok(Reply::In(arrival)) => return self.promote(at, *arrival),
                Err(refusal) => {
                    self.dismiss_newcomer(at, &refusal);
                    return None;
                }
            }
        }
    }

    /// A newcomer has become a client.
    fn promote(&mut self, at: u32, arrival: Arrival) -> Option<u32> {
        let Newcomer { socket, .. } = self.newcomers.remove(at)?;
        let Arrival { changed, client } = arrival;
        self.announce(changed, &client);
        let (place, generation) = self.clients.next();
        socket.rename(&mut self.driver, token(place, generation, Kind::Client));
        self.settle(client.swap(socket).0);
        self.perform_effects();
        Some(place)
    }

    /// Tells a newcomer why not, and closes.
    fn dismiss_newcomer(&mut self, at: u32, refusal: &Refusal) {
        if let Some(newcomer) = self.newcomers.get_mut(at) {
            let mut words = Vec::new();
            build::error_response(&mut words, &refusal.report());
            newcomer.socket.send(&mut self.driver, &words);
        }
        self.close_newcomer(at);
    }

    fn close_newcomer(&mut self, at: u32) {
        if let Some(Newcomer { socket, guest, .. }) = self.newcomers.remove(at) {
            // Its place is free before it can know.
            drop(guest);
            socket.close_by(&mut self.driver, self.now + self.options.linger);
        }
    }

    /// Ends the logins whose time is up; all of them once the proxy stops.
    pub(super) fn sweep_newcomers(&mut self) {
        let stopping = self.stopping.is_some();
        let late = |newcomer: &Newcomer| newcomer.until.is_some_and(|until| until <= self.now);
        let going: Vec<(u32, Refusal)> = self
            .newcomers
            .iter()
            .filter_map(|(at, newcomer)| match stopping {
                true => Some((at, newcomer.guest.send_away())),
                false => late(newcomer).then(|| (at, newcomer.guest.give_up())),
            })
            .collect();
        for (at, refusal) in going {
            self.dismiss_newcomer(at, &refusal);
        }
    }
}
