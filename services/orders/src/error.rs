//! What a client is told when a request cannot be done.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An answer that is not a success. The message is for the client; causes go to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

/// Seconds a client should wait before it asks again after a 503.
const RETRY_AFTER_S: u16 = 1;

impl ApiError {
    /// An error with a stable `code` for programs and a `message` for people.
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// The HTTP status.
    #[cfg(test)]
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What people are told.
    #[must_use]
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The thing with this id is not there.
    #[must_use]
    pub(crate) fn not_found(what: &str, id: i64) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what} {id}"))
    }
}

/// A database error as its client sees it: whether to try again, and nothing of our insides.
impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        let busy = matches!(&error, sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed);
        tracing::error!(%error, busy, "database");
        if is_passing(&error) {
            let message = "the database has no connection or time for this now; ask again";
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, "database_busy", message);
        }
        let message = "the database refused what we asked it; the log has the request's id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "database_error", message)
    }
}

/// Whether the same request may succeed a moment later.
pub(crate) fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => true,
        // 08 connection, 40 rollback, 53 resources, 57 intervention, 55 lock not available.
        sqlx::Error::Database(database) => database.code().is_some_and(|code| {
            ["08", "40", "53", "55", "57"].iter().any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}

impl From<weir_tower::TakenBack> for ApiError {
    fn from(taken: weir_tower::TakenBack) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "taken_back", taken.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": { "code": self.code, "message": self.message } }));
        (self.status, retry_after(self.status), body).into_response()
    }
}

/// When to come back, where that helps.
pub(crate) fn retry_after(status: StatusCode) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_pool_is_a_503_with_a_time_to_come_back() {
        let response = ApiError::from(sqlx::Error::PoolTimedOut).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    }

    #[test]
    fn a_fault_of_ours_tells_nothing_of_our_insides() {
        let error = ApiError::from(sqlx::Error::ColumnNotFound("secret".into()));
        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!error.message().contains("secret"));
    }
}
