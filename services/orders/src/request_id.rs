//! A name for each request, in its log lines and its answer.

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;
use tracing::Instrument as _;

/// The header, both ways.
const HEADER: &str = "x-request-id";
/// Bytes of an id we take from a client.
const GIVEN_BYTES_MAX: usize = 64;

/// 128 random bits in hexadecimal. Unique, not secret.
pub(crate) fn new_id() -> String {
    format!("{:032x}", fastrand::u128(..))
}

/// Takes the client's id or makes one, puts it into every log line and into the answer, and logs
/// the request's end.
pub(crate) async fn name(request: Request, next: Next) -> Response {
    let id = given(&request).unwrap_or_else(new_id);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = tracing::info_span!("request", id, %method, path);
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    span.in_scope(|| {
        let ms = started.elapsed().as_millis();
        tracing::info!(status = response.status().as_u16(), ms, "answered");
    });
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

fn given(request: &Request) -> Option<String> {
    let id = request.headers().get(HEADER)?.to_str().ok()?;
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    (plain && !id.is_empty() && id.len() <= GIVEN_BYTES_MAX).then(|| id.to_owned())
}
