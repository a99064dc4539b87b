//! Causes that only the proxy knows, seen over HTTP.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;
use weir_testkit::{PgServer, Session, Weir, until};

use crate::scene::{PATIENCE, Scene, causes};
use crate::stage::guard;

/// A proxy before a server.
pub(crate) struct Proxied {
    weir: Weir,
}

/// The program that is tested.
const PROGRAM: &str = env!("CARGO_BIN_EXE_weir");

impl Proxied {
    /// With so many slots, and these lines in `[guard]` over the quick ones.
    pub(crate) fn before(server: &PgServer, slots: u32, own: &str) -> Self {
        Self::run_as(Path::new(PROGRAM), server, slots, own)
    }

    /// The same, started by this program.
    pub(crate) fn run_as(program: &Path, server: &PgServer, slots: u32, own: &str) -> Self {
        let text = format!(
            "[listen]\naddresses = [\"127.0.0.1:0\"]\n[http]\naddress = \"127.0.0.1:0\"\n\
             [auth]\nmethod = \"trust\"\n[pool]\nsize = {slots}\n\
             [databases.\"*\"]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"postgres\"\n\
             [guard]\ninterval = \"100ms\"\n{}",
            server.port(),
            guard(own),
        );
        Self { weir: Weir::configured(program, &text).unwrap() }
    }

    /// A client of the proxy.
    pub(crate) fn client(&self) -> Session {
        self.try_client().unwrap()
    }

    /// A client of the proxy, if it is let in.
    pub(crate) fn try_client(&self) -> anyhow::Result<Session> {
        self.weir.session("postgres", "postgres")
    }

    /// How many descriptors the proxy has open.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.weir.pid())).unwrap().count()
    }

    /// The port for clients.
    pub(crate) fn port(&self) -> u16 {
        self.weir.listen().port()
    }

    /// So many clients that have each run this.
    fn after(&self, count: usize, sql: &str) -> Vec<Session> {
        let one = |_| {
            let mut client = self.client();
            client.query(sql).unwrap();
            client
        };
        (0..count).map(one).collect()
    }

    /// So many clients that ask this and may wait for long.
    pub(crate) fn asking(&self, count: usize, sql: &str) {
        for _ in 0..count {
            let (mut client, sql) = (self.client(), sql.to_owned());
            thread::spawn(move || {
                // It ends with an error when the proxy ends.
                let _ = client.query(&sql);
            });
        }
    }

    /// The full answer over HTTP.
    pub(crate) fn health(&self) -> Value {
        let mut stream = TcpStream::connect(self.weir.http().unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET /api/v1/health HTTP/1.1\r\nHost: weir\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }

    /// Waits until this cause comes first.
    pub(crate) fn until_first(&self, cause: &str) -> Value {
        let mut last = Vec::new();
        let found = until(cause, PATIENCE, || {
            let health = self.health();
            last = causes(&health);
            Ok((last.first().map(String::as_str) == Some(cause)).then_some(health))
        });
        found.unwrap_or_else(|error| panic!("{error:#}; found {last:?}"))
    }

    /// Waits until the whole is this.
    pub(crate) fn until_status(&self, status: &str) {
        let is = || Ok((self.health()["status"] == status).then_some(()));
        until(status, PATIENCE, is).unwrap();
    }
}

#[test]
fn slots_that_wait_for_their_applications() {
    let scene = Scene::new();
    let proxied = Proxied::before(&scene.server, 3, "");
    let _holders = proxied.after(3, "BEGIN; SELECT 1");
    proxied.asking(2, "SELECT 2");
    let health = proxied.until_first("waits-on-application");
    let culprit = &health["servers"][0]["issues"][0]["culprit"];
    assert_eq!(culprit["address"], "127.0.0.1", "the client's, not the proxy's");
}

#[test]
fn holders_that_wait_for_a_second_slot() {
    let scene = Scene::new();
    let proxied = Proxied::before(&scene.server, 3, "");
    let _holders = proxied.after(3, "BEGIN; SELECT 1");
    proxied.asking(3, "SELECT 2");
    proxied.until_first("double-checkout");
}

#[test]
fn healthy_work_that_waits() {
    let scene = Scene::new();
    let proxied = Proxied::before(&scene.server, 2, "long_statement = \"1h\"");
    proxied.asking(6, "SELECT pg_sleep(3600)");
    proxied.until_first("pool-too-small");
}

#[test]
fn one_slow_route_that_takes_most_slots() {
    let scene = Scene::new();
    let own = "long_statement = \"1h\"\nslow_statement = \"100ms\"";
    let proxied = Proxied::before(&scene.server, 4, own);
    proxied.asking(3, "SELECT pg_sleep(3600) /*route='/search'*/");
    let search = "state = 'active' AND query LIKE '%/search%'";
    let run = || Ok((scene.count(search) == 3).then_some(()));
    until("the searches to run", PATIENCE, run).unwrap();
    proxied.asking(3, "SELECT pg_sleep(3600) /*route='/other'*/");
    let health = proxied.until_first("slow-route");
    assert_eq!(health["servers"][0]["issues"][0]["culprit"]["route"], "/search");
    assert!(!causes(&health).contains(&"pool-too-small".to_owned()), "{health:#}");
}

#[test]
fn pins_that_leave_no_pool() {
    let scene = Scene::new();
    let proxied = Proxied::before(&scene.server, 4, "");
    let _first = proxied.after(1, "SELECT pg_advisory_lock(1)");
    let _second = proxied.after(1, "SELECT pg_advisory_lock(2)");
    proxied.until_first("pinning");
}

#[test]
fn more_slots_than_the_server_has() {
    let scene = Scene::new();
    let proxied = Proxied::before(&scene.server, 40, "");
    let _client = proxied.after(1, "SELECT 1");
    proxied.until_first("budget-beyond-server");
}

#[test]
fn sessions_past_the_proxy() {
    let scene = Scene::new();
    let proxied = Proxied::before(&scene.server, 2, "");
    let _client = proxied.after(1, "SELECT 1");
    let _direct = scene.login(17, "app", "postgres");
    let health = proxied.until_first("direct-connections");
    assert_eq!(health["servers"][0]["issues"][0]["culprit"]["user"], "app");
}

#[test]
fn clients_that_come_for_a_moment_each() {
    let scene = Scene::new();
    let proxied = Proxied::before(&scene.server, 2, "storm_per_second = 1");
    let stop = Arc::new(AtomicBool::new(false));
    let (port, stopped) = (scene.server.port(), Arc::clone(&stop));
    let storm = thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            // One that is refused, because those before it are still about to end, is one, too.
            drop(Session::tcp(port, "app", "postgres"));
        }
    });
    proxied.until_first("connection-storm");
    stop.store(true, Ordering::Relaxed);
    storm.join().unwrap();
}
