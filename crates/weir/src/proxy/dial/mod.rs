//! The only place that opens connections to PostgreSQL.
//!
//! Connect, TLS and login share one time limit. Every failure becomes one clear
//! [`DialFailure`]: where, what, and what to do.

mod answer;
mod connect;
mod failure;
mod keys;
mod login;

use std::time::Duration;

use tokio::time::timeout;
use weir_core::config::settings::Keepalive;
use weir_wire::build;
use weir_wire::startup::ProtocolVersion;

use crate::proxy::conn::Conn;
use crate::proxy::dial::keys::ScramKeyCache;
use crate::proxy::mail::{DialFailure, ServerKey};
use crate::proxy::target::{DialSpec, ServerAddress, ServerTls};

/// Opens connections and remembers what is expensive to derive.
#[derive(Debug, Default)]
pub struct Dialler {
    keys: ScramKeyCache,
}

/// A server connection that is logged in and idle.
#[derive(Debug)]
pub struct ServerConn {
    /// The connection.
    pub conn: Conn,
    /// What cancels its statements.
    pub key: ServerKey,
    /// What the server reported at login, in order; the last value of each name.
    pub parameters: Vec<(String, String)>,
}

impl Dialler {
    /// Opens a connection: connect, TLS, login, connect query.
    ///
    /// # Errors
    /// The reason in words, with the server's SQLSTATE where it gave one.
    pub async fn open(
        &self,
        spec: &DialSpec,
        keepalive: &Keepalive,
    ) -> Result<ServerConn, DialFailure> {
        match timeout(spec.timeout, self.open_unlimited(spec, keepalive)).await {
            Ok(result) => result,
            Err(_) => Err(failure::timed_out(&spec.address, spec.timeout)),
        }
    }

    async fn open_unlimited(
        &self,
        spec: &DialSpec,
        keepalive: &Keepalive,
    ) -> Result<ServerConn, DialFailure> {
        match self.attempt(spec, keepalive, ProtocolVersion::V3_2).await {
            // Servers before 9.3 and some poolers refuse a minor version they do not know
            // instead of negotiating it down.
            Err(failure) if failure::is_about_the_version(&failure) => {
                self.attempt(spec, keepalive, ProtocolVersion::V3_0).await
            }
            result => result,
        }
    }

    async fn attempt(
        &self,
        spec: &DialSpec,
        keepalive: &Keepalive,
        version: ProtocolVersion,
    ) -> Result<ServerConn, DialFailure> {
        let mut conn = connect::connect(&spec.address, &spec.tls, spec.timeout, keepalive).await?;
        let (key, parameters) = login::log_in(&mut conn, spec, version, &self.keys).await?;
        Ok(ServerConn { conn, key, parameters })
    }
}

/// Sends a cancel request and waits until the server closes the connection, which is when the
/// cancel has been delivered; all within `limit`.
///
/// # Errors
/// When the server cannot be reached in time.
pub async fn cancel(
    address: &ServerAddress,
    tls: &ServerTls,
    key: &ServerKey,
    limit: Duration,
) -> Result<(), DialFailure> {
    let deliver = async {
        let mut conn = connect::connect(address, tls, limit, &Keepalive::default()).await?;
        let mut packet = Vec::new();
        build::cancel_request(&mut packet, key.pid, &key.secret)
            .map_err(|error| failure::ours(address, &error))?;
        conn.send(&packet).await.map_err(|error| failure::broken(address, &error.into()))?;
        conn.drain().await;
        Ok(())
    };
    timeout(limit, deliver).await.unwrap_or_else(|_| Err(failure::timed_out(address, limit)))
}
