//! A shop for a test: a fresh database on a private server, a receiver, the service as a process.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, Row};
use weir_replay::load::Http;
use weir_replay::receiver::Receiver;
use weir_replay::service::{Program, Service};
use weir_testkit::{PgServer, Want};

/// No answer takes this long.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Limits that nothing here is to meet, however busy the machine. A test of one sets its own.
const PATIENT: [(&str, &str); 9] = [
    ("connect-limit-ms", "60000"),
    ("acquire-limit-ms", "60000"),
    ("statement-limit-ms", "60000"),
    ("lock-limit-ms", "55000"),
    ("idle-transaction-limit-ms", "60000"),
    ("outbox-call-limit-ms", "60000"),
    ("outbox-lease-ms", "120000"),
    ("body-limit-ms", "60000"),
    ("stop-limit-ms", "55000"),
];

pub(crate) struct Shop {
    pub(crate) receiver: Receiver,
    pub(crate) sql: PgConnection,
    pub(crate) options: PgConnectOptions,
    pub(crate) program: Program,
    pub(crate) service: Option<Service>,
    pub(crate) http: Http,
}

/// An answer of the service.
pub(crate) struct Said {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    pub(crate) text: String,
}

/// How many sessions of the shop's database wait for a lock.
pub(crate) const LOCKED: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND datname = current_database()";

impl Shop {
    /// A shop of `code` with ten users and ten products whose price is their id and 30 cents, and
    /// these settings.
    pub(crate) async fn open(code: &str, settings: &[(&str, &str)]) -> Self {
        Self::open_on(PgServer::shared(Want::default()).unwrap(), code, settings).await
    }

    /// The same on a server of the test's own.
    pub(crate) async fn open_on(server: &PgServer, code: &str, settings: &[(&str, &str)]) -> Self {
        let (program, options) = empty_on(server, code);
        let mut sql = options.connect().await.unwrap();
        let receiver = Receiver::start(Duration::ZERO).await.unwrap();
        let mut program = program.set("receiver-url", &receiver.url());
        for (name, value) in PATIENT.iter().chain(settings) {
            program = program.set(name, value);
        }
        program.run("migrate", &[], &mut |_| {}).unwrap();
        let stock = "INSERT INTO users (email, name, city)
                SELECT 'u' || n || '@x', 'U', 'C' FROM generate_series(1, 10) n;
            INSERT INTO products (sku, name, description, price)
                SELECT 's' || n, 'P', 'D', n + 0.30 FROM generate_series(1, 10) n";
        sqlx::raw_sql(stock).execute(&mut sql).await.unwrap();
        let service = program.start().unwrap();
        let http = Http::new(service.address());
        Self { receiver, sql, options, program, service: Some(service), http }
    }

    /// Kills the service (-9) and starts it again.
    pub(crate) fn crash(&mut self) {
        self.service.take().unwrap().kill().unwrap();
        let service = self.program.start().unwrap();
        self.http = Http::new(service.address());
        self.service = Some(service);
    }

    pub(crate) async fn get(&self, path: &str) -> Said {
        self.ask(Method::GET, path, &[], String::new()).await
    }

    pub(crate) async fn bulk(&self, key: Option<&str>, items: &Value) -> Said {
        let headers: Vec<_> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
        self.ask(Method::POST, "/orders/bulk", &headers, items.to_string()).await
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Said {
        let address = self.service.as_ref().unwrap().address();
        let mut request = Request::builder().method(method).uri(format!("http://{address}{path}"));
        request = request.header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (status, body) = self.http.exchange(request, body, LIMIT).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Said { status, body: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    /// Runs `sql` in a transaction of its own session, which holds its locks until it is released.
    pub(crate) async fn hold(&self, sql: &'static str) -> Held {
        let mut connection = self.options.connect().await.unwrap();
        sqlx::raw_sql("BEGIN").execute(&mut connection).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        Held(connection)
    }

    /// The first column of the only row.
    pub(crate) async fn number(&mut self, sql: &str) -> i64 {
        let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut self.sql).await.unwrap();
        row.try_get(0).unwrap()
    }

    pub(crate) async fn text(&mut self, sql: &str) -> String {
        let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut self.sql).await.unwrap();
        row.try_get(0).unwrap()
    }

    /// Waits until as many calls have come to the receiver and wait for their answers.
    pub(crate) async fn until_waiting(&self, calls: usize) {
        let deadline = tokio::time::Instant::now() + LIMIT;
        while self.receiver.waiting() != calls {
            let waiting = self.receiver.waiting();
            let late = tokio::time::Instant::now() >= deadline;
            assert!(!late, "{waiting} calls wait, and {calls} were to");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits until the receiver was told something.
    pub(crate) async fn until_told(&self) {
        let deadline = tokio::time::Instant::now() + LIMIT;
        while self.receiver.received().is_empty() {
            assert!(tokio::time::Instant::now() < deadline, "nothing was told");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Asks until the number is this.
    pub(crate) async fn until(&mut self, sql: &str, expected: i64) {
        let deadline = tokio::time::Instant::now() + LIMIT;
        loop {
            let number = self.number(sql).await;
            if number == expected {
                return;
            }
            let late = tokio::time::Instant::now() >= deadline;
            assert!(!late, "{sql} is {number}, and was to be {expected}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A transaction that holds its locks.
pub(crate) struct Held(PgConnection);

impl Held {
    /// Rolls it back. When this returns the locks are free: the end of a connection alone would be
    /// noticed some time later.
    pub(crate) async fn release(mut self) {
        sqlx::raw_sql("ROLLBACK").execute(&mut self.0).await.unwrap();
    }
}

/// The program on a fresh database, not migrated, and the superuser's options for it.
pub(crate) fn empty(code: &str) -> (Program, PgConnectOptions) {
    empty_on(PgServer::shared(Want::default()).unwrap(), code)
}

fn empty_on(server: &PgServer, code: &str) -> (Program, PgConnectOptions) {
    let url = server.url(&server.fresh_database().unwrap());
    let program = Program::new(Path::new(env!("CARGO_BIN_EXE_orders")), &[])
        .set("code", code)
        .set("database-url", &url);
    (program, PgConnectOptions::from_str(&url).unwrap())
}

pub(crate) fn item(user: u64, product: u64, quantity: i64) -> Value {
    json!({ "user_id": user, "product_id": product, "quantity": quantity })
}

/// The statuses of an answer's items.
pub(crate) fn statuses(said: &Said) -> Vec<String> {
    let items = said.body["items"].as_array().unwrap_or_else(|| panic!("{}", said.text));
    items.iter().map(|item| item["status"].as_str().unwrap().to_owned()).collect()
}
