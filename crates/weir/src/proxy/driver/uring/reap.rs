//! What becomes of completions.

use std::mem;

use rustix::event::PollFlags;
use rustix::io::Errno;

use super::conn::Listening;
use super::ring::{Completion, Flight, Key, What};
use super::{Uring, Watched};
use crate::proxy::driver::{Chunk, Farewell, Origin, Readiness};

impl Uring {
    #[inline]
    pub(super) fn complete(&mut self, completion: Completion) {
        let Completion { key, more, what } = completion;
        let at = key.at;
        if let Some(place) = self.watched.get_mut((u32::MAX - at) as usize) {
            return rang(place, more);
        }
        debug_assert!(
            key.is(at, self.conns.generation(at)),
            "an operation outlived its connection"
        );
        let Some(conn) = self.conns.get_mut(at) else { return };
        conn.operations -= u8::from(!more);
        match what {
            What::Received(result) => self.received(at, result, more),
            What::Sent { flight, result } => self.sent(key, flight, result),
            What::Watched(seen) => self.hung_up(at, seen),
            What::Rang => {}
        }
        if !more {
            self.end(at);
        }
    }

    #[inline]
    fn received(&mut self, at: u32, result: Result<Option<Chunk>, Errno>, more: bool) {
        let Some(conn) = self.conns.get_mut(at) else { return };
        if !more {
            conn.listening = Listening::Off;
            self.idle.push(at);
        }
        match result {
            Ok(Some(chunk)) if conn.closing.is_some() => match chunk.origin {
                Origin::Ring(place) => self.ring.give_back(place, chunk.buffer),
                Origin::Own | Origin::Scratch => {}
            },
            Ok(Some(chunk)) => {
                conn.inbox.push(chunk);
                self.filled.push(at);
            }
            Ok(None) => {
                conn.ended = true;
                conn.news.hangup = true;
            }
            // Told to stop, or out of buffers for now: it goes on when it may.
            Err(Errno::CANCELED | Errno::NOBUFS | Errno::INTR | Errno::AGAIN) => return,
            Err(_) => {
                conn.ended = true;
                conn.news.hangup = true;
                conn.news.broken = true;
            }
        }
        self.list(at);
    }

    fn sent(&mut self, key: Key, mut flight: Flight, result: Result<usize, Errno>) {
        let at = key.at;
        let Some(conn) = self.conns.get_mut(at) else { return };
        match result {
            Ok(count) => flight.from += count,
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => conn.deaf = true,
        }
        let over = conn.deaf || conn.closing == Some(Farewell::AtOnce);
        if flight.from < flight.bytes.len() && !over {
            conn.behind = true;
            return self.fly(key, flight, true);
        }
        if over {
            conn.out = Vec::new();
        }
        let drained = conn.out.is_empty() && mem::take(&mut conn.behind);
        self.keep(flight.bytes);
        if drained {
            self.drained(at);
        } else {
            self.launch_one(at);
        }
    }

    fn drained(&mut self, at: u32) {
        if let Some(conn) = self.conns.get_mut(at) {
            conn.news.drained = true;
            self.list(at);
        }
    }

    fn hung_up(&mut self, at: u32, seen: Result<PollFlags, Errno>) {
        let Some(conn) = self.conns.get_mut(at) else { return };
        conn.watched = false;
        let ends = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
        let Ok(seen) = seen else { return self.idle.push(at) };
        if !seen.intersects(ends) {
            // Only bytes to be read. What is not read is watched for its end only.
            conn.plenty = true;
            self.idle.push(at);
            return self.list(at);
        }
        conn.hung_up = true;
        conn.news.hangup = true;
        conn.news.broken |= seen.intersects(PollFlags::HUP | PollFlags::ERR);
        if !conn.news.broken {
            // What is left is its end in the other direction.
            self.idle.push(at);
        }
        self.list(at);
    }

    /// The worker will be told of it.
    #[inline]
    fn list(&mut self, at: u32) {
        if let Some(conn) = self.conns.get_mut(at)
            && !mem::replace(&mut conn.news.listed, true)
        {
            self.listed.push(at);
        }
    }

    /// Tells the worker.
    pub(super) fn tell(&mut self, news: &mut Vec<Readiness>) {
        for watched in self.watched.iter_mut().flatten() {
            if mem::take(&mut watched.rang) {
                news.push(Readiness::of(watched.token));
            }
        }
        for at in self.listed.drain(..) {
            let Some(conn) = self.conns.get_mut(at) else { continue };
            let told = mem::take(&mut conn.news);
            if conn.closing.is_none() {
                news.push(Readiness {
                    token: conn.token,
                    drained: told.drained,
                    hangup: told.hangup,
                    broken: told.broken,
                });
            }
        }
    }
}

/// Something came where nothing is received; unless there is `more` to come, the kernel does not
/// watch there any more.
fn rang(place: &mut Option<Watched>, more: bool) {
    let Some(watched) = place else { return };
    watched.rang = !watched.unwanted;
    watched.stopped = !more;
    if watched.unwanted && !more {
        *place = None;
    }
}
