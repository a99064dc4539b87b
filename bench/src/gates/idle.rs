//! Memory that idle clients cost.

use std::path::Path;

use anyhow::Result;
use weir_testkit::{PgServer, Session, Weir};

use super::flags;
use super::table::Gate;
use crate::pgbench::{DATABASE, USER};
use crate::process;

/// Bytes that each of the gate's clients adds, once it has run a query and rests.
pub(super) fn bytes_per_client(weir: &Path, server: &PgServer, gate: Gate) -> Result<f64> {
    let proxy = Weir::up(weir, &server.url(DATABASE), &flags(gate.driver))?;
    let connect = || -> Result<Session> {
        let mut session = proxy.session(USER, DATABASE)?;
        session.query("SELECT 1")?;
        Ok(session)
    };
    // What the first clients bring into memory stays whether others come or not.
    let _first: Vec<Session> = (0..20).map(|_| connect()).collect::<Result<_>>()?;
    let before = process::memory_bytes(proxy.pid())?;
    let _idle: Vec<Session> = (0..gate.clients).map(|_| connect()).collect::<Result<_>>()?;
    let after = process::memory_bytes(proxy.pid())?;
    #[expect(clippy::cast_precision_loss, reason = "memory fits 52 bits")]
    Ok(after.saturating_sub(before) as f64 / f64::from(gate.clients))
}
