//! A client that speaks the protocol byte by byte: it can stop anywhere, and see everything.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::Duration;

use crate::frames;

/// How long an answer may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection through the proxy.
#[derive(Debug)]
pub(crate) struct Client {
    port: u16,
    stream: TcpStream,
    unread: Vec<u8>,
    /// The process id it was told.
    pub(crate) pid: i32,
    /// What proves a cancel request.
    pub(crate) secret: Vec<u8>,
}

/// A message from the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) tag: u8,
    pub(crate) body: Vec<u8>,
}

/// An error or notice, its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) severity: String,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) detail: String,
    pub(crate) hint: String,
}

/// Everything up to one `ReadyForQuery`, or to the end of the connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Each row's columns as text, NULL as "".
    pub(crate) rows: Vec<Vec<String>>,
    /// Command tags.
    pub(crate) tags: Vec<String>,
    /// COPY data.
    pub(crate) copied: Vec<u8>,
    /// The first error.
    pub(crate) error: Option<Report>,
    /// The last of several errors: the server's goodbye may follow that of a statement.
    pub(crate) last_error: Option<Report>,
    /// The status byte; `None` when the connection ended first.
    pub(crate) status: Option<u8>,
}

impl Answer {
    /// The first column of the only row.
    pub(crate) fn value(&self) -> &str {
        assert!(self.error.is_none(), "{self:?}");
        assert_eq!(self.rows.len(), 1, "{self:?}");
        &self.rows[0][0]
    }

    /// The error's code, "" when there was none.
    pub(crate) fn code(&self) -> &str {
        self.error.as_ref().map_or("", |error| &error.code)
    }

    /// The SQLSTATE of the last error, or nothing.
    pub(crate) fn last_code(&self) -> &str {
        self.last_error.as_ref().map_or(self.code(), |error| &error.code)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {} ({})", self.severity, self.code, self.message, self.detail)
    }
}

impl Client {
    /// A connection that has said nothing yet.
    pub(crate) fn silent(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { port, stream, unread: Vec::new(), pid: 0, secret: Vec::new() }
    }

    /// Logs in where nobody is asked for proof.
    pub(crate) fn open(port: u16, database: &str) -> Self {
        Self::try_open(port, database).unwrap_or_else(|error| panic!("cannot log in: {error}"))
    }

    /// Logs in, or says what the other side said.
    pub(crate) fn try_open(port: u16, database: &str) -> Result<Self, String> {
        let mut client = Self::silent(port);
        client.send(&frames::startup(&[("user", "postgres"), ("database", database)]));
        loop {
            let Some(said) = client.read().map_err(|error| error.to_string())? else {
                return Err("the connection ended".into());
            };
            match said.tag {
                b'E' => return Err(said.report().to_string()),
                b'K' => {
                    client.pid = i32::from_be_bytes(*said.body.first_chunk().unwrap());
                    client.secret = said.body[4..].to_vec();
                }
                b'Z' => return Ok(client),
                _ => {}
            }
        }
    }

    /// The socket.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Writes; a peer that has closed is noticed when reading.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Runs a simple query.
    pub(crate) fn query(&mut self, sql: &str) -> Answer {
        self.send(&frames::query(sql));
        self.answer()
    }

    /// Reads up to `ReadyForQuery` or the end.
    pub(crate) fn answer(&mut self) -> Answer {
        self.try_answer().unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    /// The same; fails when nothing comes for a long time.
    pub(crate) fn try_answer(&mut self) -> io::Result<Answer> {
        let mut answer = Answer::default();
        while let Some(said) = self.read()? {
            match said.tag {
                b'D' => answer.rows.push(said.row()),
                b'C' => answer.tags.push(said.text()),
                b'd' => answer.copied.extend_from_slice(&said.body),
                b'E' if answer.error.is_none() => answer.error = Some(said.report()),
                b'E' => answer.last_error = Some(said.report()),
                b'Z' => {
                    answer.status = said.body.first().copied();
                    return Ok(answer);
                }
                _ => {}
            }
        }
        Ok(answer)
    }

    /// Reads up to a message with this tag; what comes before is dropped.
    pub(crate) fn until(&mut self, tag: u8) -> Said {
        loop {
            let said = self.read().unwrap().unwrap_or_else(|| panic!("ended before {tag}"));
            assert!(said.tag == tag || said.tag != b'E', "{}", said.report());
            if said.tag == tag {
                return said;
            }
        }
    }

    /// One message; `None` at the end of the connection.
    pub(crate) fn read(&mut self) -> io::Result<Option<Said>> {
        if !self.fill(5)? {
            return Ok(None);
        }
        let length = i32::from_be_bytes(*self.unread[1..].first_chunk().unwrap());
        let total = usize::try_from(length).unwrap() + 1;
        if !self.fill(total)? {
            return Ok(None);
        }
        let rest = self.unread.split_off(total);
        let mut whole = std::mem::replace(&mut self.unread, rest);
        let body = whole.split_off(5);
        Ok(Some(Said { tag: whole[0], body }))
    }

    fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        let mut chunk = [0; 16 << 10];
        while self.unread.len() < wanted {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(false),
                Ok(count) => self.unread.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(false),
                // The process stood still for a moment.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Asks for the cancellation of what this client runs, and waits until that is delivered.
    pub(crate) fn cancel(&self) {
        cancel(self.port, self.pid, &self.secret);
    }
}

impl Client {
    /// Asks for the cancellation without waiting until it is delivered.
    pub(crate) fn send_cancel(&self) {
        let mut courier = Self::silent(self.port);
        courier.send(&frames::cancel(self.pid, &self.secret));
    }
}

/// Sends a cancel request and waits for its end.
pub(crate) fn cancel(port: u16, pid: i32, secret: &[u8]) {
    let mut courier = Client::silent(port);
    courier.send(&frames::cancel(pid, secret));
    assert!(courier.read().unwrap().is_none(), "a cancel request is not answered");
}

impl Said {
    /// A `DataRow`'s columns.
    pub(crate) fn row(&self) -> Vec<String> {
        let (count, mut rest) = self.body.split_first_chunk::<2>().unwrap();
        let mut columns = Vec::new();
        for _ in 0..u16::from_be_bytes(*count) {
            let (length, after) = rest.split_first_chunk::<4>().unwrap();
            let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
            let (value, after) = after.split_at(length);
            columns.push(String::from_utf8_lossy(value).into_owned());
            rest = after;
        }
        columns
    }

    /// The names of a `RowDescription`'s columns.
    pub(crate) fn columns(&self) -> Vec<String> {
        let (count, mut rest) = self.body.split_first_chunk::<2>().unwrap();
        let mut names = Vec::new();
        for _ in 0..u16::from_be_bytes(*count) {
            let end = rest.iter().position(|byte| *byte == 0).unwrap();
            names.push(String::from_utf8_lossy(&rest[..end]).into_owned());
            // Table, column, type, its size and modifier, format.
            rest = &rest[end + 1 + 18..];
        }
        names
    }

    /// The text before the final zero.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.body.strip_suffix(&[0]).unwrap_or(&self.body)).into_owned()
    }

    /// The fields of an error.
    pub(crate) fn report(&self) -> Report {
        let field = |letter: u8| {
            let found = self.body.split(|byte| *byte == 0).find(|f| f.first() == Some(&letter));
            found.map_or(String::new(), |f| String::from_utf8_lossy(&f[1..]).into_owned())
        };
        Report {
            severity: field(b'V'),
            code: field(b'C'),
            message: field(b'M'),
            detail: field(b'D'),
            hint: field(b'H'),
        }
    }
}
