//! The endpoints as the story had them.
//!
//! The causes of the incident are kept on purpose, each marked `KEPT` with what is wrong about it.
//! What the story's language brought along is modelled: a request occupies a worker thread of one
//! of several processes, each thread has a connection of its own, statements are bound by the
//! client and sent by the simple protocol, and a client that goes away does not end its request.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::error::ApiError;
use crate::notify::Notifier;
use crate::settings::Settings;

mod bulk;
mod catalogue;
mod statistics;
mod workers;

use workers::{Worker, Workers};

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Shared {
    workers: Arc<Workers>,
    notifier: Notifier,
    settings: Arc<Settings>,
}

/// The routes of the problem version.
pub(crate) fn router(settings: Arc<Settings>, notifier: Notifier) -> anyhow::Result<Router> {
    let workers = Arc::new(Workers::new(&settings)?);
    let shared = Shared { workers, notifier, settings };
    Ok(Router::new()
        .route("/orders/statistics", get(statistics::handle))
        .route("/orders/bulk", post(bulk::handle))
        .route("/products/{id}", get(catalogue::product))
        .route("/users/{id}/orders", get(catalogue::users_orders))
        .with_state(shared))
}

/// Runs a request on a worker thread, to its end even if the client goes away: a thread cannot be
/// told to stop.
async fn on_worker<R, F>(
    workers: Arc<Workers>,
    work: impl FnOnce(Worker) -> F + Send + 'static,
) -> Result<R, ApiError>
where
    F: Future<Output = Result<R, ApiError>> + Send,
    R: Send + 'static,
{
    let run = async move { work(workers.enter().await?).await };
    let task = match weir_tower::RequestContext::current() {
        Some(context) => tokio::spawn(context.scope(run)),
        None => tokio::spawn(run),
    };
    task.await.unwrap_or_else(|panic| {
        tracing::error!(%panic, "a request ended in a panic");
        let status = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
        Err(ApiError::new(status, "internal", "this request failed inside the service"))
    })
}
