//! What happens once a turn, before the wait: unread bytes are moved out of the way, connections
//! are received from again, and what is to be sent is handed to the kernel.

use std::os::fd::AsFd;

use rustix::event::PollFlags;

use super::conn::Listening;
use super::ring::{Flight, Key, Op};
use super::{Uring, watch_key};
use crate::proxy::driver::Farewell;

impl Uring {
    /// Moves what was not read out of the buffers that all share, and stops to receive from those
    /// who have sent too much of it.
    pub(super) fn stow(&mut self) {
        let mut filled = std::mem::take(&mut self.filled);
        for at in filled.drain(..) {
            let key = self.key(at);
            let Some(conn) = self.conns.get_mut(at).filter(|conn| !conn.inbox.is_empty()) else {
                continue;
            };
            conn.inbox.stow(|place, buffer| self.ring.give_back(place, buffer));
            if conn.listening == Listening::On && !conn.may_listen() {
                conn.listening = Listening::Ending;
                self.ring.cancel(key, Op::Receive);
            }
        }
        self.filled = filled;
    }

    /// Receives from those it is not received from, or watches them where it must not be.
    pub(super) fn listen(&mut self) {
        let mut idle = std::mem::take(&mut self.idle);
        for at in idle.drain(..) {
            let key = self.key(at);
            let Some(conn) = self.conns.get_mut(at) else { continue };
            if conn.closing.is_some() || conn.listening != Listening::Off || conn.paused {
                continue;
            }
            if conn.may_listen() {
                conn.listening = Listening::On;
                conn.operations += 1;
                self.ring.receive(key, conn.fd.as_fd());
            } else if conn.watched {
                if conn.wants_bytes() && !conn.watched_for_bytes {
                    // It comes back here when that has ended.
                    self.ring.cancel(key, Op::Watch);
                }
            } else {
                conn.watched = true;
                conn.operations += 1;
                conn.watched_for_bytes = conn.wants_bytes();
                // Errors and the end of both directions are always told.
                let half =
                    if conn.ended || conn.hung_up { PollFlags::empty() } else { PollFlags::RDHUP };
                let bytes = if conn.watched_for_bytes { PollFlags::IN } else { PollFlags::empty() };
                self.ring.watch(key, conn.fd.as_fd(), half | bytes);
            }
        }
        self.idle = idle;
        for (index, place) in self.watched.iter_mut().enumerate() {
            if let Some(watched) = place.as_mut().filter(|watched| watched.stopped) {
                watched.stopped = false;
                self.ring.watch_always(watch_key(index), watched.fd.as_fd());
            }
        }
    }

    /// A pause lasts for one wait: whoever is not paused again is received from, or watched.
    pub(super) fn end_pauses(&mut self) {
        for at in self.paused.drain(..) {
            if let Some(conn) = self.conns.get_mut(at) {
                conn.paused = false;
                self.idle.push(at);
            }
        }
    }

    /// Gives the kernel what is to be sent.
    pub(super) fn launch(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for at in dirty.drain(..) {
            if let Some(conn) = self.conns.get_mut(at) {
                conn.dirty = false;
                self.launch_one(at);
            }
        }
        self.dirty = dirty;
    }

    pub(super) fn launch_one(&mut self, at: u32) {
        let key = self.key(at);
        let Some(conn) = self.conns.get_mut(at) else { return };
        if self.ring.in_flight(at).is_some() {
            return;
        }
        let bytes = std::mem::take(&mut conn.out);
        if bytes.is_empty() {
            // An idle connection keeps no buffer.
            return self.keep(bytes);
        }
        let flight = Flight { bytes, from: 0 };
        let all = conn.behind && conn.closing != Some(Farewell::AtOnce);
        self.fly(key, flight, all);
    }

    pub(super) fn fly(&mut self, key: Key, flight: Flight, all: bool) {
        let Some(conn) = self.conns.get_mut(key.at) else { return };
        conn.operations += 1;
        if self.ring.send(key, conn.fd.as_fd(), flight, all).is_err() {
            // Another is under way: nobody asks for two.
            conn.operations -= 1;
        }
    }
}
