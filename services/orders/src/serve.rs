//! The service from start to stop.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::MatchedPath;
use axum::middleware::from_fn;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use weir_tower::{OutsideCalls, RequestHead, RequestLayer};

use crate::health::{self, Health};
use crate::notify::Notifier;
use crate::settings::{Code, Settings};
use crate::{database, housekeeping, optimised, problem, request_id};

/// The description of every route.
const OPENAPI: &str = include_str!("openapi.json");

/// Serves until `stop` is done, then ends gracefully: not ready at once, requests and notification
/// calls under way finished, at most `stop_limit_ms`.
///
/// `ready` is called with the address once requests are accepted.
///
/// # Errors
/// Settings that cannot work, a database that cannot be reached, an address that is taken.
pub async fn serve(
    settings: Settings,
    ready: impl FnOnce(std::net::SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    database::check(&settings).await?;
    let settings = Arc::new(settings);
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("listening on {}", settings.listen))?;
    let (stopper, stopping) = watch::channel(false);
    let parts = Parts::start(&settings, &stopping)?;
    ready(listener.local_addr()?);
    let health = parts.health.clone();
    tokio::spawn(async move {
        stop.await;
        health.stopping();
        stopper.send_replace(true);
    });
    parts.run(listener, stopping, Duration::from_millis(settings.stop_limit_ms)).await
}

/// What runs.
struct Parts {
    router: Router,
    health: Health,
    background: JoinSet<()>,
}

impl Parts {
    fn start(settings: &Arc<Settings>, stop: &watch::Receiver<bool>) -> anyhow::Result<Self> {
        let layer = request_layer(settings.code);
        let health = Health::new(layer.stats());
        let mut background = JoinSet::new();
        let routes = match settings.code {
            Code::Problem => {
                let limit = Duration::from_millis(settings.problem_call_limit_ms);
                let notifier = Notifier::new(&settings.receiver_url, limit)?;
                background.spawn(health.clone().probe(settings.clone(), stop.clone(), |_| {}));
                problem::router(settings.clone(), notifier)?
            }
            Code::Optimised => start_optimised(settings, &health, &mut background, stop)?,
        };
        let router = routes
            .merge(health_routes(health.clone()))
            .route("/openapi.json", get(openapi))
            .layer(layer)
            .layer(from_fn(request_id::name));
        Ok(Self { router, health, background })
    }

    async fn run(
        mut self,
        listener: TcpListener,
        mut stopping: watch::Receiver<bool>,
        limit: Duration,
    ) -> anyhow::Result<()> {
        let mut told = stopping.clone();
        let serving = axum::serve(listener, self.router).with_graceful_shutdown(async move {
            let _ = told.wait_for(|stop| *stop).await;
        });
        let all = async {
            serving.await.context("serving")?;
            while self.background.join_next().await.is_some() {}
            Ok(())
        };
        let too_long = async {
            let _ = stopping.wait_for(|stop| *stop).await;
            tokio::time::sleep(limit).await;
        };
        tokio::select! {
            ended = all => ended,
            () = too_long => {
                tracing::warn!(?limit, "stopped with work under way");
                Ok(())
            }
        }
    }
}

fn start_optimised(
    settings: &Arc<Settings>,
    health: &Health,
    background: &mut JoinSet<()>,
    stop: &watch::Receiver<bool>,
) -> anyhow::Result<Router> {
    let shared = optimised::Shared::new(settings.clone())?;
    let limit = Duration::from_millis(settings.outbox_call_limit_ms);
    let notifier = Notifier::new(&settings.receiver_url, limit)?;
    // The workers' own pool: a full request pool does not stop notifications, nor they requests.
    let outbox_pool = database::pool(settings, settings.outbox_connections)?;
    let mut workers = optimised::outbox::start(&outbox_pool, &shared, &notifier, stop);
    health.watch(shared.breaker.clone());
    background.spawn(async move { while workers.join_next().await.is_some() {} });
    background.spawn(housekeeping::run(outbox_pool, settings.clone(), stop.clone()));
    background.spawn(optimised::statistics::warm(shared.clone()));
    let versions = shared.clone();
    let learn = move |version| versions.learn_version(version);
    background.spawn(health.clone().probe(settings.clone(), stop.clone(), learn));
    Ok(optimised::router(shared))
}

fn health_routes(health: Health) -> Router {
    Router::new()
        .route("/health", get(health::full))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .with_state(health)
}

/// The problem version makes its call inside the transaction, and is warned; the optimised one must
/// not be able to.
fn request_layer(code: Code) -> RequestLayer {
    let mode = match code {
        Code::Problem => OutsideCalls::Warn,
        Code::Optimised => OutsideCalls::Refuse,
    };
    RequestLayer::new(route_of).outside_calls(mode)
}

fn route_of(head: RequestHead<'_>) -> String {
    let path = head.extensions.get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
    format!("{} {path}", head.method)
}

async fn openapi() -> impl IntoResponse {
    ([("content-type", "application/json")], OPENAPI)
}
