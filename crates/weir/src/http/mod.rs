//! HTTP on `http.address`: health, readiness and metrics. It runs on the login threads, and asks
//! workers only by letters: losing it stops no query.
//!
//! | file | job |
//! | --- | --- |
//! | `routes` | what each path answers |
//! | `healing` | what the healing ladder does, and orders to it |
//! | `incidents` | incidents and their reports |
//!
//! A connection serves one request within a fixed time, and there is a bound on connections, so
//! that slow or silent clients take nothing from others.

mod healing;
mod incidents;
mod routes;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use weir_core::config::limits;
use weir_core::config::settings::{Http, ListenAddress};

use crate::history::History;
use crate::monitor::guard::Lookout;
use crate::proxy::threads::House;

/// What the answers are made from.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The proxy.
    pub house: Arc<House>,
    /// What the guard last saw.
    pub lookout: Lookout,
    /// What is kept of the ledger.
    pub history: Arc<History>,
    /// Who plays incidents again, one at a time: it takes a processor.
    pub player: Arc<Semaphore>,
    /// A token is asked for.
    pub guarded: bool,
}

/// How long one request may take, from accept to the last byte of the answer.
const REQUEST_MAX: Duration = Duration::from_secs(10);

/// The pause after a failed accept: the kernel has no descriptor for us.
const PAUSE: Duration = Duration::from_millis(100);

/// A bound address.
#[derive(Debug)]
pub struct HttpListener {
    listener: TcpListener,
    address: SocketAddr,
}

impl HttpListener {
    /// Binds the configured address.
    ///
    /// # Errors
    /// When it cannot be bound, with what to do about it.
    pub async fn bind(settings: &Http) -> Result<Self> {
        let bound = match &settings.address {
            ListenAddress::Tcp { host, port } => {
                TcpListener::bind((host.trim_matches(['[', ']']), *port)).await
            }
            ListenAddress::Unix { .. } => Err(std::io::ErrorKind::Unsupported.into()),
        };
        let listener = bound.with_context(|| {
            format!(
                "cannot serve HTTP on {}: choose another http.address (--http), or \"off\"",
                settings.address
            )
        })?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it listens, with the port the kernel chose.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the process ends.
    pub async fn serve(self, shown: Shown, settings: Http) {
        let router = routes::router(shown, settings.token);
        let places = Arc::new(Semaphore::new(limits::HTTP_CONNECTIONS));
        loop {
            // The semaphore is never closed.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::debug!("cannot accept an HTTP connection: {error}");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let router = router.clone();
            tokio::spawn(async move {
                // However it ends, the client knows and we have nothing to do about it.
                let _ = timeout(REQUEST_MAX, answer(stream, router)).await;
                drop(place);
            });
        }
    }
}

async fn answer(stream: TcpStream, router: Router) -> Result<(), hyper::Error> {
    http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await
}
