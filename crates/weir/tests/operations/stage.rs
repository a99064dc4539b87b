//! A private server, an empty database, and a proxy before it.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;
use weir_testkit::{Options, PgServer, Session, SqlError, Want, Weir, output_within, until};

/// How long anything may take that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A row of a table, by the names of its columns.
pub(crate) type Row = HashMap<String, String>;

/// All of it.
#[derive(Debug)]
pub(crate) struct Stage {
    server: &'static PgServer,
    pub(crate) database: String,
    pub(crate) weir: Weir,
}

/// Something that happens in a thread of its own.
pub(crate) struct Underway<T> {
    done: Receiver<T>,
    thread: JoinHandle<()>,
}

impl<T> Underway<T> {
    /// Whether it goes on.
    pub(crate) fn goes_on(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> T {
        self.done.recv_timeout(PATIENCE).unwrap()
    }
}

/// Does something in a thread of its own.
pub(crate) fn beside<T: Send + 'static>(what: impl FnOnce() -> T + Send + 'static) -> Underway<T> {
    let (tell, done) = channel();
    let thread = thread::spawn(move || {
        // The test may have failed meanwhile.
        let _ = tell.send(what());
    });
    Underway { done, thread }
}

impl Stage {
    /// A proxy with four slots and nobody named for the console.
    pub(crate) fn new() -> Self {
        Self::with("[pool]\nsize = 4\n")
    }

    /// A proxy with more in its file.
    pub(crate) fn with(more: &str) -> Self {
        Self::start(|server| config(server, more))
    }

    /// A proxy with a state directory.
    pub(crate) fn keeping(dir: &Path, more: &str) -> Self {
        Self::start(|server| format!("state_dir = {dir:?}\n{}", config(server, more)))
    }

    /// A proxy that lets a successor listen on its port.
    pub(crate) fn replaceable() -> Self {
        Self::start(|server| replaceable(server, 0))
    }

    /// The process that takes its place: before the same server, on the same port.
    pub(crate) fn successor(&self) -> Weir {
        let program = Path::new(env!("CARGO_BIN_EXE_weir"));
        let text = replaceable(self.server, self.weir.listen().port());
        Weir::configured(program, &text).unwrap()
    }

    /// A proxy with more in its file, before a server of its own, which lasts as long as this
    /// process.
    pub(crate) fn own(options: Options, more: &str) -> Self {
        let server = Box::leak(Box::new(PgServer::start(options).unwrap()));
        Self::before(server, |server| config(server, more))
    }

    fn start(config: impl FnOnce(&PgServer) -> String) -> Self {
        Self::before(PgServer::shared(Want::major(15)).unwrap(), config)
    }

    fn before(server: &'static PgServer, config: impl FnOnce(&PgServer) -> String) -> Self {
        let database = server.fresh_database().unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_weir"));
        let weir = Weir::configured(program, &config(server)).unwrap();
        Self { server, database, weir }
    }

    /// Writes the configuration again, with more in it.
    pub(crate) fn rewrite(&self, more: &str) {
        std::fs::write(self.weir.config_file(), config(self.server, more)).unwrap();
    }

    /// Writes the configuration again, for the database `postgres` only.
    pub(crate) fn rewrite_without_the_others(&self) {
        let text = config(self.server, "").replace("\"*\"", "postgres");
        std::fs::write(self.weir.config_file(), text).unwrap();
    }

    /// A client of the database that has come in. The first of all waits for a server connection,
    /// which on a busy machine can take longer than a test lets anybody wait for one.
    pub(crate) fn client(&self) -> Session {
        until("a client to come in", PATIENCE, || {
            match self.weir.session("postgres", &self.database) {
                Ok(session) => Ok(Some(session)),
                Err(refused) if is_refusal(&refused) => Ok(None),
                Err(error) => Err(error),
            }
        })
        .unwrap()
    }

    /// A client in a transaction that has a server connection, however short the time is in which
    /// it must get one.
    pub(crate) fn holder(&self) -> Session {
        let mut client = self.client();
        until("a server connection", PATIENCE, || {
            client.query("BEGIN")?;
            let held = client.query("SELECT 1").is_ok();
            if !held {
                client.query("ROLLBACK")?;
            }
            Ok(held.then_some(()))
        })
        .unwrap();
        client
    }

    /// A session of a database that does not pass through the proxy.
    pub(crate) fn direct(&self, database: &str) -> Session {
        self.server.session(database).unwrap()
    }

