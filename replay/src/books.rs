//! Whether database and receiver hold exactly what the clients were told.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use sqlx::{PgConnection, Row};

use crate::load::BulkRecord;
use crate::receiver::Received;

/// Pieces of each (user, product), over all orders.
pub type Stock = BTreeMap<(u64, u64), i64>;

/// What does not add up. All zero is balanced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Books {
    /// Pieces clients were told stand, and the database does not have.
    pub pieces_lost: i64,
    /// Pieces the database has beyond what any client can have meant.
    pub pieces_doubled: i64,
    /// Items clients were told stand.
    pub items_accepted: u64,
    /// Accepted items nobody was told of.
    pub notifications_lost: u64,
    /// Items whose customer was told more than once.
    pub notifications_doubled: u64,
    /// Items whose customer was told though every try was refused.
    pub notifications_of_nothing: u64,
    /// Requests that were never told anything, so that either is right.
    pub unsure: u64,
}

impl Books {
    /// Whether nothing was lost, doubled or invented.
    #[must_use]
    pub fn balance(&self) -> bool {
        let Self { pieces_lost, pieces_doubled, .. } = self;
        let Self { notifications_lost, notifications_doubled, notifications_of_nothing, .. } = self;
        *pieces_lost == 0
            && *pieces_doubled == 0
            && *notifications_lost + *notifications_doubled + *notifications_of_nothing == 0
    }
}

/// What is in the database now.
///
/// # Errors
/// What the server says.
pub async fn stock(connection: &mut PgConnection) -> Result<Stock, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT user_id, product_id, sum(quantity)::int8 FROM orders GROUP BY user_id, product_id",
    )
    .fetch_all(connection)
    .await?;
    let mut stock = Stock::new();
    for row in rows {
        let (user, product): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        stock.insert((user.unsigned_abs(), product.unsigned_abs()), row.try_get(2)?);
    }
    Ok(stock)
}

/// Holds the records against what changed in the database and what the receiver got.
#[must_use]
pub fn balance(
    before: &Stock,
    after: &Stock,
    records: &[BulkRecord],
    received: &HashMap<String, Received>,
) -> Books {
    let mut books = Books::default();
    let (told, possible) = expected(records);
    let pairs = before.keys().chain(after.keys()).chain(told.keys());
    let mut pairs: Vec<_> = pairs.copied().collect();
    pairs.sort_unstable();
    pairs.dedup();
    for pair in pairs {
        let of = |stock: &Stock| stock.get(&pair).copied().unwrap_or(0);
        let change = of(after) - of(before);
        books.pieces_lost += (of(&told) - change).max(0);
        books.pieces_doubled += (change - of(&told) - of(&possible)).max(0);
    }
    for record in records {
        count_notifications(&mut books, record, received);
    }
    books
}

/// Pieces that must be there, and pieces that may be besides.
fn expected(records: &[BulkRecord]) -> (Stock, Stock) {
    let (mut told, mut possible) = (Stock::new(), Stock::new());
    for record in records {
        for (number, item) in record.items.iter().enumerate() {
            let quantity = i64::try_from(item.quantity).unwrap_or(i64::MAX);
            let pair = (item.user, item.product);
            if record.accepted.contains(&number) {
                *told.entry(pair).or_default() += quantity;
            } else if record.unsure {
                *possible.entry(pair).or_default() += quantity;
            }
        }
    }
    (told, possible)
}

fn count_notifications(
    books: &mut Books,
    record: &BulkRecord,
    received: &HashMap<String, Received>,
) {
    books.unsure += u64::from(record.unsure);
    for number in 0..record.items.len() {
        let reference = format!("{}:{number}", record.key);
        let told = received.get(&reference).map_or(0, |received| received.told);
        let accepted = record.accepted.contains(&number);
        books.items_accepted += u64::from(accepted);
        books.notifications_lost += u64::from(accepted && told == 0);
        books.notifications_doubled += u64::from(told > 1);
        books.notifications_of_nothing += u64::from(!accepted && !record.unsure && told > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Item;

    const ITEM: Item = Item { user: 1, product: 2, quantity: 3 };

    fn record(accepted: bool, unsure: bool) -> BulkRecord {
        let accepted = if accepted { vec![0] } else { vec![] };
        BulkRecord { key: "k".into(), items: vec![ITEM], accepted, unsure, ended: !unsure }
    }

    fn check(record: &BulkRecord, change: i64, told: u64) -> Books {
        let before = Stock::from([((1, 2), 5), ((9, 9), 1)]);
        let after = Stock::from([((1, 2), 5 + change), ((9, 9), 1)]);
        let received = HashMap::from([("k:0".to_owned(), Received { calls: told, told })]);
        balance(&before, &after, std::slice::from_ref(record), &received)
    }

    #[test]
    fn what_was_told_must_be_there_once() {
        assert!(check(&record(true, false), 3, 1).balance());
        assert_eq!(check(&record(true, false), 0, 1).pieces_lost, 3);
        assert_eq!(check(&record(true, false), 6, 1).pieces_doubled, 3);
        assert_eq!(check(&record(true, false), 3, 0).notifications_lost, 1);
        assert_eq!(check(&record(true, false), 3, 2).notifications_doubled, 1);
    }

    #[test]
    fn what_was_refused_must_not_be_there() {
        assert!(check(&record(false, false), 0, 0).balance());
        assert_eq!(check(&record(false, false), 3, 0).pieces_doubled, 3);
        assert_eq!(check(&record(false, false), 0, 1).notifications_of_nothing, 1);
    }

    #[test]
    fn of_what_nobody_was_told_either_is_right_but_not_twice() {
        assert!(check(&record(false, true), 0, 0).balance());
        assert!(check(&record(false, true), 3, 1).balance());
        assert_eq!(check(&record(false, true), 6, 1).pieces_doubled, 3);
    }
}
