//! A private server and a proxy before it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use weir_testkit::{Account, Options, PgServer, Scratch, Session, Want, Weir, until};

/// How long anything may take that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// All of it.
pub(crate) struct Stage {
    pub(crate) weir: Weir,
    pub(crate) server: PgServer,
    pub(crate) home: Scratch,
}

impl Stage {
    /// A proxy with more in its file, which begins in the section `[http]`.
    pub(crate) fn new(more: &str) -> Self {
        Self::with(more, |text| text)
    }

    /// The same without a state directory.
    pub(crate) fn in_memory(more: &str) -> Self {
        let other = |line: &&str| !line.trim().starts_with("state_dir");
        Self::with(more, |text| text.lines().filter(other).collect::<Vec<_>>().join("\n"))
    }

    fn with(more: &str, change: impl Fn(String) -> String) -> Self {
        let server = PgServer::start(Options::new(Want::major(15))).unwrap();
        let home = Scratch::new(Account::own()).unwrap();
        let text = change(config(&server, &home, more));
        let weir = Weir::configured(Path::new(env!("CARGO_BIN_EXE_weir")), &text).unwrap();
        Self { weir, server, home }
    }

    /// Writes the configuration again, with more in it.
    pub(crate) fn rewrite(&self, more: &str) {
        let text = config(&self.server, &self.home, more);
        std::fs::write(self.weir.config_file(), text).unwrap();
    }

    /// A client that has come in. The first one of all needs a server connection for that, which
    /// on a busy machine takes longer than anybody waits here.
    pub(crate) fn client(&self) -> Session {
        let session = || Ok(self.weir.session("postgres", "postgres").ok());
        until("a client to come in", PATIENCE, session).unwrap()
    }

    /// A client of a route with a transaction that waits for it. The first server connection may
    /// take longer than clients wait here.
    pub(crate) fn holder(&self, route: &str) -> Session {
        let sql = format!("SELECT 1 /* route='{route}' */");
        let hold = || {
            let Ok(mut client) = self.weir.session("postgres", "postgres") else { return Ok(None) };
            let held = client.query("BEGIN").is_ok() && client.query(&sql).is_ok();
            Ok(held.then_some(client))
        };
        until("a transaction", PATIENCE, hold).unwrap()
    }

    /// What psql says to one statement through the proxy, with its errors.
    pub(crate) fn psql(&self, database: &str, sql: &str) -> String {
        let mut psql = Command::new(self.server.installation().program("psql"));
        psql.args(["-X", "-A", "-h", "127.0.0.1", "-U", "postgres", "-d", database, "-c", sql])
            .args(["-p", &self.weir.listen().port().to_string()]);
        let output = psql.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        format!("{}{errors}", String::from_utf8_lossy(&output.stdout))
    }

    /// Status line and headers, and the body, of a request for a path.
    pub(crate) fn http(&self, path: &str, headers: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.weir.http().unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: weir\r\n{headers}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        let (head, body) = self.http(path, "");
        serde_json::from_str(&body).unwrap_or_else(|_| panic!("{head}\n{body}"))
    }

    /// The latest incident, once this holds for it with its events.
    pub(crate) fn until_incident(
        &self,
        what: &str,
        mut holds: impl FnMut(&Value) -> bool,
    ) -> Value {
        let mut last = Value::Null;
        let found = until(what, PATIENCE, || {
            last = self.json("/api/v1/incidents/latest");
            Ok(holds(&last).then(|| last.clone()))
        });
        found.unwrap_or_else(|_| panic!("{what}: {last:#}"))
    }
}

/// Whether there is an event of this kind for which this holds.
pub(crate) fn event(story: &Value, kind: &str, holds: impl Fn(&Value) -> bool) -> bool {
    let events = story["events"].as_array();
    events.is_some_and(|all| all.iter().any(|event| event["kind"] == kind && holds(event)))
}

fn config(server: &PgServer, home: &Scratch, more: &str) -> String {
    let (port, dir) = (server.port(), home.path().join("state"));
    format!(
        r#"
        state_dir = {dir:?}
        [listen]
        addresses = ["127.0.0.1:0"]
        [auth]
        method = "trust"
        [databases."*"]
        host = "127.0.0.1"
        port = {port}
        user = "postgres"
        [http]
        address = "127.0.0.1:0"
        {more}
        "#
    )
}
