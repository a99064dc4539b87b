//! `POST /orders/bulk`, optimised, on a real server.

mod shop;

use futures_util::future::join_all;
use hyper::Method;
use serde_json::{Value, json};
use shop::{Shop, item, statuses};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const PIECES: &str = "SELECT coalesce(sum(quantity), 0)::int8 FROM orders";

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_input_is_a_4xx_that_says_which_and_why() {
    let mut shop = Shop::open("optimised", &[]).await;
    let many = Value::from(vec![item(1, 1, 1); 10_000]).to_string();
    let huge = format!("[{}]", " ".repeat(2_000_000));
    for (body, status, said) in [
        ("[]", 422, vec!["empty_list", "no item"]),
        (many.as_str(), 413, vec!["too_many_items", "10000 items", "2000"]),
        (huge.as_str(), 413, vec!["body_too_large", "1048576 bytes"]),
        ("{\"user_id\":1}", 422, vec!["not_a_list", "a list of items"]),
        ("[{\"user_id\":1,", 400, vec!["not_json", "in item 0", "line 1"]),
        (
            "[{\"user_id\":99,\"product_id\":1}]",
            422,
            vec!["unknown_user", "no user 99", "\"item\":0"],
        ),
        ("[{\"user_id\":1,\"product_id\":99}]", 422, vec!["unknown_product", "no product 99"]),
        ("[{\"user_id\":1,\"product_id\":1,\"quantity\":-1}]", 422, vec!["bad_quantity", "is -1"]),
        (
            "[{\"user_id\":1,\"product_id\":1,\"quantity\":10001}]",
            422,
            vec!["bad_quantity", "10001"],
        ),
        (
            "[{\"user_id\":1,\"product_id\":1,\"quantity\":9e99}]",
            422,
            vec!["bad_quantity", "9e+99"],
        ),
        ("[{\"user_id\":\"1\",\"product_id\":1}]", 422, vec!["invalid", "user_id must be"]),
        ("[{\"user_id\":1}]", 422, vec!["invalid", "product_id is missing"]),
        (
            "[{\"user_id\":1,\"product_id\":1,\"quantity\":9223372036854775808}]",
            422,
            vec!["bad_quantity", "9223372036854775808"],
        ),
        ("[{\"user_id\":1,\"product_id\":1,\"quantity\":0}]", 422, vec!["bad_quantity", "is 0"]),
        ("[{\"user_id\":1,\"product_id\":1,\"quantity\":1.5}]", 422, vec!["bad_quantity", "1.5"]),
        (
            "[{\"user_id\":1,\"product_id\":1,\"quantity\":\"3\"}]",
            422,
            vec!["invalid", "quantity must"],
        ),
        ("[{\"user_id\":-1,\"product_id\":1}]", 422, vec!["invalid", "user_id must be", "-1"]),
        ("[{\"user_id\":1,\"product_id\":1,\"ref\":7}]", 422, vec!["invalid", "ref must be"]),
        (
            "[{\"user_id\":99,\"product_id\":1},{\"user_id\":1,\"product_id\":99}]",
            422,
            vec!["\"item\":0", "no user 99", "\"item\":1", "no product 99"],
        ),
        ("not json at all", 400, vec!["not_json", "line 1"]),
        ("[null,7,\"x\"]", 422, vec!["must be an object", "\"item\":2"]),
    ] {
        let answer = shop.ask(Method::POST, "/orders/bulk", &[], body.into()).await;
        let start = &body[..body.len().min(60)];
        assert_eq!(answer.status.as_u16(), status, "{start}: {}", answer.text);
        for part in said {
            assert!(answer.text.contains(part), "{start}: no {part:?} in {}", answer.text);
        }
    }
    assert_eq!(shop.number("SELECT count(*) FROM orders").await, 0);
    assert_eq!(shop.number("SELECT count(*) FROM outbox").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_is_a_408() {
    let shop = Shop::open("optimised", &[("body-limit-ms", "50")]).await;
    let address = shop.service.as_ref().unwrap().address();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = "POST /orders/bulk HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 100\r\n\r\n[";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    tokio::time::timeout(shop::LIMIT, read).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("slow_body"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_item_gets_its_own_true_result_and_a_bad_one_spoils_nothing() {
    let mut shop = Shop::open("optimised", &[("bulk-batch", "3")]).await;
    assert_eq!(statuses(&shop.bulk(None, &json!([item(2, 2, 5)])).await), ["created"]);
    let mut named = item(1, 1, 4);
    named["ref"] = json!("second");
    let list = json!([
        item(1, 1, 1),
        item(99, 1, 1),
        item(2, 2, 2),
        item(3, 99, 1),
        item(3, 3, 0),
        item(1, 1, 9),
        named,
        item(4, 4, 1),
    ]);
    let said = shop.bulk(Some("k"), &list).await;
    let expected = [
        "created",
        "unknown_user",
        "merged",
        "unknown_product",
        "bad_quantity",
        "duplicate",
        "merged",
        "created",
    ];
    assert_eq!(statuses(&said), expected);
    assert_eq!(said.status, 207);
    assert_eq!((&said.body["done"], &said.body["refused"]), (&json!(4), &json!(4)));
    let codes: Vec<_> = said.body["items"].as_array().unwrap().iter().map(|i| &i["code"]).collect();
    assert_eq!(codes, [201, 404, 200, 404, 422, 409, 200, 201]);
    for (pair, pieces) in [("1, 1", 5), ("2, 2", 7), ("4, 4", 1)] {
        let sql = format!("{PIECES} WHERE (user_id, product_id) = ({pair})");
        assert_eq!(shop.number(&sql).await, pieces, "{pair}");
    }
    assert_eq!(shop.number("SELECT count(*) FROM orders").await, 3);
    let lines = "SELECT sum(price)::text FROM order_items";
    // 5 of 1.30, 7 of 2.30, 1 of 4.30: the prices of the lines add up to it exactly.
    assert_eq!(shop.text(lines).await, "26.90");
    shop.until("SELECT count(*) FROM outbox WHERE state = 'delivered'", 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_once_lose_no_quantity_and_never_deadlock() {
    let mut shop = Shop::open("optimised", &[]).await;
    // Every request has the same pairs in another order, the classic recipe for a deadlock.
    let request = |n: usize| {
        let mut pairs: Vec<_> = (0..50_u64).map(|i| (i % 10 + 1, i / 10 + 1)).collect();
        pairs.rotate_left(n * 7 % 50);
        if n % 2 == 1 {
            pairs.reverse();
        }
        Value::from(
            pairs.into_iter().map(|(user, product)| item(user, product, 2)).collect::<Vec<_>>(),
        )
    };
    let requests: Vec<_> = (0..40).map(request).collect();
    let answers = join_all(requests.iter().map(|list| shop.bulk(None, list))).await;
    let mut created = 0;
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.text);
        created += statuses(answer).iter().filter(|status| *status == "created").count();
    }
    assert_eq!(created, 50, "each pair is created by exactly one request");
    assert_eq!(shop.number("SELECT count(*) FROM orders").await, 50);
    assert_eq!(shop.number("SELECT min(quantity) FROM orders").await, 80);
    assert_eq!(shop.number("SELECT max(quantity) FROM orders").await, 80);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_makes_a_repeat_do_nothing_and_answer_the_same() {
    let mut shop = Shop::open("optimised", &[("bulk-batch", "2")]).await;
    let list = json!([item(1, 1, 1), item(2, 2, 1), item(99, 1, 1), item(3, 3, 1), item(4, 4, 1)]);
    let answers = join_all((0..10).map(|_| shop.bulk(Some("once"), &list))).await;
    for answer in &answers {
        assert_eq!(answer.text, answers[0].text);
    }
    assert_eq!(shop.number(PIECES).await, 4);
    assert_eq!(shop.number("SELECT count(*) FROM outbox").await, 4);
    let other = shop.bulk(Some("once"), &json!([item(1, 1, 2)])).await;
    assert_eq!((other.status.as_u16(), &other.body["error"]["code"]), (422, &json!("key_reused")));
    assert_eq!(shop.number(PIECES).await, 4);
    let bad = shop.bulk(Some("a b"), &list).await;
    assert_eq!(
        (bad.status.as_u16(), &bad.body["error"]["code"]),
        (400, &json!("bad_idempotency_key"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_killed_between_batches_is_finished_by_its_repeat() {
    // What was claimed by the service that is killed is sent again soon.
    let settings = [
        ("bulk-batch", "10"),
        ("outbox-call-limit-ms", "1000"),
        ("outbox-lease-ms", "2000"),
        ("outbox-attempts-max", "1000000"),
    ];
    let mut shop = Shop::open("optimised", &settings).await;
    let list: Vec<_> = (0..100_u64).map(|i| item(i % 10 + 1, i / 10 + 1, 1)).collect();
    let list = Value::from(list);
    // A lock of ours stops the fifth batch, whose pairs all have product 5.
    let held = shop
        .hold(
            "INSERT INTO orders (user_id, product_id, quantity, status)
        VALUES (1, 5, 1, 'pending')",
        )
        .await;
    let (http, key) = (shop.http.clone(), "resumed");
    let address = shop.service.as_ref().unwrap().address();
    let body = list.to_string();
    let asked = tokio::spawn(async move {
        let request = hyper::Request::builder()
            .method(Method::POST)
            .uri(format!("http://{address}/orders/bulk"))
            .header("idempotency-key", key);
        http.exchange(request, body, shop::LIMIT).await
    });
    shop.until("SELECT count(*) FROM bulk_batches WHERE results IS NOT NULL", 4).await;
    shop.until(shop::LOCKED, 1).await;
    shop.crash();
    assert!(asked.await.unwrap().is_err(), "nobody was told anything");
    held.release().await;
    let said = shop.bulk(Some(key), &list).await;
    assert_eq!(said.status, 200, "{}", said.text);
    assert_eq!(statuses(&said), vec!["created"; 100]);
    assert_eq!(shop.number(PIECES).await, 100);
    shop.until("SELECT count(*) FROM outbox WHERE state = 'delivered'", 100).await;
    let received = shop.receiver.received();
    assert_eq!(received.len(), 100);
    assert!(received.values().all(|received| received.told == 1), "{received:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_gives_out_in_the_middle_tells_which_items_stand() {
    let limits = [("bulk-batch", "10"), ("lock-limit-ms", "100")];
    let mut shop = Shop::open("optimised", &limits).await;
    let list: Vec<_> = (0..30_u64).map(|i| item(i % 10 + 1, i / 10 + 1, 1)).collect();
    let list = Value::from(list);
    let held = shop
        .hold(
            "INSERT INTO orders (user_id, product_id, quantity, status)
        VALUES (1, 2, 1, 'pending')",
        )
        .await;
    let said = shop.bulk(Some("half"), &list).await;
    assert_eq!(said.status, 503);
    assert_eq!(statuses(&said)[..10], vec!["created"; 10]);
    assert_eq!(statuses(&said)[10..], vec!["not_done"; 20]);
    held.release().await;
    let said = shop.bulk(Some("half"), &list).await;
    assert_eq!((said.status.as_u16(), statuses(&said)), (200, vec!["created".to_owned(); 30]));
    assert_eq!(shop.number(PIECES).await, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_transaction_is_open_while_the_receiver_thinks() {
    let mut shop = Shop::open("optimised", &[]).await;
    shop.receiver.hold();
    let said = shop.bulk(None, &json!([item(1, 1, 1)])).await;
    assert_eq!(said.status, 200, "answered although the receiver has not");
    shop.until_waiting(1).await;
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND xact_start IS NOT NULL AND pid <> pg_backend_pid()";
    shop.until(open, 0).await;
    let thinking = "SELECT count(*) FROM outbox WHERE attempts = 1 AND state = 'waiting'";
    assert_eq!(shop.number(thinking).await, 1, "still thinking");
}
