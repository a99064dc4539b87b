//! The service as a process: start, refusal, health, stop, and the faults it keeps on purpose.

mod shop;

use std::time::Duration;

use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use shop::{Shop, empty, item};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use weir_testkit::{Options, PgServer};

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_cannot_work_is_refused_with_the_reason() {
    let (program, _) = empty("optimised");
    for (name, value, reason) in [
        ("pool-connections", "95", "98, and the server has 97 usable connections"),
        ("lock-limit-ms", "30000", "not below statement_limit_ms"),
        ("server-limits", "role", "ALTER ROLE"),
        ("pool-connections", "30", "run `orders migrate` first"),
        ("pool-connections", "many", "is not a whole number"),
    ] {
        let refused = program.clone().set(name, value).start().err();
        let said = format!("{:#}", refused.unwrap_or_else(|| panic!("{name}={value} started")));
        assert!(said.contains(reason), "{name}={value}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_answered_without_a_free_connection() {
    // A server of its own: it is filled to the last connection.
    let server = PgServer::start(Options::default()).unwrap();
    let mut shop = Shop::open_on(&server, "optimised", &[("probe-every-ms", "20")]).await;
    assert_eq!(shop.get("/health/live").await.status, 200);
    let deadline = tokio::time::Instant::now() + shop::LIMIT;
    while shop.get("/health/ready").await.status != 200 {
        assert!(tokio::time::Instant::now() < deadline, "never ready");
    }
    let full = shop.get("/health").await;
    let has = |name: &str| full.body.get(name).is_some_and(|value| !value.is_null());
    for name in ["healthy", "connection_usage", "active_connections", "issues"] {
        assert!(has(name), "no {name} in {}", full.text);
    }
    // Take every slot of the server that is left: health still answers, and says so.
    let url = shop.text("SELECT 'port=' || current_setting('port')").await;
    let port: u16 = url.trim_start_matches("port=").parse().unwrap();
    let database = shop.text("SELECT current_database()").await;
    let options = sqlx::postgres::PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port)
        .username("postgres")
        .database(&database);
    let mut hoard = Vec::new();
    while let Ok(connection) = sqlx::ConnectOptions::connect(&options).await {
        hoard.push(connection);
    }
    assert!(hoard.len() > 50, "{}", hoard.len());
    loop {
        let full = shop.get("/health").await;
        if full.status == 503 && full.text.contains("usable connections are taken") {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{}", full.text);
    }
    assert_eq!(shop.get("/health/live").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_what_is_under_way() {
    let mut shop = Shop::open("optimised", &[]).await;
    shop.receiver.hold();
    let list: Value = (1..=5_u64).map(|n| item(n, n, 1)).collect::<Vec<_>>().into();
    assert_eq!(shop.bulk(None, &list).await.status, 200);
    shop.until_waiting(5).await;
    let service = shop.service.take().unwrap();
    let address = service.address();
    let stopping = tokio::task::spawn_blocking(move || service.stop());
    // Nobody listens any more, so it has begun to stop.
    let deadline = tokio::time::Instant::now() + shop::LIMIT;
    while TcpStream::connect(address).await.is_ok() {
        assert!(tokio::time::Instant::now() < deadline, "it does not stop");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    shop.receiver.release();
    assert!(stopping.await.unwrap().unwrap(), "ended with status 0");
    assert_eq!(shop.number("SELECT count(*) FROM outbox WHERE state = 'delivered'").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_covers_every_route() {
    let shop = Shop::open("optimised", &[]).await;
    let openapi = shop.get("/openapi.json").await.body;
    let paths = openapi["paths"].as_object().unwrap();
    for (path, methods) in paths {
        for method in methods.as_object().unwrap().keys() {
            let path = path.replace("{id}", "1");
            let body = if method == "post" { "[]" } else { "" };
            let method = method.to_uppercase().parse().unwrap();
            let said = shop.ask(method, &path, &[], body.into()).await;
            assert!(said.status != 404 && said.status != 405, "{path}: {}", said.status);
        }
    }
    assert_eq!(paths.len(), 9);
    assert_eq!(shop.get("/products/1").await.body["price"], json!("1.30"));
    let missing = shop.get("/products/77").await;
    assert_eq!(
        (missing.status.as_u16(), &missing.body["error"]["code"]),
        (404, &json!("not_found"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_one_name_in_its_answer_and_in_the_log() {
    let shop = Shop::open("optimised", &[("log-level", "info")]).await;
    let service = shop.service.as_ref().unwrap();
    let mut stream = TcpStream::connect(service.address()).await.unwrap();
    let head = "GET /products/1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: of-mine:7\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("x-request-id: of-mine:7"), "{answer}");
    let deadline = tokio::time::Instant::now() + shop::LIMIT;
    loop {
        let log = service.log();
        let line = log.lines().find(|line| line.contains("\"of-mine:7\""));
        if let Some(line) = line {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(
                (&line["status"], &line["span"]["path"]),
                (&json!(200), &json!("/products/1"))
            );
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{log}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_calls_in_a_transaction_are_counted_where_health_shows_them() {
    for (code, warned) in [("problem", 2), ("optimised", 0)] {
        let shop = Shop::open(code, &[]).await;
        let list = json!([item(1, 1, 1), item(2, 2, 1)]);
        assert_eq!(shop.bulk(None, &list).await.status, 200);
        let requests = &shop.get("/health").await.body["requests"];
        assert_eq!(requests["outside_calls_warned"], json!(warned), "{code}: {requests}");
        assert_eq!(requests["taken_back"], json!(0), "{code}: {requests}");
    }
}

/// The story's faults must stay in the problem version, or the replay would replay nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_problem_version_holds_a_tagged_transaction_while_the_receiver_thinks() {
    let mut shop = Shop::open("problem", &[("processes", "1"), ("threads", "4")]).await;
    shop.receiver.hold();
    let held = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND state = 'idle in transaction' AND query LIKE '%route=''POST\\%20\\%2Forders\\%2Fbulk''%'";
    let list = json!([item(1, 1, 1), item(2, 2, 1)]);
    let (held, answer) = {
        let address = shop.service.as_ref().unwrap().address();
        let http = shop.http.clone();
        let asked = tokio::spawn(async move {
            let request = hyper::Request::post(format!("http://{address}/orders/bulk"))
                .header("content-type", "application/json");
            http.exchange(request, list.to_string(), shop::LIMIT).await.unwrap()
        });
        shop.until(held, 1).await;
        shop.receiver.release();
        (held, asked.await.unwrap())
    };
    assert_eq!(answer.0, 200);
    assert_eq!(shop.number(held).await, 0);
    // The thread keeps its connection; the health probe has another.
    let kept = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name = 'orders'";
    shop.until(kept, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_problem_version_tells_of_orders_it_then_undoes() {
    let mut shop = Shop::open("problem", &[]).await;
    let said = shop.bulk(None, &json!([item(1, 1, 1), item(99, 1, 1)])).await;
    assert_eq!(said.status, 500);
    assert_eq!(shop.number("SELECT count(*) FROM orders").await, 0);
    // Items without a reference are not counted by the receiver, so it is asked in the log: one
    // call was made before the unknown user was met.
    let mut named = item(1, 1, 1);
    named["ref"] = json!("told");
    assert_eq!(shop.bulk(None, &json!([named, item(99, 1, 1)])).await.status, 500);
    assert_eq!(shop.receiver.received()["told"].told, 1);
    assert_eq!(shop.number("SELECT count(*) FROM orders").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_problem_version_opens_a_connection_for_each_busy_thread_and_keeps_it() {
    let mut shop = Shop::open("problem", &[("processes", "2"), ("threads", "5")]).await;
    shop.receiver.hold();
    let mine = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name = 'orders'";
    shop.until(mine, 1).await;
    let requests: Vec<_> = (1..=10_u64).map(|n| json!([item(n, n, 1)])).collect();
    let answers = join_all(requests.iter().map(|list| shop.bulk(None, list)));
    let all_busy = async {
        shop.until_waiting(10).await;
        shop.receiver.release();
    };
    for answer in join(answers, all_busy).await.0 {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    assert_eq!(shop.number(mine).await, 11, "ten threads and the probe, all idle now");
}
