//! A server, Weir with one slot before it, and what Weir keeps of incidents.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use weir_testkit::{
    Account, Options, PgServer, Scratch, Session, Signal, Want, Weir, output_within, until,
};

/// How long anything may take that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The program that is tested.
pub(crate) const WEIR: &str = env!("CARGO_BIN_EXE_weir");

/// All of it.
pub(crate) struct Stage {
    pub(crate) server: PgServer,
    pub(crate) weir: Weir,
    /// Where incidents are kept.
    kept: PathBuf,
    /// The command that reads them, and what goes before it.
    pub(crate) reader: Vec<String>,
    text: String,
    _home: Scratch,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let home = Scratch::new(Account::own()).unwrap();
        let state_dir = home.path().join("state");
        Self::run_as(Path::new(WEIR), home, &state_dir)
    }

    /// Started by this program, with this directory for what outlives it.
    pub(crate) fn run_as(program: &Path, home: Scratch, state_dir: &Path) -> Self {
        Self::run_with(program, home, state_dir, "")
    }

    /// The same with more in its file.
    pub(crate) fn run_with(program: &Path, home: Scratch, state_dir: &Path, more: &str) -> Self {
        let server = PgServer::start(Options::new(Want::major(15))).unwrap();
        let text = format!(
            "state_dir = {state_dir:?}\n\
             [listen]\naddresses = [\"127.0.0.1:0\"]\n[http]\naddress = \"127.0.0.1:0\"\n\
             [auth]\nmethod = \"trust\"\n[pool]\nsize = 1\nquery_wait_timeout = \"50ms\"\n\
             [guard]\ninterval = \"100ms\"\nsilence = \"10s\"\nslow_answer = \"1h\"\n\
             [incident]\ncalm = \"1s\"\nquiet = \"1s\"\n\
             [databases.\"*\"]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"postgres\"\n\
             {more}",
            server.port(),
        );
        let weir = Weir::configured(program, &text).unwrap();
        Self {
            server,
            weir,
            kept: state_dir.to_owned(),
            reader: vec![WEIR.into()],
            text,
            _home: home,
        }
    }

    /// Takes the only slot and lets others be refused until an incident is open. It lasts as long
    /// as what comes back is asked for more.
    pub(crate) fn hurt(&self) -> Session {
        // The first server connection takes its time; those who come too early are refused.
        let first = || self.weir.session("postgres", "postgres")?.query("SELECT 1");
        let warm = || Ok(first().is_ok().then_some(()));
        until("a server connection", PATIENCE, warm).unwrap();
        let mut holder = self.client();
        holder.query("BEGIN").unwrap();
        holder.query("SELECT 1").unwrap();
        until("an incident to open", PATIENCE, || {
            self.client().query("SELECT 2").unwrap_err();
            let state = &self.incident()["incident"]["state"];
            Ok((state == "open" || state == "mitigating").then_some(()))
        })
        .unwrap();
        holder
    }

    /// The whole answer to a request for a path over HTTP.
    pub(crate) fn http(&self, path: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.weir.http().unwrap())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// A client that has come in. The first one of all needs a server connection for that, which
    /// on a busy machine takes longer than anybody waits here.
    pub(crate) fn client(&self) -> Session {
        let session = || Ok(self.weir.session("postgres", "postgres").ok());
        until("a client to come in", PATIENCE, session).unwrap()
    }

    /// The latest incident with its events; null when there is none.
    pub(crate) fn incident(&self) -> Value {
        let mut show = Command::new(&self.reader[0]);
        show.args(&self.reader[1..])
            .args(["incident", "show", "--json", "--state-dir"])
            .arg(&self.kept);
        let said = output_within(PATIENCE, &mut show).ok();
        said.map_or(Value::Null, |said| serde_json::from_str(&said).unwrap())
    }

    /// Waits until the incident has an event of this kind.
    pub(crate) fn until_event(&self, kind: &str) {
        let has = || Ok(kinds(&self.incident()).iter().any(|known| known == kind).then_some(()));
        until(kind, PATIENCE, has).unwrap();
    }

    /// Waits until the incident has ended, and gives it back.
    pub(crate) fn until_closed(&self) -> Value {
        until("the incident to end", PATIENCE, || {
            let incident = self.incident();
            Ok((incident["incident"]["state"] == "closed").then_some(incident))
        })
        .unwrap()
    }

    /// The configuration is read again, which is an event of the incident.
    pub(crate) fn reload(&mut self) {
        self.weir.signal(Signal::HUP).unwrap();
    }

    /// Weir is killed and started again.
    pub(crate) fn kill_and_start_again(&mut self) {
        self.weir.signal(Signal::KILL).unwrap();
        self.weir.wait().unwrap();
        self.weir = Weir::configured(Path::new(WEIR), &self.text).unwrap();
    }
}

/// The kinds of an incident's events, in order. They are numbered without a gap.
pub(crate) fn kinds(incident: &Value) -> Vec<String> {
    let none = Vec::new();
    let events = incident["events"].as_array().unwrap_or(&none);
    for (event, place) in events.iter().zip(1_u64..) {
        assert_eq!(event["seq"], place, "{incident:#}");
    }
    events.iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
}
