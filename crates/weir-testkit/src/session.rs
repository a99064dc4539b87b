//! A small blocking client: simple queries as text, for setting up and looking into servers. It
//! shares no code with the proxy, so that a fault there cannot hide itself in its own tests.

use std::fmt;
use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Protocol 3.0, as the startup message names it.
const PROTOCOL: i32 = 3 << 16;

/// Largest message taken from a server, bytes; a larger length is a broken stream.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(120);

/// An error that the server reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// SQLSTATE, five characters.
    pub code: String,
    /// The primary message.
    pub message: String,
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for SqlError {}

/// A [`Session`] has no password to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PasswordAsked;

impl fmt::Display for PasswordAsked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server asks for a password")
    }
}

impl std::error::Error for PasswordAsked {}

/// The code of a cancel request, where a startup message has its version.
const CANCEL: i32 = 80_877_102;

/// Asks for the cancellation of what the session with this key runs, at a port of the loopback
/// address, and waits until the connection that it takes is closed.
///
/// # Errors
/// When nobody listens, or the connection is answered.
pub fn cancel(port: u16, key: &[u8]) -> Result<()> {
    let mut stream = loopback(port)?;
    let length = i32::try_from(key.len() + 8).context("a key that is too long")?;
    stream.write_all(&[&length.to_be_bytes()[..], &CANCEL.to_be_bytes()[..], key].concat())?;
    match stream.read(&mut [0]) {
        Ok(0) => Ok(()),
        Err(err) if err.kind() == ErrorKind::ConnectionReset => Ok(()),
        Ok(_) => bail!("a cancel request was answered"),
        Err(err) => Err(err).context("waiting for the end of a cancel request"),
    }
}

/// A connection to a port of the loopback address, on which no read waits for ever.
fn loopback(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port))
        .with_context(|| format!("connecting to 127.0.0.1:{port}"))?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    Ok(stream)
}

/// Rows as text; `None` is NULL.
pub type Rows = Vec<Vec<Option<String>>>;

trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

/// A connection to a server or a proxy that asks for no password.
pub struct Session {
    stream: BufReader<Box<dyn Stream>>,
    /// What cancels its statements: a process id and a secret.
    key: Vec<u8>,
    /// Whether the server has said once that it is ready: errors before that end the connection.
    started: bool,
}

impl Session {
    /// Connects through the unix socket in `directory`.
    ///
    /// # Errors
    /// When nobody listens, a password is asked for, or the server refuses ([`SqlError`]).
    pub fn unix(directory: &Path, port: u16, user: &str, database: &str) -> Result<Self> {
        let path = directory.join(format!(".s.PGSQL.{port}"));
        let stream = UnixStream::connect(&path)
            .with_context(|| format!("connecting to {}", path.display()))?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        Self::begin(Box::new(stream), user, database)
    }

    /// Connects to a port on the loopback address.
    ///
    /// # Errors
    /// As [`Session::unix`].
    pub fn tcp(port: u16, user: &str, database: &str) -> Result<Self> {
        let stream = loopback(port)?;
        stream.set_nodelay(true)?;
        Self::begin(Box::new(stream), user, database)
    }

    fn begin(stream: Box<dyn Stream>, user: &str, database: &str) -> Result<Self> {
        let mut session = Self { stream: BufReader::new(stream), key: Vec::new(), started: false };
        let mut body = PROTOCOL.to_be_bytes().to_vec();
        for text in ["user", user, "database", database, "application_name", "weir-testkit", ""] {
            body.extend_from_slice(text.as_bytes());
            body.push(0);
        }
        session.send(None, &body)?;
        session.answer()?;
        Ok(session)
    }

    /// The process id that the server gave for cancelling.
    #[must_use]
    pub fn backend_pid(&self) -> i32 {
        int(&self.key).unwrap_or(0)
    }

    /// What [`cancel`] needs to cancel its statements.
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        self.key.clone()
    }

    /// Runs `sql` (one or more statements) and returns all rows, as text.
    ///
    /// # Errors
    /// [`SqlError`] when the server reports one (the session stays usable), else a broken stream.
    pub fn query(&mut self, sql: &str) -> Result<Rows> {
        let mut body = sql.as_bytes().to_vec();
        body.push(0);
        self.send(Some(b'Q'), &body)?;
        self.answer().with_context(|| format!("running {sql}"))
    }

    /// Runs `sql` and returns the first column of its first row.
    ///
    /// # Errors
    /// As [`Session::query`], and when there is no row or the value is NULL.
    pub fn value(&mut self, sql: &str) -> Result<String> {
        let first = self.query(sql)?.into_iter().flatten().next().flatten();
        first.with_context(|| format!("no value from {sql}"))
    }

    fn send(&mut self, tag: Option<u8>, body: &[u8]) -> Result<()> {
        let length = i32::try_from(body.len() + 4).context("statement too long")?;
        let mut message: Vec<u8> = tag.into_iter().collect();
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(body);
        match self.stream.get_mut().write_all(&message) {
            // It is gone, but may have said why: that is still to be read.
            Err(err)
                if matches!(err.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) =>
            {
                Ok(())
            }
            sent => sent.context("sending"),
        }
    }

    /// Reads up to ReadyForQuery.
    fn answer(&mut self) -> Result<Rows> {
        let mut rows = Vec::new();
        let mut failed = None;
        loop {
            let (tag, body) = self.message()?;
            match tag {
                b'Z' => {
                    self.started = true;
                    return failed.map_or(Ok(rows), |err: SqlError| Err(err.into()));
                }
                b'D' => rows.push(row(&body).context("a row that is cut short")?),
                b'K' => self.key = body,
                b'R' if int(&body) != Some(0) => return Err(PasswordAsked.into()),
                b'E' => {
                    let err = sql_error(&body);
                    if !self.started || err.code.starts_with("57P") {
                        return Err(err.into()); // The connection ends with it.
                    }
                    failed = Some(err);
                }
                _ => {}
            }
        }
    }

    fn message(&mut self) -> Result<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head).context("the connection ended")?;
        let [tag, length @ ..] = head;
        let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(0);
        if !(4..=MESSAGE_BYTES_MAX).contains(&length) {
            bail!("a message of {length} bytes: the stream is broken");
        }
        let mut body = vec![0; length - 4];
        self.stream.read_exact(&mut body).context("the connection ended")?;
        Ok((tag, body))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("backend_pid", &self.backend_pid()).finish_non_exhaustive()
    }
}

fn int(body: &[u8]) -> Option<i32> {
    body.first_chunk().map(|bytes| i32::from_be_bytes(*bytes))
}

/// DataRow: a count, then for each column a length (-1 for NULL) and the bytes.
fn row(body: &[u8]) -> Option<Vec<Option<String>>> {
    let (count, mut rest) = body.split_first_chunk::<2>()?;
    let mut values = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            values.push(None);
            rest = after;
            continue;
        };
        let (value, after) = after.split_at_checked(length)?;
        values.push(Some(String::from_utf8_lossy(value).into_owned()));
        rest = after;
    }
    Some(values)
}

/// ErrorResponse: fields of a letter and a text, each ended by a zero byte.
fn sql_error(body: &[u8]) -> SqlError {
    let mut err = SqlError { code: String::new(), message: String::new() };
    for field in body.split(|byte| *byte == 0) {
        if let Some((letter, text)) = field.split_first() {
            let text = || String::from_utf8_lossy(text).into_owned();
            match letter {
                b'C' => err.code = text(),
                b'M' => err.message = text(),
                _ => {}
            }
        }
    }
    err
}
