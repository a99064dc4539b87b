//! A private server with twenty connections for ordinary roles, and `weir check` looking at it.

use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use weir_testkit::{Account, Options, PgServer, Scratch, Session, SqlError, Want, until};

use crate::deaf::Deaf;

/// How long anything may take that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Thresholds that are reached at once, and those that must not disturb out of reach.
pub(crate) const QUICK: &str = r#"
    long_statement = "100ms"
    slow_statement = "1h"
    idle_transaction = "100ms"
    idle_transaction_calm = "1h"
    forgotten = "1h"
    lock_wait = "100ms"
    slow_reader = "100ms"
    slot_wait = "20ms"
    slow_answer = "1h"
    storm_per_second = 1000000
"#;

/// All of it.
pub(crate) struct Scene {
    pub(crate) server: PgServer,
    home: Scratch,
}

/// What is held on the stage; it goes when this is dropped.
#[derive(Default)]
pub(crate) struct Held {
    sessions: Vec<Session>,
    deaf: Vec<Deaf>,
}

impl Held {
    /// Both together.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.sessions.extend(other.sessions);
        self.deaf.extend(other.deaf);
        self
    }
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::on(Options::new(Want::major(15)))
    }

    /// The same on another server than that of the usual version.
    pub(crate) fn on(options: Options) -> Self {
        let server = PgServer::start(options.set("max_connections", "23")).unwrap();
        let setup = "CREATE TABLE stock (id int PRIMARY KEY, n int);
             INSERT INTO stock SELECT id, 0 FROM generate_series(1, 100) id;
             CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql
             AS 'BEGIN PERFORM pg_sleep(3600); RETURN $1; END';
             CREATE ROLE app LOGIN; CREATE ROLE narrow LOGIN CONNECTION LIMIT 3;
             CREATE DATABASE small CONNECTION LIMIT 3;";
        // CREATE DATABASE cannot run with others in one query.
        for statement in setup.split(";\n") {
            server.execute("postgres", statement).unwrap();
        }
        Self { server, home: Scratch::new(Account::own()).unwrap() }
    }

    /// A session of the server itself.
    pub(crate) fn session(&self) -> Session {
        self.server.session("postgres").unwrap()
    }

    /// So many sessions that have each run this.
    pub(crate) fn after(&self, count: usize, sql: &str) -> Held {
        self.after_each(count, &[sql])
    }

    /// So many sessions that have each run these, one after the other.
    pub(crate) fn after_each(&self, count: usize, sql: &[&str]) -> Held {
        let one = |_| {
            let mut session = self.session();
            sql.iter().for_each(|sql| drop(session.query(sql).unwrap()));
            session
        };
        Held { sessions: (0..count).map(one).collect(), deaf: Vec::new() }
    }

    /// So many sessions of a role in a database. Those that were there before may be about to end.
    pub(crate) fn login(&self, count: usize, user: &str, database: &str) -> Held {
        let full = |error: &anyhow::Error| {
            error.downcast_ref::<SqlError>().is_some_and(|error| error.code == "53300")
        };
        let one = |_| {
            until("a connection that is free", PATIENCE, || {
                match Session::tcp(self.server.port(), user, database) {
                    Ok(session) => Ok(Some(session)),
                    Err(error) if full(&error) => Ok(None),
                    Err(error) => Err(error),
                }
            })
            .unwrap()
        };
        Held { sessions: (0..count).map(one).collect(), deaf: Vec::new() }
    }

    /// So many sessions that run this, each in a thread of its own that ends when the scene is
    /// cleared. Waits until they run, or are blocked.
    pub(crate) fn running(&self, count: usize, sql: &str) -> Held {
        let before = self.active();
        for _ in 0..count {
            let (mut session, sql) = (self.session(), sql.to_owned());
            thread::spawn(move || {
                // It ends with an error when the scene is cleared.
                let _ = session.query(&sql);
            });
        }
        let all_run = || Ok((self.active() >= before + count).then_some(()));
        until("the statements to run", PATIENCE, all_run).unwrap();
        Held::default()
    }

    /// So many clients that ask for much and read nothing.
    pub(crate) fn deaf(&self, count: usize, application: &str) -> Held {
        let sql = "SELECT repeat('x', 1000) FROM generate_series(1, 1000000)";
        let one = |_| Deaf::new(self.server.port(), application, sql);
        let held = Held { sessions: Vec::new(), deaf: (0..count).map(one).collect() };
        let written = "wait_event = 'ClientWrite'";
        until("the answers to be stuck", PATIENCE, || {
            Ok((self.count(written) >= count).then_some(()))
        })
        .unwrap();
        held
    }

    /// Client sessions, besides the one that asks, for which this holds.
    pub(crate) fn count(&self, condition: &str) -> usize {
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' \
             AND pid <> pg_backend_pid() AND {condition}"
        );
        self.session().value(&sql).unwrap().parse().unwrap()
    }

    fn active(&self) -> usize {
        self.count("state = 'active'")
    }

    /// Ends all sessions, and transactions that outlive theirs.
    pub(crate) fn clear(&self) {
        self.session()
            .query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
            )
            .unwrap();
        until("the stage to be empty", PATIENCE, || Ok((self.count("true") == 0).then_some(())))
            .unwrap();
        for row in self.session().query("SELECT gid FROM pg_prepared_xacts").unwrap() {
            let gid = row[0].clone().unwrap();
            self.session().query(&format!("ROLLBACK PREPARED '{gid}'")).unwrap();
        }
    }

    /// What `weir check` says of the server, with these lines in `[guard]`.
    pub(crate) fn check(&self, guard: &str) -> Value {
        let file = self.home.path().join("weir.toml");
        // Nobody could log in to a proxy of it, and its certificate is missing: neither is used.
        let text = format!(
            "[tls.client]\nmode = \"require\"\n[http]\naddress = \"0.0.0.0:1\"\n\
             [databases.\"*\"]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"postgres\"\n\
             [guard]\n{guard}\n",
            self.server.port()
        );
        std::fs::write(&file, text).unwrap();
        answer(
            Command::new(env!("CARGO_BIN_EXE_weir"))
                .args(["check", "--json", "--config"])
                .arg(file),
        )
    }

    /// What `weir check` says to who logs in as this role.
    pub(crate) fn check_as(&self, user: &str) -> Value {
        let url = format!("postgres://{user}@127.0.0.1:{}/postgres", self.server.port());
        answer(Command::new(env!("CARGO_BIN_EXE_weir")).args(["check", "--json", "--url", &url]))
    }
}

/// The JSON that the command prints, whose status must be that of the exit code.
pub(crate) fn answer(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let answer: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}\n{errors}"));
    let expected = match answer["status"].as_str().unwrap() {
        "ok" => 0,
        "warning" => 1,
        "critical" => 2,
        _ => 3,
    };
    assert_eq!(output.status.code(), Some(expected), "{answer:#}");
    answer
}

/// The causes in an answer, worst first.
pub(crate) fn causes(answer: &Value) -> Vec<String> {
    let issues = answer["servers"][0]["issues"].as_array().cloned().unwrap_or_default();
    issues.iter().map(|issue| issue["cause"].as_str().unwrap().to_owned()).collect()
}
