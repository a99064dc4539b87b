//! Clients that a worker accepts itself: a whole proxy with one worker, on each event loop.

use std::net::TcpStream;
use std::thread::JoinHandle;
use std::time::Duration;

use weir_core::config::choices::{AuthMethod, DriverChoice};
use weir_core::config::limits;
use weir_core::config::settings::{ServerLogin, Settings};
use weir_wire::build;
use weir_wire::scram::{Iterations, Verifier};

use super::client::{Outcome, answer};
use super::server::server;
use super::world::{PATIENCE, Peer, settings, user};
use crate::incident::Reporter;
use crate::proxy::driver::Kind;
use crate::proxy::mail::{Command, Mailbox, ToWorker};
use crate::proxy::threads::{LoginThreads, Porter};
use crate::proxy::worker::{Worker, WorkerOptions};

/// Login threads and their only worker.
struct Lodge {
    threads: LoginThreads,
    mailbox: Mailbox,
    worker: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Lodge {
    fn new(settings: Settings, driver: Kind) -> Self {
        let mailbox = Mailbox::new().unwrap();
        let mailboxes = vec![mailbox.clone()];
        let threads =
            LoginThreads::start(settings, mailboxes, Reporter::default(), Porter::Worker).unwrap();
        let options = WorkerOptions {
            index: 0,
            incidents: Reporter::default(),
            seed: 1,
            workers: 1,
            ledger: true,
            driver,
            linger: Duration::from_secs(5),
        };
        let (letters, requests, doors) = (mailbox.clone(), threads.requests(), threads.doors());
        assert!(threads.doors().is_none(), "they are given once");
        let worker = std::thread::spawn(move || {
            Worker::new(options, letters, requests)?.with_doors(doors)?.run()
        });
        Self { threads, mailbox, worker: Some(worker) }
    }

    fn connect(&self) -> Peer {
        let stream = TcpStream::connect(&self.threads.addresses()[0]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Peer { stream: Box::new(stream) }
    }

    fn log_in(&self, user: &str, password: &str) -> (Outcome, Peer) {
        let mut client = self.connect();
        client.startup(&[("user", user), ("database", "app")]);
        (answer(&mut client, (user, password), None), client)
    }

    fn stop(&self) {
        self.threads.refuse_new();
        self.mailbox.put(ToWorker::Command(Command::Stop { grace: Duration::ZERO }));
    }
}

impl Drop for Lodge {
    fn drop(&mut self) {
        self.stop();
        let ended = self.worker.take().unwrap().join();
        assert!(std::thread::panicking() || ended.unwrap().is_ok());
    }
}

/// The drivers that this machine has.
fn drivers() -> Vec<Kind> {
    let best = Kind::choose(DriverChoice::Auto).unwrap();
    if best == Kind::Epoll { vec![best] } else { vec![Kind::Epoll, best] }
}

/// One database; a user whose verifier is at hand, one whose password is, and one of neither.
fn lodgings(method: AuthMethod) -> Settings {
    let mut settings = settings(method, server().pg.port());
    let app = settings.databases.get_mut("app").unwrap();
    app.dbname = Some("postgres".into());
    app.login = ServerLogin::Fixed { user: "by_trust".into(), password: None };
    let verifier = Verifier::derive(b"right", b"0123456789abcdef", Iterations::DEFAULT);
    settings.users.insert("verified".into(), user(&verifier.to_text()));
    settings.users.insert("plain".into(), user("right"));
    settings
}

/// Reads up to the first `ReadyForQuery`, asks something, and reads up to the second.
fn asks_and_is_answered(client: &mut Peer) {
    while client.message().0 != b'Z' {}
    let mut query = Vec::new();
    build::query(&mut query, b"SELECT 1").unwrap();
    client.send(&query);
    let tags: Vec<u8> =
        std::iter::repeat_with(|| client.message().0).take_while(|&tag| tag != b'Z').collect();
    assert_eq!(tags, b"TDC");
}

#[test]
fn trust_and_proof_come_in_and_work() {
    for driver in drivers() {
        let trusting = Lodge::new(lodgings(AuthMethod::Trust), driver);
        let (outcome, mut client) = trusting.log_in("anybody", "");
        assert_eq!(outcome, Outcome { asked: vec![], refused: None });
        asks_and_is_answered(&mut client);
        let asking = Lodge::new(lodgings(AuthMethod::Scram), driver);
        // The verifier of the plain password is made at its first login, and at hand at the next.
        for name in ["verified", "plain", "plain"] {
            let (outcome, mut client) = asking.log_in(name, "right");
            assert_eq!(outcome, Outcome { asked: vec!["SCRAM-SHA-256"], refused: None });
            asks_and_is_answered(&mut client);
        }
        empties(&asking);
    }
}

/// A task that hands its client over gives its place back after that.
fn empties(lodge: &Lodge) {
    weir_testkit::until("an empty lobby", PATIENCE, || {
        Ok((lodge.threads.house().lobby.taken() == 0).then_some(()))
    })
    .unwrap();
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_refused_alike() {
    for driver in drivers() {
        let lodge = Lodge::new(lodgings(AuthMethod::Scram), driver);
        for name in ["verified", "nobody"] {
            let (outcome, mut client) = lodge.log_in(name, "wrong");
            let text = format!("password authentication failed for user \"{name}\"");
            assert_eq!(outcome.asked, ["SCRAM-SHA-256"]);
            assert_eq!(outcome.refused, Some(("28P01".into(), text)));
            client.closed();
        }
        assert_eq!(lodge.threads.house().admission.total(), 0);
    }
}

#[test]
fn a_proof_in_single_bytes_is_a_proof() {
    for driver in drivers() {
        let lodge = Lodge::new(lodgings(AuthMethod::Scram), driver);
        let mut client = lodge.connect();
        let stream = TcpStream::connect(&lodge.threads.addresses()[0]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        client.stream = Box::new(Dribble(stream));
        client.startup(&[("user", "verified"), ("database", "app")]);
        assert_eq!(answer(&mut client, ("verified", "right"), None).refused, None);
        asks_and_is_answered(&mut client);
    }
}

/// Writes byte by byte.
struct Dribble(TcpStream);

impl std::io::Read for Dribble {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(into)
    }
}

impl std::io::Write for Dribble {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(&bytes[..bytes.len().min(1)])
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn what_is_no_proof_ends_the_login() {
    for driver in drivers() {
        let lodge = Lodge::new(lodgings(AuthMethod::Scram), driver);
        let mut long = vec![b'p'];
        long.extend_from_slice(
            &u32::try_from(limits::AUTH_MESSAGE_BYTES + 5).unwrap().to_be_bytes(),
        );
        let mut query = Vec::new();
        build::query(&mut query, b"SELECT 1").unwrap();
        for wrong in [&query[..], &long, b"p\0\0\0\x03"] {
            let mut client = lodge.connect();
            client.startup(&[("user", "verified"), ("database", "app")]);
            assert_eq!(client.message().0, b'R');
            client.send(wrong);
            assert_eq!(client.error().0, "08P01");
            client.closed();
        }
        // One that leaves instead leaves nothing behind.
        let mut client = lodge.connect();
        client.startup(&[("user", "verified"), ("database", "app")]);
        assert_eq!(client.message().0, b'R');
        drop(client);
        empties(&lodge);
    }
}

#[test]
fn who_does_not_answer_in_time_is_told_so() {
    for driver in drivers() {
        let mut settings = lodgings(AuthMethod::Scram);
        settings.timeouts.client_login = Some(Duration::from_millis(50));
        let lodge = Lodge::new(settings, driver);
        let mut client = lodge.connect();
        client.startup(&[("user", "verified"), ("database", "app")]);
        assert_eq!(client.message().0, b'R');
        let (code, text, _) = client.error();
        let told = (code.as_str(), text.as_str());
        assert_eq!(told, ("57014", "canceling authentication due to timeout"));
        client.closed();
        assert_eq!(lodge.threads.house().lobby.taken(), 0);
        // One that says nothing at all is closed without a word.
        lodge.connect().closed();
    }
}

#[test]
fn a_stop_ends_the_logins_under_way() {
    for driver in drivers() {
        let lodge = Lodge::new(lodgings(AuthMethod::Scram), driver);
        let mut client = lodge.connect();
        client.startup(&[("user", "verified"), ("database", "app")]);
        assert_eq!(client.message().0, b'R');
        lodge.stop();
        assert_eq!(client.error().0, "57P03");
        client.closed();
    }
}

#[test]
fn limits_hold_for_those_who_come_to_the_worker() {
    for driver in drivers() {
        for method in [AuthMethod::Trust, AuthMethod::Scram] {
            let mut settings = lodgings(method);
            settings.limits.clients_per_user_max = Some(1);
            let lodge = Lodge::new(settings, driver);
            let (outcome, mut first) = lodge.log_in("verified", "right");
            assert_eq!(outcome.refused, None);
            asks_and_is_answered(&mut first);
            let (outcome, mut second) = lodge.log_in("verified", "right");
            assert_eq!(outcome.refused.unwrap().0, "53300", "{method:?}");
            second.closed();
        }
    }
}

#[test]
fn doors_that_are_closed_are_nobodys() {
    for driver in drivers() {
        let lodge = Lodge::new(lodgings(AuthMethod::Trust), driver);
        let (_, mut client) = lodge.log_in("anybody", "");
        lodge.threads.stop_accepting();
        weir_testkit::until("a closed port", PATIENCE, || {
            Ok(TcpStream::connect(&lodge.threads.addresses()[0]).is_err().then_some(()))
        })
        .unwrap();
        asks_and_is_answered(&mut client);
    }
}
