//! The program with a configuration of a test's own, before a database of its own.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use weir_testkit::{PgServer, Session, Signal, SqlError, Want, Weir, until};

/// How long something may take that happens by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A server, a database, and the proxy before it.
pub(crate) struct Stage {
    pub(crate) server: &'static PgServer,
    pub(crate) database: String,
    pub(crate) weir: Weir,
}

/// The file: what every test needs, and the lines of the test, by table.
pub(crate) fn config(server: &PgServer, lines: &[(&str, &str)]) -> String {
    let port = server.port();
    let base = [
        ("listen", "addresses = [\"127.0.0.1:0\"]".to_owned()),
        ("http", "address = \"127.0.0.1:0\"".to_owned()),
        ("auth", "method = \"trust\"".to_owned()),
        ("databases.\"*\"", format!("host = \"127.0.0.1\"\nport = {port}")),
    ];
    let mut tables: Vec<(&str, String)> = base.into();
    for &(name, more) in lines {
        match tables.iter_mut().find(|(table, _)| *table == name) {
            Some((_, text)) => *text = format!("{text}\n{more}"),
            None => tables.push((name, more.to_owned())),
        }
    }
    tables.into_iter().map(|(name, text)| format!("[{name}]\n{text}\n")).collect()
}

impl Stage {
    /// Starts the proxy with these lines, each below its table's name.
    pub(crate) fn new(lines: &[(&str, &str)]) -> Self {
        let server = PgServer::shared(Want::major(15)).unwrap();
        let database = server.fresh_database().unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_weir"));
        let weir = Weir::configured(program, &config(server, lines)).unwrap();
        Self { server, database, weir }
    }

    /// A client.
    pub(crate) fn client(&self) -> Session {
        self.client_of("postgres", &self.database)
    }

    /// A client as somebody, of some database, that has come in. One that needs a server connection
    /// for that can wait longer for it on a busy machine than a test lets anybody wait.
    pub(crate) fn client_of(&self, user: &str, database: &str) -> Session {
        in_time(|| self.weir.session(user, database))
    }

    /// A session on the server itself.
    pub(crate) fn direct(&self) -> Session {
        self.server.session(&self.database).unwrap()
    }

    /// A role for this test alone.
    pub(crate) fn role(&self, name: &str) -> String {
        let name = format!("{name}_{}", self.database);
        self.server.execute(&self.database, &format!("CREATE ROLE \"{name}\" LOGIN")).unwrap();
        name
    }

    /// Runs psql through the proxy.
    pub(crate) fn psql(&self, options: &str, sql: &str) -> Output {
        self.psql_command(options, sql).output().unwrap()
    }

    /// psql that is to run this through the proxy.
    pub(crate) fn psql_command(&self, options: &str, sql: &str) -> Command {
        let mut psql = Command::new(self.server.installation().program("psql"));
        psql.args(["-XAtq", "-h", "127.0.0.1", "-U", "postgres", "-c", sql])
            .args(["-p", &self.weir.listen().port().to_string(), "-d", &self.database])
            .env("PGOPTIONS", options);
        psql
    }

    /// Reads the configuration again, with these lines, and waits until that is done.
    pub(crate) fn reload(&mut self, lines: &[(&str, &str)]) {
        let count = |log: &str| log.matches("configuration reloaded").count();
        let before = count(&self.weir.log());
        std::fs::write(self.weir.config_file(), config(self.server, lines)).unwrap();
        self.weir.signal(Signal::HUP).unwrap();
        until("the reload", PATIENCE, || Ok((count(&self.weir.log()) > before).then_some(())))
            .unwrap();
    }

    /// Waits until the log has a line with all of these.
    pub(crate) fn logs(&self, words: &[&str]) -> String {
        until(&words.join(", "), PATIENCE, || {
            let log = self.weir.log();
            let line = log.lines().find(|line| words.iter().all(|word| line.contains(word)));
            Ok(line.map(str::to_owned))
        })
        .unwrap()
    }
}

/// What comes of it, tried again while it is refused for want of a server connection: a new one
/// takes its time.
pub(crate) fn in_time<T>(mut what: impl FnMut() -> anyhow::Result<T>) -> T {
    let refused = |error: &anyhow::Error| {
        error.downcast_ref::<SqlError>().is_some_and(|error| error.code == "53300")
    };
    until("a server connection", PATIENCE, || match what() {
        Ok(it) => Ok(Some(it)),
        Err(error) if refused(&error) => Ok(None),
        Err(error) => Err(error),
    })
    .unwrap()
}

/// The code of a query's error.
pub(crate) fn code(session: &mut Session, sql: &str) -> String {
    let error = session.query(sql).unwrap_err();
    error.downcast_ref::<SqlError>().map_or_else(|| format!("{error:#}"), |it| it.code.clone())
}
