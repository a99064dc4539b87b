//! Requests to the service and how their answers read.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::load::Outcome;
use crate::plan::{Ask, Item};

/// The service, over kept connections.
#[derive(Clone)]
pub struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    service: SocketAddr,
}

/// How a try ended, and what it told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The service answered.
    Told {
        /// Good, rejected or failed.
        outcome: Outcome,
        /// Items of a bulk request that stand; empty for others.
        accepted: Vec<usize>,
    },
    /// No answer within the limit.
    TimedOut,
    /// No connection, or it broke.
    Broken,
}

impl Answer {
    /// The outcome.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Told { outcome, .. } => *outcome,
            Self::TimedOut => Outcome::TimedOut,
            Self::Broken => Outcome::Broken,
        }
    }
}

impl Http {
    /// A client of the service at this address.
    #[must_use]
    pub fn new(service: SocketAddr) -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http(), service }
    }

    /// One try. The limit is for the whole of it.
    pub async fn ask(&self, key: &str, ask: &Ask, limit: Duration) -> Answer {
        match ask {
            Ask::Product(id) => self.get(&format!("/products/{id}"), limit).await,
            Ask::UserOrders(id) => self.get(&format!("/users/{id}/orders"), limit).await,
            Ask::Statistics => self.get("/orders/statistics", limit).await,
            Ask::Bulk(items) => self.bulk(key, items, limit).await,
        }
    }

    /// One try of a bulk request.
    pub async fn bulk(&self, key: &str, items: &[Item], limit: Duration) -> Answer {
        let list: Vec<Value> =
            items.iter().enumerate().map(|(n, item)| order(key, n, item)).collect();
        let body = Value::from(list).to_string();
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://{}/orders/bulk", self.service))
            .header("content-type", "application/json")
            .header("idempotency-key", key);
        match self.exchange(request, body, limit).await {
            Ok((status, body)) => {
                Answer::Told { outcome: outcome(status), accepted: accepted(status, &body, items) }
            }
            Err(answer) => answer,
        }
    }

    async fn get(&self, path: &str, limit: Duration) -> Answer {
        let request = Request::builder().uri(format!("http://{}{path}", self.service));
        match self.exchange(request, String::new(), limit).await {
            Ok((status, _)) => Answer::Told { outcome: outcome(status), accepted: Vec::new() },
            Err(answer) => answer,
        }
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// As an [`Answer`] that is none: out of time, or broken.
    pub async fn exchange(
        &self,
        request: hyper::http::request::Builder,
        body: String,
        limit: Duration,
    ) -> Result<(StatusCode, Bytes), Answer> {
        let request = request.body(Full::from(body)).map_err(|_| Answer::Broken)?;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|_| Answer::Broken)?;
            let status = response.status();
            let body = response.into_body().collect().await.map_err(|_| Answer::Broken)?;
            Ok((status, body.to_bytes()))
        };
        tokio::time::timeout(limit, exchange).await.unwrap_or(Err(Answer::TimedOut))
    }
}

fn order(key: &str, number: usize, item: &Item) -> Value {
    let Item { user, product, quantity } = item;
    json!({
        "user_id": user, "product_id": product, "quantity": quantity, "ref": format!("{key}:{number}"),
    })
}

fn outcome(status: StatusCode) -> Outcome {
    if status.is_success() {
        Outcome::Good
    } else if status.is_client_error() {
        Outcome::Rejected
    } else {
        Outcome::Failed
    }
}

/// The items that stand by this answer. The optimised version says it of each item; the problem
/// version says it of all by a success.
fn accepted(status: StatusCode, body: &[u8], items: &[Item]) -> Vec<usize> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    match body.get("items").and_then(Value::as_array) {
        Some(results) => {
            let stands = |result: &Value| {
                let status = result.get("status").and_then(Value::as_str);
                matches!(status, Some("created" | "merged"))
            };
            let told = results.iter().enumerate().filter(|(_, result)| stands(result));
            told.map(|(number, _)| number).collect()
        }
        None if status.is_success() => (0..items.len()).collect(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_answers_are_read() {
        let items = [Item { user: 1, product: 1, quantity: 1 }; 3];
        let mixed =
            br#"{"items":[{"status":"created"},{"status":"unknown_user"},{"status":"merged"}]}"#;
        for (status, body, expected) in [
            (200, &br#"{"processed":3}"#[..], vec![0, 1, 2]),
            (500, br#"{"error":{}}"#, vec![]),
            (502, b"not json", vec![]),
            (207, mixed, vec![0, 2]),
            (503, mixed, vec![0, 2]),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(accepted(status, body, &items), expected, "{status}");
        }
    }
}
