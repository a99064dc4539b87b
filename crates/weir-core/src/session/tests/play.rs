//! Plays a story: clients `a` and `b` share one server connection `s`.
//!
//! | line | meaning |
//! | --- | --- |
//! | `a> Q begin` | client `a` says this |
//! | `a< C BEGIN \| Z T` | all that client `a` was told since the last such line |
//! | `s< …`, `s> …` | the same for the server |
//! | `s: a`, `s: free`, `s: ghost` | who has the server connection |
//! | `a! gone`, `a! evict`, `a! refuse` | the client leaves, is evicted, its next request is refused |
//! | `a! close` | its server connection is closed under it |
//! | `a! prepares s1`, `a! runs s1` | `PREPARES`, `RUNS` below |
//! | `a! locked` | its server connection is not for others, nor can it be closed |
//! | `a! spared …` | it cannot be evicted, and this is why |
//! | `w: NoRows` | what the transaction has done |
//! | `d: Bind Execute` | the replies that are due |
//! | `t: yes`, `t: no` | whether all that is under way is ours, and the transaction over |
//! | `pins: a=lock` | what pins the client |
//!
//! A story is played twice: with messages whole, and byte by byte. What a client was told ends
//! with `closed` when its connection was closed, what a server was sent with `dropped`.

use super::words::{client_bytes, describe_client, describe_server, server_bytes, take};
use crate::ids::ServerId;
use crate::ledger::{Caller, Ledger, Scribe};
use crate::session::{
    Ask, Context, Evicted, Notice, Outbox, OverrideBook, ServerState, Session, SessionSettings,
    Shared, Statements, Step, Tally,
};
use crate::session::{Override, Value};
use crate::time::Instant;
use weir_wire::error::SqlState;

/// The client prepares a statement, the first that the server is told of: `c` is the client.
const PREPARES: &[&str] =
    &["c> P s1 select 1 | S", "s< P weir.0 select 1 | S", "s> 1 | Z I", "c< 1 | Z I"];

/// The client executes it.
const RUNS: &[&str] = &[
    "c> B s1 | E | S",
    "s< B weir.0 | E | S",
    "s> 2 | C SELECT 1 | Z I",
    "c< 2 | C SELECT 1 | Z I",
];

/// Plays `story` with default settings.
pub(super) fn play(story: &str) {
    play_with(story, SessionSettings::default());
}

/// Plays `story` with these settings.
pub(super) fn play_with(story: &str, settings: SessionSettings) {
    for (chunk, settings) in [(usize::MAX, settings.clone()), (1, settings)] {
        let mut stage = Stage::new(settings, chunk);
        for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
            stage.line(line);
        }
        stage.finish();
    }
}

/// A client of the stage.
struct Actor {
    session: Session,
    /// Bytes not taken yet.
    parked: Vec<u8>,
    heard: Vec<u8>,
    closed: bool,
    refuse: bool,
}

/// Who has the server connection.
enum Holder {
    Nobody,
    Client(usize),
    Ghost(Session),
}

struct Stage {
    settings: SessionSettings,
    chunk: usize,
    shared: Shared,
    actors: [Actor; 2],
    server: ServerState,
    server_parked: Vec<u8>,
    server_heard: Vec<u8>,
    dropped: bool,
    holder: Holder,
    tally: Tally,
    ledger: Ledger,
    caller: Caller,
    line: String,
}

impl Stage {
    fn new(settings: SessionSettings, chunk: usize) -> Self {
        let mut shared =
            Shared { statements: Statements::new(1, 4), overrides: OverrideBook::default() };
        let empty = shared.overrides.empty();
        // Client `b` asked for a setting when it connected.
        let asked = Override {
            name: b"application_name"[..].into(),
            value: Value::Literal(b"bee"[..].into()),
        };
        let startup = shared.overrides.intern([asked]);
        let actors = [empty.clone(), startup].map(|startup| Actor {
            session: Session::new(startup),
            parked: Vec::new(),
            heard: Vec::new(),
            closed: false,
            refuse: false,
        });
        Self {
            settings,
            chunk,
            shared,
            actors,
            server: ServerState::new(empty),
            server_parked: Vec::new(),
            server_heard: Vec::new(),
            dropped: false,
            holder: Holder::Nobody,
            tally: Tally::default(),
            ledger: Ledger::new(1),
            caller: Caller::new("", "u", "u"),
            line: String::new(),
        }
    }