    /// A session of the console.
    pub(crate) fn console(&self) -> Session {
        self.weir.session("postgres", "weir").unwrap()
    }

    /// A statement on a console session of its own, beside.
    pub(crate) fn beside(&self, statement: &str) -> Underway<Result<()>> {
        let (mut console, statement) = (self.console(), statement.to_owned());
        beside(move || console.query(&statement).map(drop))
    }

    /// psql against a database.
    pub(crate) fn psql(&self, database: &str) -> Command {
        self.psql_at(self.weir.listen().port(), database)
    }

    /// psql against a database of whatever listens on a port.
    pub(crate) fn psql_at(&self, port: u16, database: &str) -> Command {
        let mut psql = Command::new(self.server.installation().program("psql"));
        psql.args(["-X", "-h", "127.0.0.1", "-U", "postgres", "-d", database])
            .args(["-p", &port.to_string()]);
        psql
    }

    /// The server behind the proxy.
    pub(crate) fn server(&self) -> &'static PgServer {
        self.server
    }

    /// What psql prints for a statement on the console, with column names.
    pub(crate) fn show(&self, statement: &str) -> Vec<Row> {
        self.show_at(self.weir.listen().port(), "weir", statement)
    }

    /// The same of a console at a port.
    pub(crate) fn show_at(&self, port: u16, console: &str, statement: &str) -> Vec<Row> {
        let mut psql = self.psql_at(port, console);
        psql.args(["-A", "-F", "|", "-P", "footer=off", "-c", statement]);
        let text = output_within(PATIENCE, &mut psql).unwrap();
        let mut lines = text.lines();
        let names: Vec<&str> = lines.next().unwrap_or_default().split('|').collect();
        let row = |line: &str| {
            let values = line.split('|').map(str::to_owned);
            names.iter().map(|name| (*name).to_owned()).zip(values).collect()
        };
        lines.map(row).collect()
    }

    /// The line of this test's database in SHOW POOLS.
    pub(crate) fn pool(&self) -> Row {
        let mine = |row: &Row| row["database"] == self.database;
        self.show("SHOW POOLS").into_iter().find(mine).unwrap()
    }

    /// The client connections.
    pub(crate) fn clients(&self) -> Vec<Row> {
        self.show("SHOW CLIENTS")
    }

    /// Waits until a column of the pool has a value.
    pub(crate) fn until_pool(&self, column: &str, value: &str) {
        let what = format!("{column} = {value} in SHOW POOLS");
        until(&what, PATIENCE, || Ok((self.pool()[column] == value).then_some(()))).unwrap();
    }

    /// Waits until a column of the database in SHOW DATABASES has a value.
    pub(crate) fn until_database(&self, column: &str, value: &str) {
        let mine = |row: &Row| row["name"] == self.database && row[column] == value;
        let what = format!("{column} = {value} in SHOW DATABASES");
        until(&what, PATIENCE, || Ok(self.show("SHOW DATABASES").iter().any(mine).then_some(())))
            .unwrap();
    }

    /// The whole answer to a request for a path over HTTP.
    pub(crate) fn http(&self, path: &str, headers: &str) -> String {
        self.try_http(path, headers).unwrap()
    }

    /// The same; nothing where the proxy has gone.
    pub(crate) fn http_or_nothing(&self, path: &str) -> String {
        self.try_http(path, "").unwrap_or_default()
    }

    fn try_http(&self, path: &str, headers: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.weir.http().unwrap())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: weir\r\n{headers}\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

fn is_refusal(error: &anyhow::Error) -> bool {
    error.downcast_ref::<SqlError>().is_some_and(|error| error.code == "53300")
}

/// The code of the error that the server reported.
pub(crate) fn code<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => "00000".into(),
        Err(error) => match error.downcast_ref::<SqlError>() {
            Some(error) => error.code.clone(),
            None => format!("{error:#}"),
        },
    }
}

fn config(server: &PgServer, more: &str) -> String {
    let port = server.port();
    format!(
        r#"
        [listen]
        addresses = ["127.0.0.1:0"]

        [auth]
        method = "trust"

        [databases."*"]
        host = "127.0.0.1"
        port = {port}

        [http]
        address = "127.0.0.1:0"
        {more}
        "#
    )
}

fn replaceable(server: &PgServer, port: u16) -> String {
    let shared = format!("[\"127.0.0.1:{port}\"]\n        reuse_port = true");
    config(server, "").replace("[\"127.0.0.1:0\"]", &shared)
}
