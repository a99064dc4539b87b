//! `weir watch`: incidents without a proxy, as lines, on disk and for receivers.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use weir_testkit::{
    Account, Kept, Launch, Options, PgServer, Post, Scratch, Signal, Want, output_within, until,
};

use crate::stage::PATIENCE;

/// A running `weir watch`, ended with the test.
struct Watch(Child);

impl Drop for Watch {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The body of the next POST, answered with 200.
fn take(receiver: &TcpListener) -> Value {
    receiver.set_nonblocking(true).unwrap();
    let next = until("a message", PATIENCE, || Ok(receiver.accept().ok()));
    let stream = next.unwrap().0;
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let post = Post::take(&stream, "200 OK").unwrap();
    serde_json::from_slice(&post.body).unwrap()
}

#[test]
fn watch_opens_an_incident_tells_a_receiver_and_keeps_it() {
    let options = Options::new(Want::major(15)).set("max_connections", "13");
    let server = PgServer::start(options).unwrap();
    let home = Scratch::new(Account::own()).unwrap();
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, dir) = (receiver.local_addr().unwrap().port(), home.path().join("state"));
    let file = home.path().join("weir.toml");
    let text = format!(
        "[auth]\nfile = \"/nowhere\"\n[databases.\"*\"]\nhost = \"127.0.0.1\"\nport = {}\n\
         user = \"postgres\"\npassword = \"any\"\n[guard]\ninterval = \"100ms\"\n[incident]\nname = \"till\"\n\
         [alerts.hook]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{port}/\"\n",
        server.port()
    );
    std::fs::write(&file, text).unwrap();
    let mut watch = Command::new(env!("CARGO_BIN_EXE_weir"));
    watch.args(["watch", "--json", "--config"]).arg(&file).arg("--state-dir").arg(&dir);
    let mut watch = Watch(watch.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(watch.0.stdout.take().unwrap()).lines();
    let mut next = move || -> Value {
        serde_json::from_str(&lines.next().expect("it goes on").unwrap()).unwrap()
    };
    assert_eq!(next()["status"], "ok", "it has its connection before the server is full");
    // The guard has one of the thirteen, and superusers may have those that are reserved.
    let one = |_| until("a connection", PATIENCE, || Ok(server.session("postgres").ok())).unwrap();
    let crowd: Vec<_> = (0..12).map(one).collect();
    let incident = loop {
        let line = next();
        if !line["incident"].is_null() {
            break line["incident"].clone();
        }
    };
    assert_eq!(incident["state"], "open", "{incident:#}");
    let told = take(&receiver);
    assert_eq!(told["type"], "weir.incident.open");
    assert_eq!(told["data"]["incident"]["id"], incident["id"]);
    drop(crowd);
    let term = Command::new("kill").arg("-TERM").arg(watch.0.id().to_string()).status().unwrap();
    assert!(term.success());
    assert!(watch.0.wait().unwrap().success(), "SIGTERM is a clean end");
    let mut list = Command::new(env!("CARGO_BIN_EXE_weir"));
    list.args(["incident", "list", "--json", "--state-dir"]).arg(&dir);
    let kept: Value = serde_json::from_str(&output_within(PATIENCE, &mut list).unwrap()).unwrap();
    assert_eq!(kept[0]["id"], incident["id"]);
    assert_eq!(kept[0]["impact"]["connections_max"][1], 10, "{kept:#}");
}

#[test]
fn without_a_state_directory_nobody_is_sent_to_one() {
    let options = Options::new(Want::major(15)).set("max_connections", "13");
    let server = PgServer::start(options).unwrap();
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", server.port());
    let mut watch = Command::new(env!("CARGO_BIN_EXE_weir"));
    watch.args(["watch", "--url", &url]).stdout(Stdio::piped());
    let mut watch = Watch(watch.spawn().unwrap());
    let mut lines = BufReader::new(watch.0.stdout.take().unwrap()).lines();
    let mut until_line = move |part: &str| -> String {
        loop {
            let line = lines.next().expect("it goes on").unwrap();
            if line.contains(part) {
                return line;
            }
        }
    };
    until_line("nothing is wrong");
    let one = |_| until("a connection", PATIENCE, || Ok(server.session("postgres").ok())).unwrap();
    let _crowd: Vec<_> = (0..12).map(one).collect();
    until_line("PostgreSQL connections, open");
    // It sees no requests, and says what it sees.
    let impact = until_line("  For ");
    assert!(impact.contains("of 10 connections used") && !impact.contains("requests"), "{impact}");
    let more = until_line("  Since ");
    assert!(more.contains("--state-dir") && !more.contains("weir incident"), "{more}");
}

/// A `weir watch` that reads `weir.toml` of its home, and logs there.
struct Reloaded {
    watch: Kept,
    server: PgServer,
    home: Scratch,
}

impl Reloaded {
    fn start(receiver: u16) -> Self {
        let options = Options::new(Want::major(15)).set("max_connections", "13");
        let server = PgServer::start(options).unwrap();
        let home = Scratch::new(Account::own()).unwrap();
        write(&home, &server, receiver, "");
        let launch = Launch::new(env!("CARGO_BIN_EXE_weir"), &home.path().join("log"));
        let watch = launch
            .args(["watch", "--json", "--config"])
            .args([home.path().join("weir.toml")])
            .args(["--state-dir".into(), home.path().join("state")])
            .start()
            .unwrap();
        Self { watch, server, home }
    }

