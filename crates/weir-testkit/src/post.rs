//! The receiving end of one HTTP request.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A request that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Its first line and headers, as they came.
    pub head: String,
    /// Its body, as long as the head says; empty where it says nothing.
    pub body: Vec<u8>,
}

impl Post {
    /// Reads one request and answers it with this status (`"200 OK"`) and an empty JSON object.
    /// Waits as long as the stream's own time limit lets it.
    ///
    /// # Errors
    /// Those of the stream, its end within the request among them.
    pub fn take(mut stream: &TcpStream, status: &str) -> io::Result<Self> {
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while reader.read_line(&mut head)? > "\r\n".len() {}
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body)?;
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n{{}}")?;
        Ok(Self { head, body })
    }
}
