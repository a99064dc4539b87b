//! A client connection: logs in waiting, then is watched by the loop.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::deadline::Deadline;
use crate::load::messages::{Replies, startup};
use crate::load::script::Numbers;
use crate::pgbench::USER;

/// Where clients come in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Door {
    /// On 127.0.0.1.
    pub(crate) port: u16,
    /// At least one; clients take them in turn.
    pub(crate) databases: &'static [&'static str],
    /// When a client that hears nothing counts as stuck.
    pub(crate) deadline: Deadline,
}

/// A logged-in client.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    replies: Replies,
    /// When the transaction under way began.
    pub(crate) began: Option<Instant>,
    /// Its next request.
    pub(crate) request: usize,
    pub(crate) numbers: Numbers,
}

impl Connection {
    /// Connects and logs in as the client of this number, where no password is asked for.
    pub(crate) fn open(door: Door, number: usize) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", door.port)).context("connecting")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(door.deadline.left()))?;
        stream.set_write_timeout(Some(door.deadline.left()))?;
        let mut connection = Self {
            stream,
            replies: Replies::default(),
            began: None,
            request: 0,
            numbers: Numbers::default(),
        };
        let mut hello = Vec::new();
        startup(&mut hello, USER, door.databases[number % door.databases.len()]);
        connection.ask(&hello, &mut vec![0; 8 << 10]).context("logging in")?;
        Ok(connection)
    }

    /// Sends `request` and waits for the end of its reply. Returns the bytes of the reply.
    pub(crate) fn ask(&mut self, request: &[u8], buffer: &mut [u8]) -> Result<u64> {
        self.stream.write_all(request).context("sending")?;
        let mut bytes = 0;
        loop {
            let count = self.stream.read(buffer).context("waiting for an answer")?;
            ensure!(count > 0, "the connection was closed");
            bytes += count as u64;
            if self.replies.take(&buffer[..count])? > 0 {
                return Ok(bytes);
            }
        }
    }

    /// Sends without waiting for an answer. Requests are far smaller than a socket's buffer.
    pub(crate) fn send(&mut self, request: &[u8]) -> Result<()> {
        let sent = (&self.stream).write(request).context("sending")?;
        ensure!(sent == request.len(), "a request of {} bytes did not fit", request.len());
        Ok(())
    }

    /// Reads what is there. Returns whether a reply has ended.
    pub(crate) fn hear(&mut self, buffer: &mut [u8]) -> Result<bool> {
        match self.stream.read(buffer) {
            Ok(0) => bail!("the connection was closed"),
            Ok(count) => Ok(self.replies.take(&buffer[..count])? > 0),
            Err(err) if err.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(err) => Err(err).context("reading"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_proxy_that_says_nothing_is_given_up() {
        let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = silent.local_addr().unwrap().port();
        let deadline = Deadline::after(Duration::from_millis(20));
        let err = Connection::open(Door { port, databases: &["any"], deadline }, 0).unwrap_err();
        assert!(format!("{err:#}").contains("waiting for an answer"), "{err:#}");
    }
}
