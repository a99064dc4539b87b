//! The notification receiver: an HTTP server whose latency can be set, and which honours keys.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Bytes of a notification.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// A running receiver. Stops when dropped.
pub struct Receiver {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    holding: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

/// What was received for one reference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Received {
    /// Calls.
    pub calls: u64,
    /// Calls that were not repeats of a key: what the customer was told.
    pub told: u64,
}

#[derive(Default)]
struct State {
    latency: Duration,
    failing: bool,
    waiting: usize,
    keys: HashSet<String>,
    received: HashMap<String, Received>,
}

/// A call that has come and waits for its answer, until it is dropped.
struct Waiting(Arc<Mutex<State>>);

impl Receiver {
    /// Starts one on a port of its own.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(latency: Duration) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State { latency, ..State::default() }));
        let (holding, held) = watch::channel(false);
        let accepting = tokio::spawn(accept(listener, state.clone(), held));
        Ok(Self { address, state, holding, accepting })
    }

    /// Where to post.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/notify", self.address)
    }

    /// Sets the latency of calls that come from now on.
    pub fn set_latency(&self, latency: Duration) {
        lock(&self.state).latency = latency;
    }

    /// From now on no call is answered, whatever the latency, until [`Receiver::release`].
    pub fn hold(&self) {
        self.holding.send_replace(true);
    }

    /// Calls are answered again, also those that were held.
    pub fn release(&self) {
        self.holding.send_replace(false);
    }

    /// Calls that have come and wait for their answers.
    #[must_use]
    pub fn waiting(&self) -> usize {
        lock(&self.state).waiting
    }

    /// While failing, calls are answered 503 after the latency, and not received.
    pub fn set_failing(&self, failing: bool) {
        lock(&self.state).failing = failing;
    }

    /// What was received, by reference.
    #[must_use]
    pub fn received(&self) -> HashMap<String, Received> {
        lock(&self.state).received.clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>, held: watch::Receiver<bool>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (state, held) = (state.clone(), held.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| take(request, state.clone(), held.clone()));
            // A client that breaks off is its own affair.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn take(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
    mut held: watch::Receiver<bool>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let key = request.headers().get("idempotency-key");
    let key = key.and_then(|key| key.to_str().ok()).map(str::to_owned);
    let body = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await;
    let latency = lock(&state).latency;
    let status = match body.map(|body| reference(&body.to_bytes())) {
        Ok(Some(reference)) => lock(&state).receive(reference, key),
        Ok(None) | Err(_) => StatusCode::BAD_REQUEST,
    };
    // Received before it is answered: who gives up waiting has told the customer all the same.
    let waiting = Waiting::new(state);
    tokio::time::sleep(latency).await;
    // An error is a receiver that is gone, and holds nobody.
    let _ = held.wait_for(|held| !held).await;
    drop(waiting);
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    Ok(response)
}

impl Waiting {
    fn new(state: Arc<Mutex<State>>) -> Self {
        lock(&state).waiting += 1;
        Self(state)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        lock(&self.0).waiting -= 1;
    }
}

impl State {
    fn receive(&mut self, reference: String, key: Option<String>) -> StatusCode {
        if self.failing {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        let fresh = key.is_none_or(|key| self.keys.insert(key));
        let received = self.received.entry(reference).or_default();
        received.calls += 1;
        received.told += u64::from(fresh);
        StatusCode::ACCEPTED
    }
}

fn reference(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(body.get("ref")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_of_a_key_is_a_call_but_tells_nobody() {
        let mut state = State::default();
        for key in [Some("k"), Some("k"), None, None] {
            assert_eq!(state.receive("r".into(), key.map(str::to_owned)), StatusCode::ACCEPTED);
        }
        assert_eq!(state.received["r"], Received { calls: 4, told: 3 });
        state.failing = true;
        assert_eq!(state.receive("r".into(), None), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(state.received["r"].calls, 4);
    }
}
