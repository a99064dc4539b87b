//! What became of one item.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The end of an item. Kept in the database as JSON, so names are forever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(super) enum Outcome {
    /// A new order.
    Created {
        /// The order.
        order_id: i64,
    },
    /// Added to the user's pending order of the product.
    Merged {
        /// The order.
        order_id: i64,
    },
    /// There is no such user.
    UnknownUser {
        /// Why, for people.
        error: String,
    },
    /// There is no such product.
    UnknownProduct {
        /// Why, for people.
        error: String,
    },
    /// Not from 1 to the limit.
    BadQuantity {
        /// Why, for people.
        error: String,
    },
    /// Not an item at all: a field is missing or of the wrong type.
    Invalid {
        /// Why, for people.
        error: String,
    },
    /// The same as an earlier item of the request.
    Duplicate {
        /// Why, for people.
        error: String,
    },
    /// Not tried, or rolled back: send the request again with the same key.
    NotDone {
        /// Why, for people.
        error: String,
    },
}

impl Outcome {
    pub(super) fn unknown_user(id: i64) -> Self {
        Self::UnknownUser { error: format!("there is no user {id}") }
    }

    pub(super) fn unknown_product(id: i64) -> Self {
        Self::UnknownProduct { error: format!("there is no product {id}") }
    }

    pub(super) fn not_done() -> Self {
        let error = "the database gave out before this item; repeat the request with the same \
                     Idempotency-Key";
        Self::NotDone { error: error.into() }
    }

    /// Whether the order stands.
    pub(super) fn is_done(&self) -> bool {
        self.code().is_success()
    }

    /// Whether repeating the request may still do it.
    pub(super) fn is_not_done(&self) -> bool {
        matches!(self, Self::NotDone { .. })
    }

    /// The item as it is answered: its number in the request, its code, and the rest.
    pub(super) fn shown(&self, index: usize) -> Value {
        let mut shown = json!(self);
        shown["item"] = json!(index);
        shown["code"] = json!(self.code().as_u16());
        shown
    }

    fn code(&self) -> StatusCode {
        match self {
            Self::Created { .. } => StatusCode::CREATED,
            Self::Merged { .. } => StatusCode::OK,
            Self::UnknownUser { .. } | Self::UnknownProduct { .. } => StatusCode::NOT_FOUND,
            Self::BadQuantity { .. } | Self::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Duplicate { .. } => StatusCode::CONFLICT,
            Self::NotDone { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
