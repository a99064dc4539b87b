//! The layer as a service meets it: through requests.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::sync::oneshot;
use tower_layer::Layer;
use tower_service::Service;
use weir_tower::{
    Checkout, Holds, OutsideCalls, RequestContext, RequestLayer, RequestService, TakenBack,
    TrackedBody, outside_call, tag,
};

type Work = Pin<Box<dyn Future<Output = String> + Send>>;
type Reply = Response<TrackedBody<Full<Bytes>>>;

/// Stands for a pooled connection: counts how many are out.
struct Connection(Arc<AtomicUsize>);

impl Connection {
    fn take(out: &Arc<AtomicUsize>) -> Self {
        out.fetch_add(1, Ordering::SeqCst);
        Self(out.clone())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A service that does one piece of work.
struct Handler(Option<Work>);

impl Service<Request<()>> for Handler {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        let work = self.0.take().expect("one request a handler");
        Box::pin(async move { Ok(Response::new(Full::from(work.await))) })
    }
}

fn layer() -> RequestLayer {
    RequestLayer::new(|head| format!("{} {}", head.method, head.uri.path()))
}

fn service(
    layer: &RequestLayer,
    work: impl Future<Output = String> + Send + 'static,
) -> RequestService<Handler> {
    layer.layer(Handler(Some(Box::pin(work))))
}

fn orders() -> Request<()> {
    Request::get("/orders").body(()).unwrap()
}

async fn call(layer: &RequestLayer, work: impl Future<Output = String> + Send + 'static) -> Reply {
    service(layer, work).call(orders()).await.unwrap()
}

async fn text(reply: Reply) -> String {
    String::from_utf8(reply.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn statements_carry_the_route_of_their_request() {
    let reply = call(&layer(), async { tag("SELECT 1") }).await;
    assert_eq!(text(reply).await, "SELECT 1 /*route='GET%20%2Forders'*/");
    assert_eq!(tag("SELECT 1"), "SELECT 1", "outside a request");
}

#[tokio::test]
async fn a_spawned_task_is_in_the_request_only_inside_scope() {
    let reply = call(&layer(), async {
        let context = RequestContext::current().unwrap();
        let outside = tokio::spawn(async { tag("a") }).await.unwrap();
        let inside = tokio::spawn(context.scope(async { tag("b") })).await.unwrap();
        format!("{outside} {inside}")
    })
    .await;
    assert_eq!(text(reply).await, "a b /*route='GET%20%2Forders'*/");
}

#[tokio::test]
async fn a_dropped_checkout_is_released_and_not_counted_as_a_leak() {
    let (layer, out) = (layer(), Arc::new(AtomicUsize::new(0)));
    let handlers_out = out.clone();
    let reply = call(&layer, async move {
        let mut held = Checkout::new(Connection::take(&handlers_out), Holds::Connection);
        let during = held.borrow().unwrap().0.load(Ordering::SeqCst);
        drop(held);
        during.to_string()
    })
    .await;
    assert_eq!((text(reply).await.as_str(), out.load(Ordering::SeqCst)), ("1", 0));
    let counts = layer.stats().snapshot();
    assert_eq!((counts.requests, counts.checkouts, counts.taken_back), (1, 1, 0));
}

#[tokio::test]
async fn a_leaked_checkout_is_taken_back_when_the_body_has_been_sent() {
    let (layer, out) = (layer(), Arc::new(AtomicUsize::new(0)));
    let hoard: Arc<Mutex<Vec<Checkout<Connection>>>> = Arc::default();
    let (handlers_out, handlers_hoard) = (out.clone(), hoard.clone());
    let reply = call(&layer, async move {
        let held = Checkout::new(Connection::take(&handlers_out), Holds::Connection);
        handlers_hoard.lock().unwrap().push(held);
        "kept".into()
    })
    .await;
    assert_eq!(out.load(Ordering::SeqCst), 1, "a streaming body may still need it");
    assert_eq!(text(reply).await, "kept");
    assert_eq!(out.load(Ordering::SeqCst), 0);
    assert_eq!(hoard.lock().unwrap()[0].borrow().err(), Some(TakenBack));
    assert_eq!(layer.stats().snapshot().taken_back, 1);
}

#[tokio::test]
async fn a_request_given_up_releases_what_it_held() {
    let (layer, out) = (layer(), Arc::new(AtomicUsize::new(0)));
    let hoard: Arc<Mutex<Vec<Checkout<Connection>>>> = Arc::default();
    let (handlers_out, handlers_hoard) = (out.clone(), hoard.clone());
    let (holding, held) = oneshot::channel();
    let mut service = service(&layer, async move {
        let _mine = Checkout::new(Connection::take(&handlers_out), Holds::Transaction);
        let leaked = Checkout::new(Connection::take(&handlers_out), Holds::Connection);
        handlers_hoard.lock().unwrap().push(leaked);
        holding.send(()).unwrap();
        std::future::pending().await
    });
    let request = tokio::spawn(service.call(orders()));
    held.await.unwrap();
    assert_eq!(out.load(Ordering::SeqCst), 2);
    request.abort();
    assert!(request.await.err().is_some_and(|e| e.is_cancelled()));
    assert_eq!(out.load(Ordering::SeqCst), 0);
    assert_eq!(layer.stats().snapshot().taken_back, 1, "the owned one was released, not taken");
}

#[tokio::test]
async fn a_use_in_progress_ends_before_it_is_taken_back() {
    let (layer, out) = (layer(), Arc::new(AtomicUsize::new(0)));
    let handlers_out = out.clone();
    let (begun, using) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let (done, ended) = oneshot::channel();
    let reply = call(&layer, async move {
        let mut held = Checkout::new(Connection::take(&handlers_out), Holds::Connection);
        tokio::spawn(async move {
            let in_use = held.borrow().unwrap();
            begun.send(()).unwrap();
            stopped.await.unwrap();
            drop(in_use);
            done.send(held.borrow().err()).unwrap();
        });
        using.await.unwrap();
        String::new()
    })
    .await;
    text(reply).await;
    assert_eq!(out.load(Ordering::SeqCst), 1, "in use");
    stop.send(()).unwrap();
    assert_eq!(ended.await.unwrap(), Some(TakenBack));
    assert_eq!(out.load(Ordering::SeqCst), 0);
    let counts = layer.stats().snapshot();
    assert_eq!((counts.outlived, counts.taken_back), (1, 1));
}

#[tokio::test]
async fn a_checkout_made_after_the_end_is_not_kept() {
    let (layer, out) = (layer(), Arc::new(AtomicUsize::new(0)));
    let (send, receive) = oneshot::channel();
    let reply = call(&layer, async move {
        assert!(send.send(RequestContext::current().unwrap()).is_ok());
        String::new()
    })
    .await;
    text(reply).await;
    let context = receive.await.unwrap();
    let late = Connection::take(&out);
    let mut held = context.scope(async { Checkout::new(late, Holds::Connection) }).await;
    assert_eq!(held.borrow().err(), Some(TakenBack));
    assert_eq!(out.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn outside_calls_are_refused_only_while_a_transaction_is_held() {
    let layer = layer().outside_calls(OutsideCalls::Refuse);
    let reply = call(&layer, async {
        let mut seen = vec![outside_call("pay").is_ok()];
        let _connection = Checkout::new((), Holds::Connection);
        seen.push(outside_call("pay").is_ok());
        let transaction = Checkout::new((), Holds::Transaction);
        let refusal = outside_call("pay").unwrap_err();
        assert_eq!((refusal.call, refusal.route.as_str()), ("pay", "GET /orders"));
        let during = transaction.finish(async |()| outside_call("pay").is_ok()).await.unwrap();
        seen.extend([during, outside_call("pay").is_ok()]);
        format!("{seen:?}")
    })
    .await;
    assert_eq!(text(reply).await, "[true, true, false, true]");
    assert_eq!(layer.stats().snapshot().outside_refused, 2);
    assert!(outside_call("pay").is_ok(), "outside a request");
}

#[tokio::test]
async fn in_warn_mode_the_call_is_made_and_counted() {
    let layer = layer();
    let reply = call(&layer, async {
        let _transaction = Checkout::new((), Holds::Transaction);
        outside_call("pay").is_ok().to_string()
    })
    .await;
    assert_eq!(text(reply).await, "true");
    assert_eq!(layer.stats().snapshot().outside_warned, 1);
}
