//! The layer and its service.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Extensions, Method, Request, Response, Uri};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::TrackedBody;
use crate::context::{RequestContext, ScopedFuture};
use crate::outside::OutsideCalls;
use crate::stats::Stats;

/// What a route is named from.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The target.
    pub uri: &'a Uri,
    /// What earlier layers and the router left, for example axum's `MatchedPath`.
    pub extensions: &'a Extensions,
}

type RouteOf = dyn Fn(RequestHead<'_>) -> String + Send + Sync;

/// Runs each request in a [`RequestContext`] of its own, and ends that when the response body has
/// been sent or dropped, or the request was given up.
#[derive(Clone)]
pub struct RequestLayer {
    route_of: Arc<RouteOf>,
    outside_calls: OutsideCalls,
    stats: Arc<Stats>,
}

impl RequestLayer {
    /// `route_of` names the route of a request. Name the *pattern* (`GET /orders/{id}`), never the
    /// path with its ids: each name is a statement text of its own and a label in other people's
    /// metrics.
    pub fn new(route_of: impl Fn(RequestHead<'_>) -> String + Send + Sync + 'static) -> Self {
        Self {
            route_of: Arc::new(route_of),
            outside_calls: OutsideCalls::default(),
            stats: Arc::default(),
        }
    }

    /// What happens to outside calls inside a transaction. The default is to warn.
    #[must_use]
    pub fn outside_calls(mut self, mode: OutsideCalls) -> Self {
        self.outside_calls = mode;
        self
    }

    /// The counters of this layer.
    #[must_use]
    pub fn stats(&self) -> Arc<Stats> {
        self.stats.clone()
    }
}

impl<S> Layer<S> for RequestLayer {
    type Service = RequestService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequestService { inner, layer: self.clone() }
    }
}

/// The service [`RequestLayer`] makes.
#[derive(Clone)]
pub struct RequestService<S> {
    inner: S,
    layer: RequestLayer,
}

impl<S, B, R> Service<Request<B>> for RequestService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<TrackedBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let head = RequestHead {
            method: request.method(),
            uri: request.uri(),
            extensions: request.extensions(),
        };
        let route = (self.layer.route_of)(head);
        let layer = &self.layer;
        let context = RequestContext::new(&route, layer.outside_calls, layer.stats.clone());
        let end = EndOfRequest(context.clone());
        let future = context.scoped(|| self.inner.call(request));
        ResponseFuture { inner: context.scoped_future(future), end: Some(end) }
    }
}

/// Ends the request when dropped, whichever way it went.
pub(crate) struct EndOfRequest(pub(crate) RequestContext);

impl Drop for EndOfRequest {
    fn drop(&mut self) {
        self.0.end();
    }
}

pin_project! {
    /// The future of [`RequestService`].
    pub struct ResponseFuture<F> {
        // Dropped before `end`: what the handler still owns is released, not taken back.
        #[pin]
        inner: ScopedFuture<F>,
        end: Option<EndOfRequest>,
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<TrackedBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(cx));
        let end = this.end.take();
        Poll::Ready(result.map(|response| response.map(|body| TrackedBody::new(body, end))))
    }
}
