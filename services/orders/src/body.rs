//! Reading a request body within bounds.

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use http_body_util::{BodyExt, Limited};

use crate::error::ApiError;
use crate::settings::Settings;

/// The whole body.
///
/// # Errors
/// 413 for one that is too large, 408 for one that takes too long, 400 for one that breaks off.
pub(crate) async fn read(body: Body, settings: &Settings) -> Result<Bytes, ApiError> {
    let bytes_max = settings.body_bytes_max;
    let limit = std::time::Duration::from_millis(settings.body_limit_ms);
    let collecting = Limited::new(body, bytes_max).collect();
    let Ok(collected) = tokio::time::timeout(limit, collecting).await else {
        let message = format!("the body was not there within {limit:?}");
        return Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "slow_body", message));
    };
    match collected {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            let message =
                format!("the body has more than {bytes_max} bytes; send several requests");
            Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message))
        }
        Err(error) => {
            let message = format!("the body broke off: {error}");
            Err(ApiError::new(StatusCode::BAD_REQUEST, "broken_body", message))
        }
    }
}
