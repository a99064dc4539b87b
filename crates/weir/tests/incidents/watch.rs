//! `weir watch`: incidents without a proxy, as lines, on disk and for receivers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use weir_testkit::{Account, Options, PgServer, Scratch, Want, output_within, until};

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

/// The body of one POST, answered with 200.
fn take(stream: TcpStream) -> Value {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    serde_json::from_slice(&body).unwrap()
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
        "[auth]\nmethod = \"trust\"\n[databases.\"*\"]\nhost = \"127.0.0.1\"\nport = {}\n\
         user = \"postgres\"\n[guard]\ninterval = \"100ms\"\n[incident]\nname = \"till\"\n\
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
    let told = take(receiver.accept().unwrap().0);
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
