//! What a client sends, in bytes, and how much of a reply has come.

use anyhow::{Result, bail};

/// Appends one message.
fn message(out: &mut Vec<u8>, tag: u8, parts: &[&[u8]]) {
    let body: usize = parts.iter().map(|part| part.len()).sum();
    out.push(tag);
    #[expect(clippy::cast_possible_truncation, reason = "our messages are short")]
    out.extend_from_slice(&(body as u32 + 4).to_be_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// A startup packet of protocol 3.0.
pub(crate) fn startup(out: &mut Vec<u8>, user: &str, database: &str) {
    let mut body = (3_u32 << 16).to_be_bytes().to_vec();
    for word in ["user", user, "database", database, "application_name", "weir-bench", ""] {
        body.extend_from_slice(word.as_bytes());
        body.push(0);
    }
    #[expect(clippy::cast_possible_truncation, reason = "our names are short")]
    out.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    out.extend_from_slice(&body);
}

/// The client's first message of SCRAM-SHA-256 (RFC 5802; the user is that of the startup packet).
pub(crate) fn sasl_first(out: &mut Vec<u8>) {
    let first = b"n,,n=,r=0123456789abcdefghijklmn";
    #[expect(clippy::cast_possible_truncation, reason = "as above")]
    let length = (first.len() as u32).to_be_bytes();
    message(out, b'p', &[b"SCRAM-SHA-256\0", &length, first]);
}

/// A simple query.
pub(crate) fn query(out: &mut Vec<u8>, sql: &str) {
    message(out, b'Q', &[sql.as_bytes(), b"\0"]);
}

/// Parse, the server to find out the types of the parameters.
pub(crate) fn parse(out: &mut Vec<u8>, name: &str, sql: &str) {
    message(out, b'P', &[name.as_bytes(), b"\0", sql.as_bytes(), b"\0\0\0"]);
}

/// Bind of one parameter as text, Describe, Execute and Sync, as libpq sends them.
pub(crate) fn execute(out: &mut Vec<u8>, name: &str, parameter: &str) {
    #[expect(clippy::cast_possible_truncation, reason = "a number in decimal")]
    let length = (parameter.len() as u32).to_be_bytes();
    let name = name.as_bytes();
    message(out, b'B', &[b"\0", name, b"\0\0\0\0\x01", &length, parameter.as_bytes(), b"\0\0"]);
    message(out, b'D', &[b"P\0"]);
    message(out, b'E', &[b"\0\0\0\0\0"]);
    sync(out);
}

/// Sync.
pub(crate) fn sync(out: &mut Vec<u8>) {
    message(out, b'S', &[]);
}

/// Data for COPY.
pub(crate) fn copy_data(out: &mut Vec<u8>, data: &[u8]) {
    message(out, b'd', &[data]);
}

/// The end of such data.
pub(crate) fn copy_done(out: &mut Vec<u8>) {
    message(out, b'c', &[]);
}

/// Reads replies only as far as to see where each ends.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    /// A header that has come in part.
    head: Vec<u8>,
    /// Bytes left of a body.
    left: usize,
    /// The body is an error report: kept, to say it.
    error: Option<Vec<u8>>,
}

const HEAD: usize = 5;

impl Replies {
    /// Takes what was read; returns how many messages `ReadyForQuery` began in it.
    ///
    /// # Errors
    /// When the server reports an error: a run with errors measures nothing.
    pub(crate) fn take(&mut self, mut bytes: &[u8]) -> Result<u32> {
        let mut ready = 0;
        loop {
            let passed = self.left.min(bytes.len());
            if let Some(error) = &mut self.error {
                error.extend_from_slice(&bytes[..passed]);
            }
            self.left -= passed;
            bytes = &bytes[passed..];
            if self.left == 0
                && let Some(error) = self.error.take()
            {
                bail!("the server says: {}", String::from_utf8_lossy(&error).replace('\0', " "));
            }
            let missing = (HEAD - self.head.len()).min(bytes.len());
            self.head.extend_from_slice(&bytes[..missing]);
            bytes = &bytes[missing..];
            let [tag, a, b, c, d] = *self.head.as_slice() else { return Ok(ready) };
            self.left = (u32::from_be_bytes([a, b, c, d]) as usize).saturating_sub(4);
            self.head.clear();
            ready += u32::from(tag == b'Z');
            self.error = (tag == b'E').then(Vec::new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLY: &[u8] = b"T\0\0\0\x06ZZD\0\0\0\x05ZC\0\0\0\x04Z\0\0\0\x05I";

    #[test]
    fn replies_end_where_they_end_however_they_are_cut() {
        for cut in 0..REPLY.len() {
            let mut replies = Replies::default();
            let first = replies.take(&REPLY[..cut]).unwrap();
            assert_eq!(first + replies.take(&REPLY[cut..]).unwrap(), 1, "{cut}");
        }
        let twice = [REPLY, REPLY].concat();
        assert_eq!(Replies::default().take(&twice).unwrap(), 2);
    }

    #[test]
    fn an_error_is_said() {
        let error = b"E\0\0\0\x0dC53300\0\0\0";
        let mut replies = Replies::default();
        assert_eq!(replies.take(&error[..8]).unwrap(), 0);
        let err = replies.take(&error[8..]).unwrap_err().to_string();
        assert!(err.contains("C53300"), "{err}");
    }
}
