//! A client that asks and never reads the answer.

use std::io::Write;
use std::net::TcpStream;

use weir_wire::build;
use weir_wire::startup::ProtocolVersion;

/// Its connection.
pub(crate) struct Deaf(#[expect(dead_code, reason = "held open")] TcpStream);

impl Deaf {
    /// Logs in where nobody asks for a password, and sends one query.
    pub(crate) fn new(port: u16, application: &str, sql: &str) -> Self {
        Self::with(port, ("application_name", application), sql)
    }

    /// The same as one that replicates.
    pub(crate) fn replicating(port: u16, sql: &str) -> Self {
        Self::with(port, ("replication", "database"), sql)
    }

    fn with(port: u16, own: (&str, &str), sql: &str) -> Self {
        let parameters = [("user", "postgres"), ("database", "postgres"), own];
        let parameters =
            parameters.into_iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let mut bytes = Vec::new();
        build::startup(&mut bytes, ProtocolVersion::V3_0, parameters).unwrap();
        build::query(&mut bytes, sql.as_bytes()).unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(&bytes).unwrap();
        Self(stream)
    }
}
