//! Large replies are read at a pace. A server writes 8 KiB at a time; who reads each of them as it
//! comes pays for a wake-up, a read, a send and the client's wake-up every time, and the copying is
//! the smaller part. So once much of a reply has come, its server connection rests between two
//! reads, for a time that nobody notices in a reply of that length: what is read then is more.
//!
//! A reply that comes too slowly for that to pay is read as it comes.

use std::time::Duration;

use weir_core::config::limits::{PACED_READ_BYTES_MIN, PACED_READ_MICROS, PACED_REPLY_BYTES};
use weir_core::time::Instant;

use crate::proxy::worker::Worker;
use crate::proxy::worker::state::Server;

/// From one read to the next.
const PAUSE: Duration = Duration::from_micros(PACED_READ_MICROS as u64);

/// Server connections that are read at a pace, and when.
#[derive(Debug, Default)]
pub(super) struct Paced {
    servers: Vec<u32>,
    due: Instant,
}

impl Paced {
    /// When they are read; `None` when there are none.
    #[inline]
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.servers.is_empty()).then_some(self.due)
    }
}

impl Server {
    /// `came` bytes were read and no more waits. Whether it is to rest before the next read.
    fn rests(&mut self, came: usize) -> bool {
        let rested = std::mem::take(&mut self.paced);
        if self.blocked {
            return false;
        }
        let slow = rested && came < PACED_READ_BYTES_MIN;
        self.paced = !slow && self.state.awaited() > 0;
        if !self.paced {
            self.paced_from = self.relayed.saturating_add(PACED_REPLY_BYTES);
        }
        self.paced
    }
}

impl Worker {
    /// All that waited has been read of a server connection, `came` bytes at last.
    #[inline]
    pub(super) fn pace(&mut self, at: u32, came: usize) {
        if let Some(server) = self.servers.get_mut(at)
            && server.relayed >= server.paced_from
            && server.rests(came)
        {
            if self.paced.servers.is_empty() {
                self.paced.due = self.now + PAUSE;
            }
            self.paced.servers.push(at);
        }
    }

    /// Before a wait: those that rest are not told of.
    #[inline]
    pub(super) fn pause_paced(&mut self) {
        for &at in &self.paced.servers {
            if let Some(server) = self.servers.get(at).filter(|server| server.paced) {
                server.socket.pause(&mut self.driver);
            }
        }
    }

    /// Reads those that have rested.
    pub(super) fn read_paced(&mut self) {
        for at in std::mem::take(&mut self.paced.servers) {
            self.pump_server(at);
        }
    }
}
