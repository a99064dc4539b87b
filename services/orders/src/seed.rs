//! A shop's worth of rows: the same for the same seed, skewed as shops are, loaded with COPY.

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::{Context, ensure};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::migrate::KEYS;
use crate::seed::rows::{Line, Shop};

mod rows;

/// How much to make. All at least 1.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Users.
    pub users: u64,
    /// Products.
    pub products: u64,
    /// Orders; each has one to four items.
    pub orders: u64,
    /// The same seed makes the same rows.
    pub seed: u64,
}

impl Default for Size {
    fn default() -> Self {
        Self { users: 50_000, products: 2_000, orders: 300_000, seed: 20_240_621 }
    }
}

/// Bytes of one COPY message.
const CHUNK_BYTES: usize = 256 * 1024;

/// Loads a shop into empty tables, in one transaction, telling `progress` after each table.
///
/// Keys and indexes are taken off first and put back after: checking them once is ten times faster
/// than row by row.
///
/// # Errors
/// Tables that are not empty, or what the server says; then nothing is changed.
pub async fn seed(
    connection: &mut PgConnection,
    size: Size,
    progress: &mut dyn FnMut(&str),
) -> anyhow::Result<()> {
    ensure!(
        size.users > 0 && size.products > 0 && size.orders > 0,
        "every size must be at least 1"
    );
    let started = Instant::now();
    let shop = Shop::new(size);
    let mut transaction = connection.begin().await?;
    let filled: bool =
        sqlx::query("SELECT EXISTS (SELECT FROM users) OR EXISTS (SELECT FROM orders)")
            .fetch_one(&mut *transaction)
            .await
            .context("are the tables there? run `orders migrate` first")?
            .try_get(0)?;
    ensure!(!filled, "the tables are not empty; seed a new database");
    take_keys_off(&mut transaction).await?;
    for table in TABLES {
        let rows = table.load(&mut transaction, &shop).await?;
        progress(&format!("{}: {rows} rows after {:.1?}", table.name, started.elapsed()));
    }
    put_keys_on(&mut transaction).await?;
    transaction.commit().await?;
    progress(&format!("keys and statistics after {:.1?}", started.elapsed()));
    Ok(())
}

/// A table and how its rows are written.
struct Table {
    name: &'static str,
    columns: &'static str,
    rows: fn(&Shop) -> u64,
    write: fn(&Shop, u64, &mut String),
}

const TABLES: [Table; 4] = [
    Table {
        name: "users",
        columns: "id, email, name, city, created_at",
        rows: |shop| shop.size.users,
        write: |shop, id, out| {
            let (name, city, day) = shop.user(id);
            let _ = writeln!(out, "{id}\tuser{id}@shop.example\t{name}\t{city}\t{day}");
        },
    },
    Table {
        name: "products",
        columns: "id, sku, name, description, price",
        rows: |shop| shop.size.products,
        write: |shop, id, out| {
            let price = shop.price(id);
            let about = shop.description(id);
            let _ = writeln!(out, "{id}\tSKU-{id:06}\tProduct {id}\t{about}\t{price}");
        },
    },
    Table {
        name: "orders",
        columns: "id, user_id, product_id, quantity, status, created_at",
        rows: |shop| shop.size.orders,
        write: |shop, id, out| {
            let order = shop.order(id);
            let (user, product, quantity) = (order.user, order.product, order.quantity);
            let (status, moment) = (order.status, order.created_at);
            let _ = writeln!(out, "{id}\t{user}\t{product}\t{quantity}\t{status}\t{moment}");
        },
    },
    Table {
        name: "order_items",
        columns: "order_id, product_id, quantity, price",
        rows: |shop| shop.size.orders,
        write: |shop, id, out| {
            for Line { product, quantity, price } in shop.lines(id) {
                let _ = writeln!(out, "{id}\t{product}\t{quantity}\t{price}");
            }
        },
    },
];

impl Table {
    async fn load(&self, connection: &mut PgConnection, shop: &Shop) -> anyhow::Result<u64> {
        let statement = format!("COPY {} ({}) FROM STDIN", self.name, self.columns);
        let mut copy = connection.copy_in_raw(&statement).await?;
        let mut chunk = String::with_capacity(CHUNK_BYTES + 1024);
        for id in 1..=(self.rows)(shop) {
            (self.write)(shop, id, &mut chunk);
            if chunk.len() >= CHUNK_BYTES {
                copy.send(chunk.as_bytes()).await?;
                chunk.clear();
            }
        }
        copy.send(chunk.as_bytes()).await?;
        Ok(copy.finish().await?)
    }
}

async fn take_keys_off(connection: &mut PgConnection) -> anyhow::Result<()> {
    for (table, kind, name) in keys() {
        let sql = match kind {
            Key::Index => format!("DROP INDEX {name}"),
            Key::Constraint => format!("ALTER TABLE {table} DROP CONSTRAINT {name}"),
        };
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn put_keys_on(connection: &mut PgConnection) -> anyhow::Result<()> {
    sqlx::raw_sql(KEYS).execute(&mut *connection).await?;
    for table in ["users", "products", "orders"] {
        let next = format!(
            "SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
        );
        sqlx::raw_sql(AssertSqlSafe(next)).execute(&mut *connection).await?;
    }
    sqlx::raw_sql("ANALYZE users, products, orders, order_items").execute(connection).await?;
    Ok(())
}

enum Key {
    Index,
    Constraint,
}

/// Table, kind and name of each key in the file of keys.
fn keys() -> Vec<(&'static str, Key, &'static str)> {
    let mut table = "";
    let mut found = Vec::new();
    for line in KEYS.lines() {
        let words: Vec<&'static str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["CREATE", "INDEX", name, "ON", on, ..] => found.push((*on, Key::Index, *name)),
            ["ALTER", "TABLE", name] => table = name,
            ["ADD", "CONSTRAINT", name, ..] => found.push((table, Key::Constraint, *name)),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_file_is_found() {
        let named = KEYS.matches("CREATE INDEX").count() + KEYS.matches("ADD CONSTRAINT").count();
        assert_eq!((keys().len(), named), (7, 7));
        assert!(keys().iter().all(|(table, _, name)| name.starts_with(table)));
    }
}
