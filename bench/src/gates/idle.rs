//! Memory that idle clients cost.

use std::path::Path;

use anyhow::Result;
use weir_testkit::{PgServer, Session, Weir};

use crate::pgbench::{DATABASE, USER};
use crate::process;

/// Bytes that each of so many clients adds, once it has run a query and rests.
pub(super) fn bytes_per_client(
    weir: &Path,
    server: &PgServer,
    clients: u32,
    flags: &[&str],
) -> Result<f64> {
    let proxy = Weir::up(weir, &server.url(DATABASE), flags)?;
    let connect = || -> Result<Session> {
        let mut session = proxy.session(USER, DATABASE)?;
        session.query("SELECT 1")?;
        Ok(session)
    };
    // What the first clients bring into memory stays whether others come or not.
    let _first: Vec<Session> = (0..20).map(|_| connect()).collect::<Result<_>>()?;
    let before = process::memory_bytes(proxy.pid())?;
    let _idle: Vec<Session> = (0..clients).map(|_| connect()).collect::<Result<_>>()?;
    let after = process::memory_bytes(proxy.pid())?;
    #[expect(clippy::cast_precision_loss, reason = "memory fits 52 bits")]
    Ok(after.saturating_sub(before) as f64 / f64::from(clients))
}
