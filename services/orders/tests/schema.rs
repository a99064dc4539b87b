//! Migrations and the seeder on a real server.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod shop;

use shop::empty;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Row};

fn quiet(_: &str) {}

async fn text(options: &PgConnectOptions, sql: &str) -> String {
    let mut connection = options.connect().await.unwrap();
    let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap();
    row.try_get::<Option<String>, _>(0).unwrap().unwrap_or_default()
}

const SIZE: [&str; 6] = ["--users", "200", "--products", "50", "--orders", "2000"];
/// Every key and index by name and definition.
const KEYS: &str = "SELECT string_agg(definition, E'\n' ORDER BY definition) FROM (
    SELECT indexdef AS definition FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint) d";

fn contents() -> String {
    ["users", "products", "orders", "order_items"]
        .map(|table| format!("(SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM {table} t)"))
        .join(" || ")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_is_the_same_shop_with_all_keys_back_in_place() {
    let mut shops = Vec::new();
    for seed in ["1", "1", "2"] {
        let (program, options) = empty("optimised");
        program.run("migrate", &[], &mut quiet).unwrap();
        // Users' and products' moments are drawn, those of nothing else are taken from the clock.
        let keys = text(&options, KEYS).await;
        program.run("seed", &[&SIZE[..], &["--seed", seed]].concat(), &mut quiet).unwrap();
        assert_eq!(text(&options, KEYS).await, keys);
        let lines = "SELECT (count(*) > 2000)::text FROM order_items";
        assert_eq!(text(&options, lines).await, "true");
        let next = "INSERT INTO orders (user_id, product_id, quantity, status)
            VALUES (200, 50, 1, 'paid') RETURNING id::text";
        shops.push(text(&options, &format!("SELECT {}", contents())).await);
        assert_eq!(text(&options, next).await, "2001", "ids go on where the seed ended");
        let again = program.run("seed", &SIZE, &mut quiet).unwrap_err();
        assert!(format!("{again:#}").contains("not empty"), "{again:#}");
    }
    assert_eq!(shops[0], shops[1]);
    assert_ne!(shops[0], shops[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_migration_ends_what_the_first_versions_race_left() {
    let (program, options) = empty("problem");
    program.run("migrate", &[], &mut quiet).unwrap();
    let race =
        "INSERT INTO users (id, email, name, city) VALUES (1, 'e', 'n', 'c'), (2, 'e', 'n', 'c');
        INSERT INTO products (id, sku, name, description, price) VALUES (1, 's', 'n', 'd', 1);
        INSERT INTO orders (id, user_id, product_id, quantity, status) VALUES
            (1, 1, 1, 2, 'pending'), (2, 1, 1, 3, 'pending'), (3, 1, 1, 5, 'pending'),
            (4, 1, 1, 7, 'paid'), (5, 2, 1, 11, 'pending');
        INSERT INTO order_items (order_id, product_id, quantity, price)
            SELECT id, 1, quantity, quantity FROM orders";
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(race).execute(&mut connection).await.unwrap();
    program.clone().set("code", "optimised").run("migrate", &[], &mut quiet).unwrap();
    let orders = "SELECT string_agg(id || ':' || quantity, ' ' ORDER BY id) FROM orders";
    assert_eq!(text(&options, orders).await, "1:10 4:7 5:11");
    let lines = "SELECT string_agg(order_id || ':' || n, ' ' ORDER BY order_id)
        FROM (SELECT order_id, count(*) AS n FROM order_items GROUP BY order_id) i";
    assert_eq!(text(&options, lines).await, "1:3 4:1 5:1", "no line is lost with its order");
    program.set("code", "optimised").run("migrate", &[], &mut quiet).unwrap();
}
