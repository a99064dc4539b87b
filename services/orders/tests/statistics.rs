//! `GET /orders/statistics`, both versions, on a real server.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod shop;

use futures_util::future::join_all;
use hyper::Method;
use serde_json::json;
use shop::{Shop, item};

/// Amounts whose sum in floats is not what it should be.
const ORDERS: &str = "
INSERT INTO orders (id, user_id, product_id, quantity, status, created_at)
    SELECT n, n % 3 + 1, 1, 1, 'paid', '2024-03-01' FROM generate_series(1, 30) n;
INSERT INTO order_items (order_id, product_id, quantity, price)
    SELECT n, 1, 1, 0.10 FROM generate_series(1, 30) n;
INSERT INTO order_items (order_id, product_id, quantity, price) VALUES (3, 1, 1, 90071992547.41);
INSERT INTO orders (id, user_id, product_id, quantity, status, created_at)
    VALUES (31, 4, 1, 1, 'paid', '2023-12-31 23:59:59+00'), (32, 5, 1, 1, 'paid', '2024-01-01 00:00:00+00')";

#[tokio::test(flavor = "multi_thread")]
async fn amounts_are_exact_and_orders_are_counted_once() {
    for code in ["optimised", "problem"] {
        // The optimised service computes as it starts, so the orders must be there before it.
        let mut shop = Shop::open(code, &[]).await;
        sqlx::raw_sql(ORDERS).execute(&mut shop.sql).await.unwrap();
        shop.crash();
        let said = shop.get("/orders/statistics").await;
        let totals =
            |orders: u64, amount: &str| json!({"total_orders": orders, "total_amount": amount});
        if code == "problem" {
            let expected = json!({
                "1": totals(10, "90071992548.41"), "2": totals(10, "1.00"), "3": totals(10, "1.00"),
                "5": totals(1, "0.00"),
            });
            assert_eq!(said.body, expected);
            continue;
        }
        let user = |id: u64, orders: u64, amount: &str| json!({"user_id": id, "total_orders": orders, "total_amount": amount});
        let expected = json!([
            user(1, 10, "90071992548.41"),
            user(2, 10, "1.00"),
            user(3, 10, "1.00"),
            user(5, 1, "0.00"),
        ]);
        assert_eq!(said.body["users"], expected);
        assert_eq!(said.body["truncated"], json!(false));
    }
}

/// Waits until so many requests have come to the service, besides those of the waiting.
async fn until_asked(shop: &Shop, requests: usize) {
    let deadline = tokio::time::Instant::now() + shop::LIMIT;
    for own in 1.. {
        let all = shop.get("/health").await.body["requests"]["all"].as_u64().unwrap();
        if all == requests as u64 + own {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{all} requests in all");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_ask_one_computes_also_nothing_and_a_change_makes_it_anew() {
    // Answers after the computation are its own for so long.
    let settings = [("statistics-pause-ms", "2000")];
    let mut shop = Shop::open("optimised", &settings).await;
    // While we hold the table no computation can end, so all fifty ask during one.
    let held = shop.hold("LOCK TABLE orders").await;
    shop.crash();
    let address = shop.service.as_ref().unwrap().address();
    let ask = |_| {
        let http = shop.http.clone();
        let request = hyper::Request::get(format!("http://{address}/orders/statistics"));
        tokio::spawn(async move { http.exchange(request, String::new(), shop::LIMIT).await })
    };
    let asked: Vec<_> = (0..50).map(ask).collect();
    until_asked(&shop, asked.len()).await;
    shop.until(shop::LOCKED, 1).await;
    held.release().await;
    let mut answers = Vec::new();
    for asked in join_all(asked).await {
        let (status, body) = asked.unwrap().unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        answers.push(shop::Said { status, body: serde_json::from_str(&text).unwrap(), text });
    }
    for answer in &answers {
        assert_eq!(answer.body["users"], json!([]), "{}", answer.text);
        assert_eq!(answer.text, answers[0].text, "one computation, one moment");
    }
    assert_eq!(shop.bulk(None, &json!([item(1, 1, 2)])).await.status, 200);
    // Stale is served while it is made anew: ask until it is.
    let deadline = tokio::time::Instant::now() + shop::LIMIT;
    loop {
        let said = shop.get("/orders/statistics").await;
        if said.body["users"][0]["total_amount"] == json!("2.60") {
            break;
        }
        assert_eq!(said.body["users"], json!([]), "either the old or the new");
        assert!(tokio::time::Instant::now() < deadline, "the change is never seen");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_change_of_all_is_a_change() {
    let mut shop = Shop::open("optimised", &[("probe-every-ms", "20")]).await;
    until_version(&shop, 0).await;
    assert_eq!(shop.bulk(None, &json!([item(1, 1, 2)])).await.status, 200);
    until_version(&shop, 1).await;
    assert_eq!(shop.number("SELECT count(*) FROM orders").await, 1);
}

/// Waits until the service has seen this version of the orders.
async fn until_version(shop: &Shop, version: u64) {
    let deadline = tokio::time::Instant::now() + shop::LIMIT;
    loop {
        let seen = shop.get("/health").await.body["seen"].clone();
        if seen["orders_version"] == json!(version) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "version {version} in {seen}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_bounded_says_so_and_needs_the_token() {
    let settings = [("statistics-users-max", "2"), ("report-token", "secret")];
    let mut shop = Shop::open("optimised", &settings).await;
    sqlx::raw_sql(ORDERS).execute(&mut shop.sql).await.unwrap();
    shop.crash();
    assert_eq!(shop.get("/orders/statistics").await.status, 401);
    let token = [("authorization", "Bearer secret")];
    let said = shop.ask(Method::GET, "/orders/statistics", &token, String::new()).await;
    let ids: Vec<_> =
        said.body["users"].as_array().unwrap().iter().map(|user| &user["user_id"]).collect();
    assert_eq!((ids, &said.body["truncated"]), (vec![&json!(1), &json!(2)], &json!(true)));
}
