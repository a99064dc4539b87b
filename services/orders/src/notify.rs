//! The call to the notification receiver.

use std::time::Duration;

use anyhow::Context;
use axum::body::Bytes;
use axum::http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Posts notifications over kept connections.
#[derive(Clone)]
pub(crate) struct Notifier {
    client: Client<HttpConnector, Full<Bytes>>,
    url: Uri,
    limit: Duration,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 2xx: the receiver has it.
    Taken,
    /// It may be taken later: 5xx, 408, 425, 429, no answer within the limit, no connection.
    TryAgain(String),
    /// It never will be: any other status.
    Refused(String),
}

/// Bytes of an answer's body we are willing to read, to keep the connection.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

impl Notifier {
    /// A notifier for `url`, each call limited to `limit` from connect to the end of the answer.
    ///
    /// # Errors
    /// A URL that is not `http://…`.
    pub(crate) fn new(url: &str, limit: Duration) -> anyhow::Result<Self> {
        let url: Uri = url.parse().with_context(|| format!("receiver_url {url:?} is not a URL"))?;
        anyhow::ensure!(
            url.scheme_str() == Some("http") && url.authority().is_some(),
            "receiver_url {url} is not http://…; put an egress proxy before a receiver with TLS"
        );
        let client = Client::builder(TokioExecutor::new()).build_http();
        Ok(Self { client, url, limit })
    }

    /// Posts `payload`, with `delivery_key` as `Idempotency-Key` where there is one.
    pub(crate) async fn post(&self, payload: String, delivery_key: Option<&str>) -> Answer {
        match tokio::time::timeout(self.limit, self.exchange(payload, delivery_key)).await {
            Ok(Ok(status)) => judge(status),
            Ok(Err(error)) => Answer::TryAgain(format!("{error:#}")),
            Err(_) => Answer::TryAgain(format!("no answer within {:?}", self.limit)),
        }
    }

    async fn exchange(&self, payload: String, key: Option<&str>) -> anyhow::Result<StatusCode> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let response = self.client.request(request.body(Full::from(payload))?).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        body.collect().await.map_err(|error| anyhow::anyhow!("reading the answer: {error}"))?;
        Ok(status)
    }
}

fn judge(status: StatusCode) -> Answer {
    let again = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    if status.is_success() {
        Answer::Taken
    } else if status.is_server_error() || again.contains(&status) {
        Answer::TryAgain(format!("receiver answered {status}"))
    } else {
        Answer::Refused(format!("receiver answered {status}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_pass_is_tried_again() {
        for (status, tried_again) in [(500, true), (503, true), (429, true), (408, true)] {
            let answer = judge(StatusCode::from_u16(status).unwrap());
            assert_eq!(matches!(answer, Answer::TryAgain(_)), tried_again, "{status}");
        }
        assert_eq!(judge(StatusCode::ACCEPTED), Answer::Taken);
        assert!(matches!(judge(StatusCode::NOT_FOUND), Answer::Refused(_)));
        assert!(matches!(judge(StatusCode::MOVED_PERMANENTLY), Answer::Refused(_)));
    }

    #[test]
    fn a_receiver_we_cannot_reach_is_refused_at_once() {
        for url in ["https://receiver.example/notify", "/notify", "not a url"] {
            assert!(Notifier::new(url, Duration::from_secs(1)).is_err(), "{url}");
        }
    }
}