    fn rewrite(&mut self, receiver: u16, more: &str) {
        write(&self.home, &self.server, receiver, more);
        self.watch.signal(Signal::HUP).unwrap();
    }

    fn until_logged(&self, part: &str) {
        let file = self.home.path().join("log");
        let log = || std::fs::read_to_string(&file).unwrap_or_default();
        let found = until(part, PATIENCE, || Ok(log().contains(part).then_some(())));
        found.unwrap_or_else(|_| panic!("{part} is not in {}", log()));
    }

    /// The next line that tells of a server, or of an incident.
    fn next(&mut self, of_incident: bool) -> Value {
        let told = |line: &str| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["incident"].is_object() == of_incident).then_some(line)
        };
        self.watch.line(PATIENCE, told).unwrap()
    }
}

fn write(home: &Scratch, server: &PgServer, receiver: u16, more: &str) {
    let text = format!(
        "[tls.client]\nmode = \"require\"\n[databases.\"*\"]\nhost = \"127.0.0.1\"\nport = {}\n\
         user = \"postgres\"\n[alerts.hook]\nkind = \"webhook\"\n\
         url = \"http://127.0.0.1:{receiver}/\"\n[guard]\ninterval = \"100ms\"\n{more}",
        server.port()
    );
    std::fs::write(home.path().join("weir.toml"), text).unwrap();
}

#[test]
fn a_reload_of_watch_keeps_the_open_incident_and_what_waits_for_a_receiver() {
    // Nobody listens on port 1.
    let mut stage = Reloaded::start(1);
    assert_eq!(stage.next(false)["status"], "ok");
    let _crowd: Vec<_> = (0..12).map(|_| stage.server.session("postgres").unwrap()).collect();
    let incident = stage.next(true)["incident"].clone();
    stage.until_logged("alert not delivered");

    stage.rewrite(1, "near_percent = 101\n");
    stage.until_logged("reload refused, the old configuration stays");
    stage.until_logged("near_percent");

    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = receiver.local_addr().unwrap().port();
    stage.rewrite(port, "full_percent = 99\n");
    let told = take(&receiver);
    assert_eq!(told["type"], "weir.incident.open", "what waited is told to where the receiver is");
    assert_eq!(told["data"]["incident"]["id"], incident["id"]);
    stage.until_logged("configuration reloaded");

    let mut show = Command::new(env!("CARGO_BIN_EXE_weir"));
    show.args(["incident", "show", "--json", "--state-dir"]).arg(stage.home.path().join("state"));
    let kept: Value = serde_json::from_str(&output_within(PATIENCE, &mut show).unwrap()).unwrap();
    assert_eq!(kept["incident"]["id"], incident["id"]);
    assert_ne!(kept["incident"]["state"], "closed", "{kept:#}");
    let events = kept["events"].to_string();
    assert!(events.contains("guard.full_percent"), "the reload is an event of it: {events}");
}

#[test]
fn a_reload_of_watch_changes_servers_and_thresholds_and_keeps_the_connection() {
    let mut stage = Reloaded::start(1);
    assert_eq!(stage.next(false)["status"], "ok");
    let whose = "SELECT pid FROM pg_stat_activity WHERE application_name = 'weir-guard'";
    let mut direct = stage.server.session("postgres").unwrap();
    let before = direct.value(whose).unwrap();
    // Two of ten connections are near now.
    stage.rewrite(1, "near_percent = 15\n");
    assert_eq!(stage.next(false)["status"], "warning");
    assert_eq!(direct.value(whose).unwrap(), before, "a threshold needs no new connection");
    stage.server.execute("postgres", "CREATE ROLE eyes LOGIN; GRANT pg_monitor TO eyes").unwrap();
    stage.rewrite(1, "user = \"eyes\"\n");
    assert_eq!(stage.next(false)["status"], "ok");
    let role = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'eyes'";
    assert_eq!(direct.value(role).unwrap(), "1");
}
