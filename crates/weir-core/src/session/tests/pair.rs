//! Many clients over few model servers, through sessions, in random order and random pieces.
//!
//! Each client's script is also run against a model server of its own: what the client is told
//! must be the same, byte for byte.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::hearing::Hearing;
use super::model::Model;
use super::script::{Script, Step as Part};
use crate::ids::ServerId;
use crate::ledger::{Caller, Ledger, Scribe};
use crate::session::{
    Ask, Context, Evicted, Notice, Outbox, OverrideBook, ServerState, Session, SessionSettings,
    Shared, Statements, Step, Tally, Value,
};
use crate::time::Instant;
use weir_wire::error::SqlState;

/// Random numbers (SplitMix64).
#[derive(Debug, Clone)]
pub(super) struct Chance(pub(super) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// True once in `times`.
    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// What may go wrong in a world.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trouble {
    /// Clients leave, refusals and evictions happen, once in so many steps; 0 is never.
    pub(super) leave: usize,
    pub(super) refuse: usize,
    pub(super) evict: usize,
    /// The same for a server connection that is closed under its client.
    pub(super) close: usize,
}

struct Client {
    session: Session,
    script: VecDeque<Part>,
    /// Bytes on their way to the proxy.
    wire: VecDeque<u8>,
    parked: Vec<u8>,
    heard: Vec<u8>,
    /// What it must have heard before it goes on, by itself.
    expected: Vec<u8>,
    alone: Model,
    server: Option<usize>,
    waits: bool,
    gone: bool,
    /// It was refused or evicted: what it hears is not what it would hear alone.
    disturbed: bool,
    /// What it hears is checked by itself.
    hearing: Hearing,
}

enum Holder {
    Nobody,
    Client(usize),
    Ghost(Session),
}

struct Server {
    state: ServerState,
    model: Model,
    holder: Holder,
    to_model: VecDeque<u8>,
    to_proxy: VecDeque<u8>,
    parked: Vec<u8>,
    /// Rows of transactions that were evicted.
    doomed: BTreeSet<u64>,
}

pub(super) struct World {
    chance: Chance,
    trouble: Trouble,
    settings: SessionSettings,
    shared: Shared,
    tally: Tally,
    ledger: Ledger,
    caller: Caller,
    clients: Vec<Client>,
    servers: Vec<Server>,
}

/// Runs one world to its end.
pub(super) fn run(seed: u64, settings: SessionSettings, trouble: Trouble) {
    println!("seed {seed}");
    let mut chance = Chance(seed);
    let (clients, servers) = (1 + chance.below(5), 1 + chance.below(3));
    let shared =
        Shared { statements: Statements::new(seed, 3), overrides: OverrideBook::default() };
    let empty = shared.overrides.empty();
    let clients = (0..clients).map(|at| Client::new(at, &mut chance, empty.clone())).collect();
    let servers = (0..servers).map(|at| Server::new(at, empty.clone())).collect();
    let tally = Tally::default();
    let (ledger, caller) = (Ledger::new(seed), Caller::new("", "u", "u"));
    World { chance, trouble, settings, shared, tally, ledger, caller, clients, servers }.run();
}

impl Client {
    fn new(at: usize, chance: &mut Chance, empty: crate::session::OverrideSet) -> Self {
        Self {
            session: Session::new(empty),
            script: Script::random(chance),
            wire: VecDeque::new(),
            parked: Vec::new(),
            heard: Vec::new(),
            expected: Vec::new(),
            alone: Model::new(format!("client {at} alone")),
            server: None,
            waits: false,
            gone: false,
            disturbed: false,
            hearing: Hearing::default(),
        }
    }

    /// It has heard all it waits for.
    fn may_speak(&self) -> bool {
        !self.gone
            && self.wire.is_empty()
            && self.parked.is_empty()
            && (self.disturbed || self.heard.len() >= self.expected.len())
    }
}

