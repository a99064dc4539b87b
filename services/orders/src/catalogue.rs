//! What the innocent routes show, in both versions.

use serde::Serialize;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::money::Money;

/// A product.
#[derive(Debug, Serialize)]
pub(crate) struct ProductView {
    id: i64,
    name: String,
    price: Money,
}

/// An order in a user's list.
#[derive(Debug, Serialize)]
pub(crate) struct OrderView {
    id: i64,
    product_id: i64,
    quantity: i64,
    status: String,
}

impl ProductView {
    pub(crate) fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        let price: &str = row.try_get("price")?;
        let price = price.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        Ok(Self { id: row.try_get("id")?, name: row.try_get("name")?, price })
    }
}

impl OrderView {
    pub(crate) fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            product_id: row.try_get("product_id")?,
            quantity: row.try_get("quantity")?,
            status: row.try_get("status")?,
        })
    }
}
