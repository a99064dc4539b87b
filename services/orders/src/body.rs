//! Reading a request body within bounds.

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use http_body_util::BodyExt;

use crate::error::ApiError;
use crate::settings::Settings;

/// How much of a body that is too large is still read and dropped, bytes: a connection that is
/// closed while its client writes loses the answer on the way.
const DRAIN_BYTES_MAX: usize = 16 << 20;

/// The whole body.
///
/// # Errors
/// 413 for one that is too large, 408 for one that takes too long, 400 for one that breaks off.
pub(crate) async fn read(body: Body, settings: &Settings) -> Result<Bytes, ApiError> {
    let bytes_max = settings.body_bytes_max;
    let limit = std::time::Duration::from_millis(settings.body_limit_ms);
    let Ok(collected) = tokio::time::timeout(limit, collect(body, bytes_max)).await else {
        let message = format!("the body was not there within {limit:?}");
        return Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "slow_body", message));
    };
    match collected {
        Ok(Some(whole)) => Ok(whole),
        Ok(None) => {
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

/// The body; `None` when it has more than `bytes_max` bytes.
async fn collect(mut body: Body, bytes_max: usize) -> Result<Option<Bytes>, axum::Error> {
    let mut whole = Vec::new();
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        seen += data.len();
        if seen <= bytes_max {
            whole.extend_from_slice(&data);
        } else if seen - bytes_max > DRAIN_BYTES_MAX {
            break;
        }
    }
    Ok((seen <= bytes_max).then(|| Bytes::from(whole)))
}
