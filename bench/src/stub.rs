//! A server that answers at once, so that the proxy before it is what limits. It knows no SQL:
//! every statement gives the row that `pgbench -S` would get.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use anyhow::{Context, Result};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

/// The code in the place of a version with which a client asks for TLS.
const TLS_REQUEST: u32 = 80_877_103;

const ROW: &[u8] =
    b"T\0\0\0\x21\0\x01abalance\0\0\0\x40\0\0\x04\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0";
const DATA: &[u8] = b"D\0\0\0\x0b\0\x01\0\0\0\x010";
const DONE: &[u8] = b"C\0\0\0\x0dSELECT 1\0";
const READY: &[u8] = b"Z\0\0\0\x05I";

/// What a client of it is told about the server.
const PARAMETERS: [(&str, &str); 9] = [
    ("server_version", "15.0"),
    ("server_encoding", "UTF8"),
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("integer_datetimes", "on"),
    ("standard_conforming_strings", "on"),
    ("is_superuser", "on"),
];

/// Starts one for as long as this process lives. Returns its port on 127.0.0.1.
pub(crate) fn start() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("listening")?;
    let port = listener.local_addr().context("listening")?.port();
    let watch = epoll::create(CreateFlags::CLOEXEC).context("making an epoll")?;
    epoll::add(&watch, &listener, EventData::new_u64(0), EventFlags::IN)
        .context("watching the listener")?;
    thread::spawn(move || {
        let mut stub = Stub { listener, watch, peers: Vec::new() };
        // It ends with the process; what breaks it shows as clients that hear nothing.
        while stub.turn().is_ok() {}
    });
    Ok(port)
}

struct Stub {
    listener: TcpListener,
    watch: rustix::fd::OwnedFd,
    /// By number; `None` for one that has gone.
    peers: Vec<Option<Peer>>,
}

impl Stub {
    fn turn(&mut self) -> Result<()> {
        let mut events: Vec<Event> = Vec::with_capacity(256);
        epoll::wait(&self.watch, rustix::buffer::spare_capacity(&mut events), None)?;
        for event in &events {
            let data = event.data;
            let Some(at) = usize::try_from(data.u64())?.checked_sub(1) else {
                self.accept()?;
                continue;
            };
            if let Some(peer) = &mut self.peers[at]
                && peer.serve().is_err()
            {
                self.peers[at] = None;
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> Result<()> {
        let (stream, _) = self.listener.accept()?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let number = EventData::new_u64(self.peers.len() as u64 + 1);
        epoll::add(&self.watch, &stream, number, EventFlags::IN)?;
        self.peers.push(Some(Peer { stream, input: Vec::new(), started: false }));
        Ok(())
    }
}

/// A connection to it.
struct Peer {
    stream: TcpStream,
    input: Vec<u8>,
    started: bool,
}

impl Peer {
    /// Reads what is there and answers it. Answers are far smaller than a socket's buffer.
    fn serve(&mut self) -> Result<()> {
        let mut buffer = [0; 8 << 10];
        match self.stream.read(&mut buffer) {
            Ok(0) => anyhow::bail!("gone"),
            Ok(count) => self.input.extend_from_slice(&buffer[..count]),
            Err(err) if err.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(err) => return Err(err.into()),
        }
        let mut out = Vec::new();
        let mut taken = 0;
        while let Some(length) = self.answer(&self.input[taken..], &mut out) {
            self.started |= !out.starts_with(b"N");
            taken += length;
        }
        self.input.drain(..taken);
        self.stream.write_all(&out).context("answering")
    }

    /// Answers the first message; returns its length, or `None` while it is not whole.
    fn answer(&self, input: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        let number = |at: usize| {
            input.get(at..at + 4).and_then(|it| it.try_into().ok()).map(u32::from_be_bytes)
        };
        if !self.started {
            let length = number(0)? as usize;
            let code = number(4)?;
            if input.len() < length {
                return None;
            }
            if code == TLS_REQUEST {
                out.push(b'N');
            } else {
                greet(out);
            }
            return Some(length);
        }
        let length = number(1)? as usize + 1;
        if input.len() < length {
            return None;
        }
        match input[0] {
            b'Q' => [ROW, DATA, DONE, READY].iter().for_each(|part| out.extend_from_slice(part)),
            b'P' => out.extend_from_slice(b"1\0\0\0\x04"),
            b'B' => out.extend_from_slice(b"2\0\0\0\x04"),
            b'C' => out.extend_from_slice(b"3\0\0\0\x04"),
            b'D' => out.extend_from_slice(ROW),
            b'E' => [DATA, DONE].iter().for_each(|part| out.extend_from_slice(part)),
            b'S' => out.extend_from_slice(READY),
            // Goodbye and the like get no answer.
            _ => {}
        }
        Some(length)
    }
}

/// The end of a login that asks for nothing.
fn greet(out: &mut Vec<u8>) {
    out.extend_from_slice(b"R\0\0\0\x08\0\0\0\0");
    for (name, value) in PARAMETERS {
        #[expect(clippy::cast_possible_truncation, reason = "names and values above")]
        let length = (name.len() + value.len() + 6) as u32;
        out.push(b'S');
        out.extend_from_slice(&length.to_be_bytes());
        for word in [name, value] {
            out.extend_from_slice(word.as_bytes());
            out.push(0);
        }
    }
    out.extend_from_slice(b"K\0\0\0\x0c\0\0\0\x01\0\0\0\x02");
    out.extend_from_slice(READY);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::deadline::Deadline;
    use crate::load::closed::Clients;
    use crate::load::connection::Door;
    use crate::load::script::Script;
    use crate::pgbench::Protocol;

    #[test]
    fn answers_every_protocol() {
        let deadline = Deadline::after(Duration::from_secs(60));
        let door = Door { port: start().unwrap(), databases: &["any"], deadline };
        for protocol in [Protocol::Simple, Protocol::Extended, Protocol::Prepared] {
            let mut clients = Clients::connect(door, Script::Select(protocol), 3).unwrap();
            let once = clients.once().unwrap();
            assert_eq!(once.by_client, [1, 1, 1], "{protocol:?}");
        }
    }

    #[test]
    fn the_messages_are_as_long_as_they_say() {
        for message in [ROW, DATA, DONE, READY] {
            let length = u32::from_be_bytes(message[1..5].try_into().unwrap()) as usize;
            assert_eq!(message.len(), length + 1);
        }
        let mut greeting = Vec::new();
        greet(&mut greeting);
        assert!(greeting.ends_with(READY));
    }
}