    fn line(&mut self, line: &str) {
        self.line = format!("{line} (chunks of {})", self.chunk);
        let (head, rest) = line.split_at(2);
        let rest = rest.trim();
        match head {
            "a>" => self.clients_say(0, rest),
            "b>" => self.clients_say(1, rest),
            "s>" => self.server_says(rest),
            "a<" => self.client_heard(0, rest),
            "b<" => self.client_heard(1, rest),
            "s<" => self.server_was_sent(rest),
            "a!" => self.event(0, rest),
            "b!" => self.event(1, rest),
            "s:" => assert_eq!(self.who(), rest, "{}", self.line),
            "a:" => assert_eq!(self.actors[0].session.pins().describe(), rest, "{}", self.line),
            "w:" => assert_eq!(format!("{:?}", self.server.work()), rest, "{}", self.line),
            "d:" => assert_eq!(self.due(), rest, "{}", self.line),
            "t:" => {
                let tidied = if self.server.is_tidied() { "yes" } else { "no" };
                assert_eq!(tidied, rest, "{}", self.line);
            }
            "p:" => assert_eq!(self.tally.pinned.to_string(), rest, "{}", self.line),
            _ => panic!("what is {line:?}?"),
        }
    }

    fn who(&self) -> &'static str {
        match self.holder {
            Holder::Nobody => "free",
            Holder::Client(0) => "a",
            Holder::Client(_) => "b",
            Holder::Ghost(_) => "ghost",
        }
    }

    /// The names of the replies that are due.
    fn due(&self) -> String {
        let names = self.server.replies.iter().map(|reply| {
            let said = format!("{reply:?}");
            said.split([' ', '(']).next().unwrap_or_default().to_owned()
        });
        names.collect::<Vec<_>>().join(" ")
    }

    fn client_heard(&mut self, who: usize, expected: &str) {
        let actor = &mut self.actors[who];
        let mut heard = take(&mut actor.heard, describe_server);
        if std::mem::take(&mut actor.closed) {
            heard = format!("{heard} | closed").trim_start_matches(" | ").to_owned();
        }
        assert_eq!(heard, expected, "{}", self.line);
    }

    fn server_was_sent(&mut self, expected: &str) {
        let mut sent = take(&mut self.server_heard, describe_client);
        if std::mem::take(&mut self.dropped) {
            sent = format!("{sent} | dropped").trim_start_matches(" | ").to_owned();
        }
        assert_eq!(sent, expected, "{}", self.line);
    }

    /// Nothing may be left that the story has not told.
    fn finish(&mut self) {
        "end of the story".clone_into(&mut self.line);
        self.client_heard(0, "");
        self.client_heard(1, "");
        self.server_was_sent("");
        for actor in &mut self.actors {
            actor.session.end(&mut self.shared);
        }
        if let Holder::Ghost(session) = &mut self.holder {
            session.end(&mut self.shared);
        }
        assert_eq!(self.shared.statements.users(), 0, "statements are given back");
    }

    fn with<R>(
        &mut self,
        who: Option<usize>,
        input: &[u8],
        call: impl FnOnce(&mut Session, &mut Context<'_>) -> R,
    ) -> R {
        let (mut to_client, mut to_server) = (Outbox::default(), Outbox::default());
        let leased = match (&self.holder, who) {
            (Holder::Client(holder), Some(who)) => *holder == who,
            (Holder::Ghost(_), None) => true,
            _ => false,
        };
        let session = match (who, &mut self.holder) {
            (Some(who), _) => &mut self.actors[who].session,
            (None, Holder::Ghost(session)) => session,
            (None, _) => panic!("no ghost"),
        };
        let mut cx = Context {
            now: Instant::ZERO,
            settings: &self.settings,
            shared: &mut self.shared,
            server: leased.then_some(&mut self.server),
            to_client: &mut to_client,
            to_server: &mut to_server,
            tally: &mut self.tally,
            scribe: Scribe {
                ledger: &mut self.ledger,
                caller: Some(&mut self.caller),
                server: Some(ServerId(0)),
            },
            let_go: &mut Vec::new(),
        };
        let answer = call(session, &mut cx);
        assert!(leased || to_server.is_empty(), "{}", self.line);
        self.server_heard.extend_from_slice(to_server.bytes(input));
        if let Some(who) = who {
            self.actors[who].heard.extend_from_slice(to_client.bytes(input));
        }
        answer
    }

    fn clients_say(&mut self, who: usize, words: &str) {
        for piece in client_bytes(words).chunks(self.chunk) {
            self.actors[who].parked.extend_from_slice(piece);
            self.resume(who);
        }
    }

    fn resume(&mut self, who: usize) {
        loop {
            let input = std::mem::take(&mut self.actors[who].parked);
            let step = self.with(Some(who), &input, |session, cx| session.client_bytes(cx, &input));
            let Step { taken, ask } = step.unwrap_or_else(|fault| panic!("{fault}: {}", self.line));
            self.actors[who].parked = input[taken..].to_vec();
            match ask {
                Ask::Nothing => return,
                Ask::Checkout => self.checkout(who),
                ask => {
                    if !self.server_asks(ask) {
                        return;
                    }
                }
            }
        }
    }

    fn checkout(&mut self, who: usize) {
        if std::mem::take(&mut self.actors[who].refuse) {
            let notice = notice(SqlState::TOO_MANY_CONNECTIONS, "refused");
            self.with(Some(who), &[], |session, cx| session.refused(cx, &notice));
            return;
        }
        assert!(matches!(self.holder, Holder::Nobody), "checkout while leased: {}", self.line);
        self.holder = Holder::Client(who);
        self.server.lend(Instant::ZERO);
    }

    fn server_says(&mut self, words: &str) {
        for piece in server_bytes(words).chunks(self.chunk) {
            self.server_parked.extend_from_slice(piece);
            self.server_input();
        }
    }

    fn server_input(&mut self) {
        while !self.server_parked.is_empty() {
            let input = std::mem::take(&mut self.server_parked);
            let who = match self.holder {
                Holder::Client(who) => Some(who),
                Holder::Ghost(_) => None,
                Holder::Nobody => {
                    assert!(self.server.idle_bytes(&input).is_some(), "{}", self.line);
                    return;
                }
            };
            let step = self.with(who, &input, |session, cx| session.server_bytes(cx, &input));
            let Step { taken, ask } = step.unwrap_or_else(|fault| panic!("{fault}: {}", self.line));
            self.server_parked = input[taken..].to_vec();
            if !self.server_asks(ask) {
                return;
            }
        }
    }

    /// Does what was asked; whether there may be more to do.
    fn server_asks(&mut self, ask: Ask) -> bool {
        match ask {
            Ask::Nothing | Ask::Checkout => return false,
            Ask::Resume => {
                if let Holder::Client(who) = self.holder {
                    self.resume(who);
                }
            }
            Ask::Release => {
                assert!(self.server.is_quiet(), "{}", self.line);
                if let Holder::Ghost(mut session) =
                    std::mem::replace(&mut self.holder, Holder::Nobody)
                {
                    session.end(&mut self.shared);
                }
            }
            Ask::Close(_) => {
                let Holder::Client(who) = self.holder else { return false };
                self.actors[who].closed = true;
                self.leave(who);
            }
            Ask::Discard => self.drop_server(),
        }
        true
    }

    fn drop_server(&mut self) {
        self.dropped = true;
        self.server_parked.clear();
        self.server = ServerState::new(self.shared.overrides.empty());
        match std::mem::replace(&mut self.holder, Holder::Nobody) {
            Holder::Client(who) => {
                self.actors[who].closed = true;
                self.actors[who].session.end(&mut self.shared);
            }
            Holder::Ghost(mut session) => session.end(&mut self.shared),
            Holder::Nobody => {}
        }
    }

    fn event(&mut self, who: usize, event: &str) {
        match event {
            "gone" => self.leave(who),
            "refuse" => self.actors[who].refuse = true,
            "evict" => self.evict(who),
            "close" => self.close(who),
            "locked" => self.locked(who),
            "prepares s1" => self.act(who, PREPARES),
            "runs s1" => self.act(who, RUNS),
            other if other.starts_with("spared ") => self.spare(who, &other[7..]),
            other => panic!("no event {other:?}"),
        }
    }

    /// What several stories do in the same way.
    fn act(&mut self, who: usize, lines: &[&str]) {
        let client = ["a", "b"][who];
        for line in lines {
            self.line(&line.replacen("c", client, usize::from(line.starts_with('c'))));
        }
    }

    fn leave(&mut self, who: usize) {
        let ask = self.with(Some(who), &[], |session, cx| session.client_gone(cx)).unwrap();
        let empty = self.shared.overrides.empty();
        let mut session = std::mem::replace(&mut self.actors[who].session, Session::new(empty));
        self.actors[who].parked.clear();
        if !matches!(self.holder, Holder::Client(holder) if holder == who) {
            session.end(&mut self.shared);
            return;
        }
        self.holder = Holder::Ghost(session);
        self.server_asks(ask);
    }

    fn evict(&mut self, who: usize) {
        let notice = notice(SqlState::IDLE_IN_TRANSACTION_TIMEOUT, "evicted");
        match self.with(Some(who), &[], |session, cx| session.evict(cx, notice)).unwrap() {
            Evicted::No(why) => panic!("not evicted, {why}: {}", self.line),
            Evicted::InPlace => {}
            Evicted::HandedOver(heir) => {
                self.holder = Holder::Ghost(*heir);
                let ask = self.with(None, &[], |session, cx| session.take_over(cx)).unwrap();
                self.server_asks(ask);
            }
        }
    }

    fn locked(&mut self, who: usize) {
        let mode = self.settings.mode;
        let session = &self.actors[who].session;
        let shares = session.shares(&self.server, mode);
        let evictable = session.is_evictable(&self.server).and(shares);
        let closable = session.is_abandonable(&self.server, mode);
        assert!(evictable.is_err() && closable.is_err(), "{}", self.line);
    }

    fn spare(&mut self, who: usize, expected: &str) {
        let notice = notice(SqlState::IDLE_IN_TRANSACTION_TIMEOUT, "evicted");
        match self.with(Some(who), &[], |session, cx| session.evict(cx, notice)).unwrap() {
            Evicted::No(why) => assert_eq!(why.to_string(), expected, "{}", self.line),
            Evicted::InPlace | Evicted::HandedOver(_) => panic!("evicted: {}", self.line),
        }
    }

    fn close(&mut self, who: usize) {
        let notice = notice(SqlState::IDLE_IN_TRANSACTION_TIMEOUT, "closed");
        let closed = self.with(Some(who), &[], |session, cx| session.abandon(cx, notice)).unwrap();
        closed.unwrap_or_else(|why| panic!("not closed, {why}: {}", self.line));
        self.holder = Holder::Nobody;
        self.drop_server();
        self.resume(who);
    }
}

fn notice(sqlstate: SqlState, message: &str) -> Notice {
    Notice { sqlstate, message: message.to_owned(), detail: String::new(), hint: String::new() }
}
