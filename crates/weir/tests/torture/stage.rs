//! A private server, a proxy with a small pool before it, and what can be seen of both.

use std::path::Path;
use std::time::Duration;

use weir_testkit::{Options, PgServer, Want, Weir, until};

use crate::books;
use crate::client::Client;

/// How long a condition may take to hold.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A server, a database of the test's own, and the proxy before it.
#[derive(Debug)]
pub(crate) struct Stage {
    weir: Weir,
    database: String,
    pub(crate) server: Upstream,
}

/// The server behind the proxy.
#[derive(Debug)]
pub(crate) enum Upstream {
    /// Used by other tests at the same time: it must not be stopped.
    Shared(&'static PgServer),
    /// The test's own.
    Own(Box<PgServer>),
}

impl Upstream {
    pub(crate) fn get(&self) -> &PgServer {
        match self {
            Self::Shared(server) => server,
            Self::Own(server) => server,
        }
    }

    /// The test's own server, to be stopped and started.
    pub(crate) fn own(&mut self) -> &mut PgServer {
        match self {
            Self::Shared(_) => panic!("the server is shared"),
            Self::Own(server) => server,
        }
    }
}

impl Stage {
    /// A pool of `size` before the shared server, with `more` lines of `[pool]` and other tables.
    pub(crate) fn new(size: u32, more: &str) -> Self {
        Self::before(Upstream::Shared(PgServer::shared(Want::major(15)).unwrap()), size, more)
    }

    /// The same before a server of its own, which may be treated roughly.
    pub(crate) fn own(size: u32, more: &str) -> Self {
        let server = PgServer::start(Options::new(Want::major(15))).unwrap();
        Self::before(Upstream::Own(Box::new(server)), size, more)
    }

    /// A pool that reaches the shared server through something that listens on another port, which
    /// is told the server's.
    pub(crate) fn through(size: u32, port: impl FnOnce(u16) -> u16) -> Self {
        let server = PgServer::shared(Want::major(15)).unwrap();
        Self::at(port(server.port()), Upstream::Shared(server), size, "")
    }

    /// A pool before this server.
    pub(crate) fn before(server: Upstream, size: u32, more: &str) -> Self {
        Self::at(server.get().port(), server, size, more)
    }

    fn at(port: u16, server: Upstream, size: u32, more: &str) -> Self {
        let database = server.get().fresh_database().unwrap();
        let toml = format!(
            "[listen]\naddresses = [\"127.0.0.1:0\"]\n[http]\naddress = \"127.0.0.1:0\"\n\
             [auth]\nmethod = \"trust\"\n[databases.\"*\"]\nhost = \"127.0.0.1\"\nport = {port}\n\
             [pool]\nrotation = \"every-transaction\"\nsize = {size}\n{more}\n"
        );
        let weir = Weir::configured(Path::new(env!("CARGO_BIN_EXE_weir")), &toml).unwrap();
        Self { weir, database, server }
    }

    /// Where clients connect.
    pub(crate) fn port(&self) -> u16 {
        self.weir.listen().port()
    }

    /// The proxy.
    pub(crate) fn weir(&mut self) -> &mut Weir {
        &mut self.weir
    }

    /// The name of the database.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// A client that has logged in. The first of all waits for a server connection, which on a busy
    /// machine can take longer than a test lets anybody wait for one.
    pub(crate) fn client(&self) -> Client {
        until("a client to log in", PATIENCE, || {
            match Client::try_open(self.port(), &self.database) {
                Ok(client) => Ok(Some(client)),
                Err(refused) if refused.contains("53300") => Ok(None),
                Err(error) => anyhow::bail!("cannot log in: {error}"),
            }
        })
        .unwrap()
    }

    /// A client in a transaction that has a server connection.
    pub(crate) fn holder(&self) -> Client {
        let mut client = self.client();
        until("a server connection", PATIENCE, || {
            let held = client.query("BEGIN; SELECT 1").status == Some(b'T');
            Ok(held.then_some(()))
        })
        .unwrap();
        client
    }

    /// What the server itself answers, asked directly.
    pub(crate) fn ask(&self, sql: &str) -> String {
        self.server.get().session("postgres").unwrap().value(sql).unwrap()
    }

    /// The number of the pool's server connections of which `condition` holds.
    pub(crate) fn servers(&self, condition: &str) -> u32 {
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND {condition}",
            self.database
        );
        self.ask(&sql).parse().unwrap()
    }

    /// Waits until so many of the pool's server connections meet `condition`.
    pub(crate) fn await_servers(&self, count: u32, condition: &str) {
        let what = format!("{count} server connections with {condition}");
        let probe = || Ok((self.servers(condition) == count).then_some(()));
        until(&what, PATIENCE, probe).unwrap();
    }

    /// Waits until every server connection is idle, then checks that as many clients as there are
    /// slots get theirs at the same time: no slot is lost.
    pub(crate) fn check_all_free(&self, size: usize) {
        self.await_servers(0, "state <> 'idle'");
        let mut clients: Vec<Client> = (0..size).map(|_| self.client()).collect();
        for client in &mut clients {
            let answer = client.query("BEGIN; SELECT 1");
            assert_eq!(answer.status, Some(b'T'), "{answer:?}");
        }
        for client in &mut clients {
            assert_eq!(client.query("ROLLBACK").status, Some(b'I'));
        }
        self.check_ledger();
    }

    /// The ledger's law holds, and every connection is in the phase it should be in.
    fn check_ledger(&self) {
        books::check(&mut self.weir.session("postgres", "weir").unwrap());
    }
}
