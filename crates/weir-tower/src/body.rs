//! A response body that is still part of its request.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::layer::EndOfRequest;

pin_project! {
    /// Polls the inner body inside the request's context, so that a streamed body's statements are
    /// tagged too, and ends the request with the body.
    pub struct TrackedBody<B> {
        // Dropped before `end`, as in the future.
        #[pin]
        inner: B,
        end: Option<EndOfRequest>,
    }
}

impl<B> TrackedBody<B> {
    pub(crate) fn new(inner: B, end: Option<EndOfRequest>) -> Self {
        Self { inner, end }
    }
}

impl<B: Body> Body for TrackedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let polled = match this.end.as_ref() {
            Some(end) => end.0.scoped(|| this.inner.poll_frame(cx)),
            None => this.inner.poll_frame(cx),
        };
        let frame = ready!(polled);
        if !matches!(frame, Some(Ok(_))) {
            *this.end = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
