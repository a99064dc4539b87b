//! Where a client runs: a private server with an empty database, and what stands before it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use weir_testkit::{PgBouncer, PgServer, Want, Weir, output_within};

/// Server connections of the pool: fewer than the clients, so that they share.
const POOL_SIZE: u32 = 4;

/// How long one client program may run before it counts as stuck.
const PROGRAM_MAX: Duration = Duration::from_secs(180);

/// What stands between the clients and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Via {
    /// Nothing: shows that the clients' programs are right.
    Direct,
    /// PgBouncer, to compare with. One older than 1.21 breaks protocol-level prepared statements.
    PgBouncer,
    /// The proxy under test.
    Weir,
}

/// What the tests run through unless `WEIR_CLIENTS_VIA` says `direct`, `pgbouncer` or `weir`.
const USUAL: Via = Via::Weir;

impl Via {
    fn chosen() -> Self {
        match std::env::var("WEIR_CLIENTS_VIA").as_deref() {
            Err(_) => USUAL,
            Ok("direct") => Self::Direct,
            Ok("pgbouncer") => Self::PgBouncer,
            Ok("weir") => Self::Weir,
            Ok(other) => panic!("WEIR_CLIENTS_VIA is {other:?}: say direct, pgbouncer or weir"),
        }
    }
}

/// The process before the server, ended with the test.
#[derive(Debug)]
enum Proxy {
    None,
    PgBouncer(PgBouncer),
    Weir(Weir),
}

/// A server, a database of the test's own, and the proxy before it.
#[derive(Debug)]
pub(crate) struct Stage {
    server: &'static PgServer,
    database: String,
    proxy: Proxy,
    size: u32,
}

impl Stage {
    /// Sets it up with a server of major version `major`.
    pub(crate) fn new(major: u16) -> Self {
        Self::of_size(major, POOL_SIZE)
    }

    /// The same with so many server connections.
    pub(crate) fn of_size(major: u16, size: u32) -> Self {
        let server = PgServer::shared(Want::major(major)).unwrap();
        let database = server.fresh_database().unwrap();
        let proxy = match Via::chosen() {
            Via::Direct => Proxy::None,
            Via::PgBouncer => Proxy::PgBouncer(PgBouncer::start(server, &[]).unwrap()),
            Via::Weir => {
                let program = Path::new(env!("CARGO_BIN_EXE_weir"));
                Proxy::Weir(Weir::configured(program, &rotating(server.port(), size)).unwrap())
            }
        };
        Self { server, database, proxy, size }
    }

    /// The port that clients connect to.
    pub(crate) fn port(&self) -> u16 {
        match &self.proxy {
            Proxy::None => self.server.port(),
            Proxy::PgBouncer(bouncer) => bouncer.port(),
            Proxy::Weir(weir) => weir.listen().port(),
        }
    }

    /// The pool's size; `None` without a pool.
    pub(crate) fn servers(&self) -> Option<u32> {
        match &self.proxy {
            Proxy::None => None,
            Proxy::PgBouncer(_) | Proxy::Weir(_) => Some(self.size),
        }
    }

    /// A connection string through the proxy.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{}", self.port(), self.database)
    }

    /// The proxy's console.
    pub(crate) fn console_url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/weir", self.port())
    }

    /// A command that runs a program of the server's installation.
    pub(crate) fn program(&self, name: &str) -> Command {
        Command::new(self.server.installation().program(name))
    }

    /// Runs a client, which finds the proxy in its environment, and returns what it printed.
    pub(crate) fn run(&self, client: &mut Command) -> String {
        client
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.port().to_string())
            .env("PGUSER", "postgres")
            .env("PGDATABASE", &self.database)
            .env("PGTZ", "UTC");
        if let Some(servers) = self.servers() {
            client.env("SERVERS", servers.to_string());
        }
        output_within(PROGRAM_MAX, client).unwrap()
    }

    /// Checks the process ids that each client met: behind the rotating pool some client has met
    /// several servers, and all of them no more than the pool has.
    pub(crate) fn check_servers(&self, seen: &[Vec<i32>]) {
        let Some(servers) = self.servers() else { return };
        let distinct = |pids: &mut Vec<i32>| {
            pids.sort_unstable();
            pids.dedup();
            pids.len()
        };
        let all = distinct(&mut seen.concat());
        assert!(all <= servers as usize, "{all} servers for a pool of {servers}");
        let moved = seen.iter().any(|pids| distinct(&mut pids.clone()) > 1);
        assert!(moved, "every client stayed on its server: {seen:?}");
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let Proxy::Weir(weir) = std::mem::replace(&mut self.proxy, Proxy::None) else { return };
        // A failed test shows the proxy's log as it drops; only a passed one checks the stop.
        if !std::thread::panicking() {
            weir.stop().unwrap();
        }
    }
}

/// Another server connection for every transaction.
fn rotating(upstream_port: u16, size: u32) -> String {
    format!(
        r#"
        [listen]
        addresses = ["127.0.0.1:0"]

        [http]
        address = "127.0.0.1:0"

        [auth]
        method = "trust"

        [pool]
        mode = "transaction"
        rotation = "every-transaction"
        size = {size}
        size_min = {size}

        [databases."*"]
        host = "127.0.0.1"
        port = {upstream_port}
        "#
    )
}