impl Server {
    fn new(at: usize, empty: crate::session::OverrideSet) -> Self {
        Self {
            state: ServerState::new(empty),
            model: Model::new(format!("    server {at}")),
            holder: Holder::Nobody,
            to_model: VecDeque::new(),
            to_proxy: VecDeque::new(),
            parked: Vec::new(),
            doomed: BTreeSet::new(),
        }
    }

    /// It must be as if nobody had been there, apart from what is known of it.
    fn check_clean(&mut self) {
        // The end of a COPY that was refused meanwhile may still be on its way: it is ignored
        // there. Whatever else is on its way brings an answer, and is found out.
        let on_the_way: Vec<u8> = self.to_model.drain(..).collect();
        self.model.read(&on_the_way);
        let model = &self.model;
        assert!(model.is_idle() && self.to_model.is_empty(), "not idle: {model:?}");
        assert!(model.locks.is_empty(), "locks: {model:?}");
        assert!(model.held.rows.is_disjoint(&self.doomed), "evicted and committed: {model:?}");
        assert!(model.held.channels.is_empty() && model.held.temps.is_empty(), "{model:?}");
        let known: BTreeMap<String, String> = self.state.overrides.iter().map(setting).collect();
        assert_eq!(model.held.settings, known, "settings");
        for (name, statement) in &model.statements {
            assert!(!statement.by_sql && name.starts_with(b"weir."), "{name:?} is left");
        }
        let kept = model.statements.keys().filter(|name| name.len() > 5).count();
        assert_eq!(kept, self.state.prepared_len(), "prepared: {:?}", model.statements.keys());
    }
}

fn setting(item: &crate::session::Override) -> (String, String) {
    let (Value::Raw(value) | Value::Literal(value)) = &item.value;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&item.name), text(value))
}

/// What can happen next.
#[derive(Clone, Copy)]
enum Move {
    Speak(usize),
    ClientWire(usize),
    ServerWire(usize),
    ModelWire(usize),
}

impl World {
    fn run(mut self) {
        for _ in 0..200_000 {
            let moves = self.moves();
            if moves.is_empty() {
                return self.finish();
            }
            let next = self.chance.pick(&moves);
            self.perform(next);
            self.make_trouble();
        }
        panic!("it does not end");
    }

    fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        for (at, client) in self.clients.iter().enumerate() {
            if client.may_speak() {
                moves.push(Move::Speak(at));
            }
            if !client.wire.is_empty() && !client.waits && !client.gone {
                moves.push(Move::ClientWire(at));
            }
        }
        for (at, server) in self.servers.iter().enumerate() {
            if !server.to_model.is_empty() {
                moves.push(Move::ModelWire(at));
            }
            if !server.to_proxy.is_empty() {
                moves.push(Move::ServerWire(at));
            }
        }
        moves
    }

    fn finish(mut self) {
        for client in &self.clients {
            assert!(client.gone, "a client is stuck: heard {:?}", text(&client.heard));
        }
        for server in &mut self.servers {
            assert!(matches!(server.holder, Holder::Nobody), "a server is stuck");
            server.check_clean();
        }
        assert_eq!(self.shared.statements.users(), 0, "statements are given back");
        assert_eq!(self.tally.pinned, 0, "nobody is pinned");
    }

    fn perform(&mut self, next: Move) {
        match next {
            Move::Speak(at) => self.speak(at),
            Move::ClientWire(at) => {
                let bytes = some(&mut self.chance, &mut self.clients[at].wire);
                self.clients[at].parked.extend(bytes);
                self.resume(at);
            }
            Move::ModelWire(at) => {
                let server = &mut self.servers[at];
                let bytes = some(&mut self.chance, &mut server.to_model);
                server.model.read(&bytes);
                server.to_proxy.extend(server.model.out.drain(..));
            }
            Move::ServerWire(at) => {
                let bytes = some(&mut self.chance, &mut self.servers[at].to_proxy);
                self.servers[at].parked.extend(bytes);
                self.server_input(at);
            }
        }
    }

    fn speak(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let Some(Part(bytes)) = client.script.pop_front() else { return self.leave(at) };
        client.hearing.asked(&bytes);
        client.alone.read(&bytes);
        client.expected.append(&mut client.alone.out);
        client.wire.extend(bytes);
    }

    fn make_trouble(&mut self) {
        let at = self.chance.below(self.clients.len());
        let client = &self.clients[at];
        if client.gone {
            return;
        }
        if self.trouble.leave > 0 && self.chance.one_in(self.trouble.leave) {
            self.leave(at);
        } else if self.trouble.refuse > 0 && client.waits && self.chance.one_in(self.trouble.refuse)
        {
            self.clients[at].waits = false;
            self.clients[at].disturbed = true;
            let notice = notice("refused");
            self.with(Some(at), None, &[], |session, cx| session.refused(cx, &notice));
            self.resume(at);
        } else if self.trouble.evict > 0
            && let Some(server) = client.server
            && self.chance.one_in(self.trouble.evict)
        {
            self.evict(at, server);
        } else if self.trouble.close > 0
            && let Some(server) = client.server
            && self.chance.one_in(self.trouble.close)
        {
            self.close(at, server);
        }
    }

    /// The client's server connection is closed under it.
    fn close(&mut self, at: usize, server: usize) {
        let notice = notice("closed");
        let before = std::mem::replace(&mut self.clients[at].disturbed, true);
        self.clients[at].hearing.lost(true);
        let closed =
            self.with(Some(at), Some(server), &[], |session, cx| session.abandon(cx, notice));
        if closed.unwrap().is_err() {
            self.clients[at].disturbed = before;
            return self.clients[at].hearing.lost(false);
        }
        println!("    server {server} is closed under client {at}");
        self.clients[at].server = None;
        self.servers[server] = Server::new(server, self.shared.overrides.empty());
        self.serve(server);
        self.resume(at);
    }

    fn evict(&mut self, at: usize, server: usize) {
        let notice = notice("evicted");
        let before = std::mem::replace(&mut self.clients[at].disturbed, true);
        let doomed = self.servers[server].model.uncommitted();
        self.clients[at].hearing.lost(true);
        let evicted =
            self.with(Some(at), Some(server), &[], |session, cx| session.evict(cx, notice));
        match evicted.unwrap() {
            Evicted::No(_) => {
                self.clients[at].disturbed = before;
                self.clients[at].hearing.lost(false);
            }
            Evicted::InPlace => self.servers[server].doomed.extend(doomed),
            Evicted::HandedOver(heir) => {
                println!("    client {at} is evicted from server {server}");
                self.servers[server].doomed.extend(doomed);
                self.clients[at].server = None;
                self.servers[server].holder = Holder::Ghost(*heir);
                let ask = self.with(None, Some(server), &[], |session, cx| session.take_over(cx));
                self.server_asks(server, ask.unwrap());
            }
        }
    }

    fn leave(&mut self, at: usize) {
        let server = self.clients[at].server.take();
        let client = &mut self.clients[at];
        let done = client.script.is_empty() && client.may_speak() && !client.waits;
        if done && server.is_none() {
            client.hearing.check_all_answered();
        }
        client.gone = true;
        client.waits = false;
        if !client.disturbed {
            let heard = &client.heard;
            assert!(client.expected.starts_with(heard), "{}", difference(client));
            assert!(
                !client.script.is_empty()
                    || client.expected == *heard
                    || server.is_some()
                    || !client.wire.is_empty()
                    || !client.parked.is_empty()
                    || self.trouble.leave > 0
            );
        }
        let ask = self.with(Some(at), server, &[], |session, cx| session.client_gone(cx)).unwrap();
        let empty = self.shared.overrides.empty();
        let mut session = std::mem::replace(&mut self.clients[at].session, Session::new(empty));
        let Some(server) = server else { return session.end(&mut self.shared) };
        self.servers[server].holder = Holder::Ghost(session);
        self.server_asks(server, ask);
    }

    fn with<R>(
        &mut self,
        who: Option<usize>,
        server: Option<usize>,
        input: &[u8],
        call: impl FnOnce(&mut Session, &mut Context<'_>) -> R,
    ) -> R {
        let (mut to_client, mut to_server) = (Outbox::default(), Outbox::default());
        let mut link = server.map(|at| &mut self.servers[at]);
        let session = match (who, &mut link) {
            (Some(who), _) => &mut self.clients[who].session,
            (None, Some(Server { holder: Holder::Ghost(session), .. })) => &mut *session,
            (None, _) => panic!("no ghost"),
        };
        // The ghost's session and its server's state are in one place.
        let mut session_taken =
            std::mem::replace(session, Session::new(self.shared.overrides.empty()));
        let mut cx = Context {
            now: Instant::ZERO,
            settings: &self.settings,
            shared: &mut self.shared,
            server: link.as_mut().map(|server| &mut server.state),
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
        let answer = call(&mut session_taken, &mut cx);
        if let Some(server) = link {
            server.to_model.extend(to_server.bytes(input));
            if who.is_none()
                && let Holder::Ghost(session) = &mut server.holder
            {
                *session = session_taken;
                return answer;
            }
        } else {
            assert!(to_server.is_empty());
        }
        if let Some(who) = who {
            self.clients[who].session = session_taken;
            let heard = to_client.bytes(input);
            self.clients[who].heard.extend_from_slice(heard);
            self.clients[who].hearing.hears(heard);
            self.check_heard(who);
        }
        answer
    }

    fn check_heard(&self, who: usize) {
        let client = &self.clients[who];
        let same = client.disturbed || client.expected.starts_with(&client.heard);
        assert!(same, "client {who}: {}", difference(client));
    }

    fn resume(&mut self, at: usize) {
        while !self.clients[at].gone && !self.clients[at].waits {
            let input = std::mem::take(&mut self.clients[at].parked);
            let server = self.clients[at].server;
            let foreseen = server.is_none() && self.foresees(at, &input);
            // Both ways must come to the same.
            if foreseen && self.chance.one_in(2) {
                self.clients[at].parked = input;
                self.checkout(at);
                continue;
            }
            let step = self
                .with(Some(at), server, &input, |session, cx| session.client_bytes(cx, &input))
                .unwrap_or_else(|fault| panic!("client {at}: {fault}"));
            if foreseen {
                assert_eq!((step.taken, step.ask), (0, Ask::Checkout), "client {at}");
            }
            self.clients[at].parked = input[step.taken..].to_vec();
            match step.ask {
                Ask::Nothing => return,
                Ask::Checkout => self.checkout(at),
                ask => self.server_asks(server.unwrap(), ask),
            }
        }
    }

    fn foresees(&mut self, at: usize, input: &[u8]) -> bool {
        let mark = self.with(Some(at), None, input, |session, cx| {
            session.foresee(cx.settings, &mut cx.shared.statements, &mut cx.scribe, input)
        });
        mark.is_some()
    }

    fn checkout(&mut self, at: usize) {
        let free =
            |(at, server): (usize, &Server)| matches!(server.holder, Holder::Nobody).then_some(at);
        let free: Vec<usize> = self.servers.iter().enumerate().filter_map(free).collect();
        if free.is_empty() {
            self.clients[at].waits = true;
        } else {
            let server = self.chance.pick(&free);
            self.link(at, server);
        }
    }

    fn link(&mut self, at: usize, server: usize) {
        self.servers[server].check_clean();
        self.servers[server].holder = Holder::Client(at);
        self.clients[at].server = Some(server);
        println!("    server {server} is client {at}'s");
        self.clients[at].waits = false;
        self.servers[server].state.lend(Instant::ZERO);
    }

    fn server_input(&mut self, at: usize) {
        while !self.servers[at].parked.is_empty() {
            let input = std::mem::take(&mut self.servers[at].parked);
            let who = match self.servers[at].holder {
                Holder::Client(who) => Some(who),
                Holder::Ghost(_) => None,
                Holder::Nobody => panic!("a free server speaks"),
            };
            let step =
                self.with(who, Some(at), &input, |session, cx| session.server_bytes(cx, &input));
            let Step { taken, ask } = step.unwrap_or_else(|fault| panic!("server {at}: {fault}"));
            self.servers[at].parked = input[taken..].to_vec();
            if ask == Ask::Nothing {
                return;
            }
            self.server_asks(at, ask);
        }
    }

    fn server_asks(&mut self, at: usize, ask: Ask) {
        match ask {
            Ask::Nothing | Ask::Checkout => {}
            Ask::Resume => {
                let Holder::Client(who) = self.servers[at].holder else { panic!("no client") };
                self.resume(who);
            }
            Ask::Release => self.give_back(at),
            Ask::Close(why) => panic!("closed: {why:?}"),
            Ask::Discard => {
                // Only for a client that left in the middle of a message.
                let holder = std::mem::replace(&mut self.servers[at].holder, Holder::Nobody);
                let Holder::Ghost(mut session) = holder else { panic!("discarded under a client") };
                session.end(&mut self.shared);
                self.servers[at] = Server::new(at, self.shared.overrides.empty());
                self.serve(at);
            }
        }
    }

    fn give_back(&mut self, at: usize) {
        let server = &mut self.servers[at];
        assert!(server.state.is_quiet(), "released too early");
        let unread: Vec<u8> = server.to_proxy.iter().copied().collect();
        assert!(
            server.parked.is_empty() && unread.is_empty(),
            "more: {:?} {}",
            server.parked,
            text(&unread)
        );
        // The end of a COPY that has failed, or a Flush, may be on its way: it is ignored.
        server.model.read(&server.to_model.drain(..).collect::<Vec<u8>>());
        match std::mem::replace(&mut server.holder, Holder::Nobody) {
            Holder::Client(who) => {
                self.clients[who].server = None;
                self.serve(at);
                return self.resume(who);
            }
            Holder::Ghost(mut session) => session.end(&mut self.shared),
            Holder::Nobody => panic!("released twice"),
        }
        self.serve(at);
    }

    fn serve(&mut self, at: usize) {
        self.servers[at].check_clean();
        let waiting: Vec<usize> =
            (0..self.clients.len()).filter(|&client| self.clients[client].waits).collect();
        if !waiting.is_empty() {
            let next = self.chance.pick(&waiting);
            self.link(next, at);
            self.resume(next);
        }
    }
}

/// Takes some bytes off a wire.
fn some(chance: &mut Chance, wire: &mut VecDeque<u8>) -> Vec<u8> {
    let most = if chance.one_in(3) { 1 + chance.below(8) } else { wire.len() };
    wire.drain(..most.min(wire.len())).collect()
}

fn notice(message: &str) -> Notice {
    let sqlstate = SqlState::TOO_MANY_CONNECTIONS;
    Notice { sqlstate, message: message.to_owned(), detail: String::new(), hint: String::new() }
}

fn text(bytes: &[u8]) -> String {
    super::words::take(&mut bytes.to_vec(), super::words::describe_server)
}

/// From a little before the first difference.
fn difference(client: &Client) -> String {
    let (heard, expected) = (text(&client.heard), text(&client.expected));
    let same = heard.bytes().zip(expected.bytes()).take_while(|(one, two)| one == two).count();
    let from = same.saturating_sub(60);
    let tail = |text: &str| text.get(from..).unwrap_or(text).to_owned();
    format!("heard\n  {}\nexpected\n  {}", tail(&heard), tail(&expected))
}
