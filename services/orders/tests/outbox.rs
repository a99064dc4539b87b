//! Notifications on a real server and a real receiver.

mod shop;

use std::time::Duration;

use serde_json::{Value, json};
use shop::{Shop, item};

/// Quick retries, so that a test is, and as many as it takes.
const QUICK: [(&str, &str); 5] = [
    ("outbox-attempts-max", "1000000"),
    ("outbox-pause-min-ms", "1"),
    ("outbox-pause-max-ms", "20"),
    ("outbox-breaker-pause-ms", "5"),
    ("outbox-poll-ms", "10"),
];

fn list(count: u64) -> Value {
    (0..count).map(|i| item(i % 10 + 1, i / 10 + 1, 1)).collect::<Vec<_>>().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_receiver_gets_each_one_later_and_once() {
    let mut shop = Shop::open("optimised", &QUICK).await;
    shop.receiver.set_failing(true);
    assert_eq!(shop.bulk(Some("f"), &list(20)).await.status, 200);
    shop.until("SELECT count(*) FILTER (WHERE attempts >= 2) FROM outbox", 20).await;
    shop.receiver.set_failing(false);
    shop.until("SELECT count(*) FROM outbox WHERE state = 'delivered'", 20).await;
    let received = shop.receiver.received();
    assert_eq!(received.len(), 20);
    assert!(received.iter().all(|(name, got)| name.starts_with("f:") && got.told == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_never_gets_through_is_dead_and_can_be_seen() {
    let mut settings = QUICK.to_vec();
    settings.push(("outbox-attempts-max", "3"));
    let mut shop = Shop::open("optimised", &settings).await;
    shop.receiver.set_failing(true);
    shop.bulk(Some("d"), &list(1)).await;
    shop.until("SELECT count(*) FROM outbox WHERE state = 'dead'", 1).await;
    assert_eq!(shop.number("SELECT attempts::int8 FROM outbox").await, 3);
    let dead = shop.get("/notifications/dead").await;
    assert_eq!(dead.body[0]["delivery_key"], json!("d:0"));
    assert!(dead.body[0]["last_error"].as_str().unwrap().contains("503"), "{}", dead.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_with_calls_under_way_it_resumes_and_nobody_is_told_twice() {
    let mut settings = QUICK.to_vec();
    settings.extend([("outbox-lease-ms", "1000"), ("outbox-call-limit-ms", "500")]);
    let mut shop = Shop::open("optimised", &settings).await;
    // Longer than a call may take: none is answered before the service is killed.
    shop.receiver.set_latency(shop::LIMIT);
    assert_eq!(shop.bulk(Some("r"), &list(100)).await.status, 200);
    shop.until_told().await;
    shop.crash();
    shop.receiver.set_latency(Duration::ZERO);
    shop.until("SELECT count(*) FROM outbox WHERE state = 'delivered'", 100).await;
    let received = shop.receiver.received();
    assert_eq!(received.len(), 100, "at least once");
    assert!(received.values().all(|got| got.told == 1), "exactly once by key: {received:?}");
    let calls: u64 = received.values().map(|got| got.calls).sum();
    assert!(calls > 100, "who was told before the kill is told again: {received:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_slower_than_the_limit_does_not_hold_a_worker() {
    let mut settings = QUICK.to_vec();
    settings.extend([("outbox-call-limit-ms", "50"), ("outbox-lease-ms", "100")]);
    let mut shop = Shop::open("optimised", &settings).await;
    shop.receiver.set_latency(Duration::from_secs(30));
    shop.bulk(Some("s"), &list(1)).await;
    let given_up = "SELECT count(*) FROM outbox WHERE last_error LIKE 'no answer within 50ms'";
    shop.until(given_up, 1).await;
    shop.receiver.set_latency(Duration::ZERO);
    shop.until("SELECT count(*) FROM outbox WHERE state = 'delivered'", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_is_left_alone_and_found_again() {
    let settings = [
        ("outbox-attempts-max", "1000000"),
        ("outbox-in-flight", "2"),
        ("outbox-breaker-calls", "4"),
        ("outbox-breaker-pause-ms", "1000"),
        ("outbox-pause-max-ms", "1000"),
        ("outbox-poll-ms", "10"),
    ];
    let mut shop = Shop::open("optimised", &settings).await;
    shop.receiver.set_failing(true);
    assert_eq!(shop.bulk(Some("b"), &list(100)).await.status, 200);
    let deadline = tokio::time::Instant::now() + shop::LIMIT;
    loop {
        let health = shop.get("/health").await;
        if health.body["notifications_paused"] == json!(true) {
            assert_eq!(health.status, 503);
            assert!(health.text.contains("the receiver fails"), "{}", health.text);
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{}", health.text);
    }
    // A window and what was under way, and then one a pause: a minute of pauses would not do.
    let spared = shop.number("SELECT count(*) FROM outbox WHERE attempts = 0").await;
    assert!(spared > 0, "all were tried");
    shop.receiver.set_failing(false);
    shop.until("SELECT count(*) FROM outbox WHERE state = 'delivered'", 100).await;
    assert!(shop.receiver.received().values().all(|got| got.told == 1));
    assert_eq!(shop.get("/health").await.body["notifications_paused"], json!(false));
}
