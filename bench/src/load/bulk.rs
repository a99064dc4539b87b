//! Large results and COPY: one client, as many bytes as it can.

use std::io::Write;

use anyhow::{Context, Result};

use crate::load::connection::Connection;
use crate::load::messages::{copy_data, copy_done, query};

/// Bytes of a row, and rows of a transfer: 100 MB.
const ROW: usize = 1000;
const ROWS: usize = 100_000;

/// Which way the bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bulk {
    /// A result of many rows.
    Select,
    /// COPY … TO STDOUT.
    CopyOut,
    /// COPY … FROM STDIN, into a table that is not kept.
    CopyIn,
}

impl Bulk {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Select => "SELECT of 100 MB",
            Self::CopyOut => "COPY out, 100 MB",
            Self::CopyIn => "COPY in, 100 MB",
        }
    }

    /// Does it once. Returns the bytes that went through.
    pub(crate) fn run(self, client: &mut Connection) -> Result<u64> {
        let rows = format!("SELECT repeat('x', {ROW}) FROM generate_series(1, {ROWS})");
        let mut out = Vec::new();
        let mut buffer = vec![0; 256 << 10];
        match self {
            Self::Select => query(&mut out, &rows),
            Self::CopyOut => query(&mut out, &format!("COPY ({rows}) TO STDOUT")),
            Self::CopyIn => return copy_in(client, &mut buffer),
        }
        client.ask(&out, &mut buffer)
    }
}

/// The reply is short: it is waited for once all is sent.
fn copy_in(client: &mut Connection, buffer: &mut [u8]) -> Result<u64> {
    let mut out = Vec::new();
    query(&mut out, "TRUNCATE bench_sink");
    client.ask(&out, buffer)?;
    out.clear();
    query(&mut out, "COPY bench_sink FROM STDIN");
    client.stream.write_all(&out).context("sending")?;
    let mut line = vec![b'x'; ROW];
    line.push(b'\n');
    let chunk = line.repeat(32);
    let mut bytes = 0;
    let mut piece = Vec::new();
    copy_data(&mut piece, &chunk);
    for _ in 0..ROWS / 32 {
        client.stream.write_all(&piece).context("sending")?;
        bytes += piece.len() as u64;
    }
    out.clear();
    copy_done(&mut out);
    client.ask(&out, buffer)?;
    Ok(bytes)
}
