//! What the tests stand on: running login threads, the letters their worker gets, and a client
//! that follows a script.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::SendFlags;
use weir_core::config::choices::AuthMethod;
use weir_core::config::settings::{
    Auth, Database, ListenAddress, Pool, ServerLogin, Settings, UpstreamHost, User, UserSecret,
};
use weir_wire::build;
use weir_wire::message::ErrorFields;
use weir_wire::startup::ProtocolVersion;

use crate::incident::Reporter;
use crate::proxy::mail::{Admitted, FromWorker, Mailbox, ToWorker};
use crate::proxy::threads::{LoginThreads, Porter};

/// How long a test waits for something that must come.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Login threads with one worker whose part the test plays.
pub(super) struct World {
    pub(super) threads: LoginThreads,
    letters: Receiver<ToWorker>,
    over: Arc<AtomicBool>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

impl World {
    pub(super) fn new(settings: Settings) -> Self {
        let mailbox = Mailbox::new().unwrap();
        let (mailboxes, porter) = (vec![mailbox.clone()], Porter::LoginThreads);
        let threads =
            LoginThreads::start(settings, mailboxes, Reporter::default(), porter).unwrap();
        let (sender, letters) = channel();
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        std::thread::spawn(move || stand_in(&mailbox, &sender, &ended));
        Self { threads, letters, over }
    }

    /// A connection to the first listening address.
    pub(super) fn connect(&self) -> Peer {
        let stream = TcpStream::connect(&self.threads.addresses()[0]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Peer { stream: Box::new(stream) }
    }

    /// The next letter to the worker.
    pub(super) fn letter(&mut self) -> ToWorker {
        self.letters.recv_timeout(PATIENCE).expect("no letter came")
    }

    /// The next client. Its pool is told the target first, in case there is an older one.
    pub(super) fn admitted(&mut self) -> Box<Admitted> {
        loop {
            match self.letter() {
                ToWorker::Admit(admitted) => return admitted,
                ToWorker::Reconfigure { .. } => {}
                other => panic!("expected a client, got {other:?}"),
            }
        }
    }

    pub(super) fn ask(&self, request: FromWorker) {
        self.threads.requests().send(request).unwrap();
    }
}

/// Does of a worker's part what clients wait for: ends their logins. All letters go on.
fn stand_in(mailbox: &Mailbox, letters: &Sender<ToWorker>, over: &AtomicBool) {
    let mut taken = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let bell = mailbox.bell();
        let limit = rustix::time::Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        poll(&mut [PollFd::new(&bell, PollFlags::IN)], Some(&limit)).unwrap();
        mailbox.take(&mut taken);
        for mut letter in taken.drain(..) {
            if let ToWorker::Admit(admitted) = &mut letter {
                end_login(admitted);
            }
            // The test may be over.
            let _ = letters.send(letter);
        }
    }
}

fn end_login(admitted: &mut Admitted) {
    let mut bytes = std::mem::take(&mut admitted.prelude);
    if let Some(tls) = &mut admitted.tls {
        tls.writer().write_all(&bytes).unwrap();
        bytes.clear();
        while tls.wants_write() {
            tls.write_tls(&mut bytes).unwrap();
        }
    }
    // So few bytes always find room. The client may have gone.
    let _ = rustix::net::send(&admitted.socket, &bytes, SendFlags::NOSIGNAL);
}

/// Any two-way stream: TCP, Unix, TLS.
pub(super) trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A scripted client.
pub(super) struct Peer {
    pub(super) stream: Box<dyn Stream>,
}

impl Peer {
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.stream.flush().unwrap();
    }

    pub(super) fn startup(&mut self, parameters: &[(&str, &str)]) {
        self.send(&startup(ProtocolVersion::V3_0, parameters));
    }

    /// The next message.
    pub(super) fn message(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head).unwrap();
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let mut body = vec![0; length - 4];
        self.stream.read_exact(&mut body).unwrap();
        (head[0], body)
    }

    /// The error that must come next: code, message, hint.
    pub(super) fn error(&mut self) -> (String, String, String) {
        let (tag, body) = self.message();
        assert_eq!(tag, b'E', "expected an error, got {}: {body:?}", tag.escape_ascii());
        Self::read_error(&body)
    }

    pub(super) fn read_error(body: &[u8]) -> (String, String, String) {
        let fields = ErrorFields::parse(body).unwrap();
        assert!(fields.is_fatal());
        let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or(b"").into()).unwrap();
        let code = fields.sqlstate().unwrap().to_string();
        (code, text(fields.message()), text(fields.hint()))
    }

    /// Reads the end of the stream.
    pub(super) fn closed(&mut self) {
        let mut rest = Vec::new();
        // A reset says the same as an end.
        let _ = self.stream.read_to_end(&mut rest);
        assert!(rest.is_empty(), "unexpected {rest:?}");
    }
}

pub(super) fn startup(version: ProtocolVersion, parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut packet = Vec::new();
    let bytes = parameters.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    build::startup(&mut packet, version, bytes).unwrap();
    packet
}

/// Settings that listen on a free port and know the database `app` on a server at `port`.
pub(super) fn settings(method: AuthMethod, port: u16) -> Settings {
    let mut settings = Settings::default();
    settings.listen.addresses = vec![ListenAddress::Tcp { host: "127.0.0.1".into(), port: 0 }];
    settings.auth = Auth { method, ..Auth::default() };
    settings.databases.insert("app".into(), database(port));
    settings
}

pub(super) fn database(port: u16) -> Database {
    Database {
        hosts: vec![UpstreamHost::Tcp { host: "127.0.0.1".into(), port }],
        host_balance: Default::default(),
        dbname: None,
        login: ServerLogin::AsClient,
        auth_query: None,
        pool: Pool::default(),
        servers_max: None,
        clients_max: None,
        connect_query: None,
        parameters: Default::default(),
    }
}

/// A user whose stored secret is this text.
pub(super) fn user(secret: &str) -> User {
    User { secret: UserSecret::classify(secret), ..User::default() }
}
