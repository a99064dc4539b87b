//! The only place that opens connections to PostgreSQL.
//!
//! Connect, TLS and login share one time limit. Every failure becomes one clear
//! [`DialFailure`]: where, what, and what to do.

mod answer;
mod connect;
mod failure;
mod login;

use std::time::Duration;

use tokio::time::timeout;
use weir_core::config::settings::Keepalive;
use weir_wire::build;
use weir_wire::startup::ProtocolVersion;

use crate::proxy::conn::Conn;
use crate::proxy::dial::connect::{Manner, Way, connect};
use crate::proxy::dial::login::LoggedIn;
use crate::proxy::mail::{DialFailure, Reached, ServerKey};
use crate::proxy::names::Resolver;
use crate::proxy::scram_keys::ScramKeys;
use crate::proxy::target::{DialSpec, ServerTls};

/// Opens connections.
#[derive(Debug, Clone, Copy)]
pub struct Dialler<'a> {
    /// Keys of passwords that have been used before.
    pub keys: &'a ScramKeys,
    /// How the sockets are tuned.
    pub keepalive: &'a Keepalive,
    /// What names stand for.
    pub resolver: Resolver<'a>,
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

impl Dialler<'_> {
    /// Opens a connection: connect, TLS, login, connect query. Of several places the next is
    /// tried when one fails for a reason of its own; they share the time.
    ///
    /// # Errors
    /// The reason in words, with the server's SQLSTATE where it gave one.
    pub async fn open(&self, spec: &DialSpec) -> Result<ServerConn, DialFailure> {
        let places = spec.places();
        let share = spec.timeout / u32::try_from(places.len()).unwrap_or(u32::MAX);
        let mut last = failure::timed_out(&spec.address, share);
        for place in places {
            let here = DialSpec { address: place.clone(), timeout: share, ..spec.clone() };
            let opened = timeout(share, self.open_here(&here)).await;
            match opened.unwrap_or_else(|_| Err(failure::timed_out(place, share))) {
                Err(failure) if !failure.permanent => last = failure,
                result => return result,
            }
        }
        Err(last)
    }

    async fn open_here(&self, spec: &DialSpec) -> Result<ServerConn, DialFailure> {
        match self.attempt(spec, ProtocolVersion::V3_2).await {
            // Servers before 9.3 and some poolers refuse a minor version they do not know
            // instead of negotiating it down.
            Err(failure) if failure::is_about_the_version(&failure) => {
                self.attempt(spec, ProtocolVersion::V3_0).await
            }
            result => result,
        }
    }

    async fn attempt(
        &self,
        spec: &DialSpec,
        version: ProtocolVersion,
    ) -> Result<ServerConn, DialFailure> {
        let manner =
            Manner { tls: &spec.tls, limit: spec.timeout, keepalive: Some(self.keepalive) };
        let way = Way::Name(self.resolver);
        let (mut conn, socket) = connect(&spec.address, way, &manner).await?;
        let LoggedIn { pid, secret, parameters } =
            login::log_in(&mut conn, spec, version, self.keys).await?;
        let at = Reached { address: spec.address.clone(), socket };
        Ok(ServerConn { conn, key: ServerKey { pid, secret, at }, parameters })
    }
}

/// Sends a cancel request and waits until the server closes the connection, which is when the
/// cancel has been delivered; all within `limit`.
///
/// # Errors
/// When the server cannot be reached in time.
pub async fn cancel(tls: &ServerTls, key: &ServerKey, limit: Duration) -> Result<(), DialFailure> {
    let ServerKey { pid, secret, at: Reached { address, socket } } = key;
    let deliver = async {
        let manner = Manner { tls, limit, keepalive: None };
        let (mut conn, _) = connect(address, Way::Reached(*socket), &manner).await?;
        let mut packet = Vec::new();
        build::cancel_request(&mut packet, *pid, secret)
            .map_err(|error| failure::ours(address, &error))?;
        conn.send(&packet).await.map_err(|error| failure::broken(address, &error.into()))?;
        conn.drain().await;
        Ok(())
    };
    timeout(limit, deliver).await.unwrap_or_else(|_| Err(failure::timed_out(address, limit)))
}
