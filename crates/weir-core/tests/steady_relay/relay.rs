//! A worker without sockets: clients, server connections and the pool between them.

use std::collections::VecDeque;
use std::time::Duration;

use weir_core::ids::{ClientId, PoolId, ServerId};
use weir_core::ledger::{Caller, Mark, Phase, Scribe};
use weir_core::pool::{Checkout, Claim, Effect, PoolSettings, Pools, Release};
use weir_core::session::{
    Activity, Ask, Context, Outbox, OverrideBook, ServerState, Session, SessionSettings, Shared,
    Statements, Tally,
};
use weir_core::time::Instant;

use crate::Script;
use crate::peer::{self, Server};

struct Client {
    session: Session,
    caller: Caller,
    server: Option<ServerId>,
    last: Option<ServerId>,
    /// What it has sent and its session has not taken.
    parked: Vec<u8>,
    /// Its place in the script, and how often it has run the script.
    at: usize,
    rounds: usize,
}

struct Link {
    state: ServerState,
    peer: Server,
    holder: Option<usize>,
    /// Answers on their way to the proxy.
    answers: Vec<u8>,
}

/// The worker.
pub(crate) struct Relay<'a> {
    settings: &'a SessionSettings,
    shared: Shared,
    pools: Pools,
    pool: PoolId,
    clients: Vec<Client>,
    links: Vec<Link>,
    tally: Tally,
    now: Instant,
    to_client: Outbox,
    to_server: Outbox,
    let_go: Vec<Box<[u8]>>,
    /// Clients that may speak.
    awake: VecDeque<usize>,
}

impl<'a> Relay<'a> {
    /// `clients`, which call themselves `application`, over `servers` open connections of `pools`,
    /// which are new.
    pub(crate) fn new(
        mut pools: Pools,
        clients: usize,
        servers: u32,
        application: &str,
        settings: &'a SessionSettings,
    ) -> Self {
        let overrides = OverrideBook::default();
        let empty = overrides.empty();
        let client = |_| Client {
            session: Session::new(empty.clone()),
            caller: Caller::new(application, "app", "app"),
            server: None,
            last: None,
            parked: Vec::new(),
            at: 0,
            rounds: 0,
        };
        let budget = pools.add_budget(servers, Duration::from_millis(100));
        let pool = pools.add_pool(
            &[budget],
            PoolSettings { size_max: servers, size_min: servers, ..PoolSettings::default() },
        );
        let clients = (0..clients).map(client).collect();
        let mut relay = Self {
            settings,
            shared: Shared { statements: Statements::new(1, 100), overrides },
            pools,
            pool,
            clients,
            links: Vec::new(),
            tally: Tally::default(),
            now: Instant::ZERO,
            to_client: Outbox::default(),
            to_server: Outbox::default(),
            let_go: Vec::new(),
            awake: VecDeque::new(),
        };
        while relay.links.len() < servers as usize {
            relay.open();
        }
        relay
    }

    /// Transactions that have ended.
    pub(crate) fn transactions(&self) -> u64 {
        self.tally.transactions
    }

    /// Lets every client run the script so often.
    pub(crate) fn run(&mut self, script: Script, rounds: usize) {
        for at in 0..self.clients.len() {
            (self.clients[at].at, self.clients[at].rounds) = (0, rounds);
            if !script.is_empty() {
                self.awake.push_back(at);
            }
        }
        loop {
            self.now = self.now + Duration::from_micros(20);
            if let Some(at) = self.awake.pop_front() {
                self.speak(at, script);
            } else if let Some(at) = self.links.iter().position(|it| !it.answers.is_empty()) {
                self.hear(at);
            } else {
                break;
            }
            self.perform();
        }
        assert!(script.is_empty() || self.clients.iter().all(|client| client.rounds == 0));
    }

    /// Opens the connections that the pool asks for.
    fn open(&mut self) {
        self.now = self.pools.deadline().unwrap_or(self.now).max(self.now);
        self.pools.tick(self.now);
        while let Some(effect) = self.pools.poll_effect() {
            let Effect::Dial { dial, .. } = effect else { panic!("{effect:?}") };
            let server = self.pools.connected(self.now, dial).unwrap();
            assert_eq!(server.0 as usize, self.links.len());
            let state = ServerState::new(self.shared.overrides.empty());
            let peer = Server::new();
            self.links.push(Link { state, peer, holder: None, answers: Vec::new() });
        }
    }

    /// The client sends the next part of its script.
    fn speak(&mut self, at: usize, script: Script) {
        let client = &mut self.clients[at];
        assert!(client.parked.is_empty(), "it speaks before it is answered");
        script[client.at](&mut client.parked);
        client.at += 1;
        if client.at == script.len() {
            (client.at, client.rounds) = (0, client.rounds - 1);
        }
        self.offer(at);
    }

    /// Offers what is parked to the session until that wants no more.
    fn offer(&mut self, at: usize) {
        let input = std::mem::take(&mut self.clients[at].parked);
        let mut taken = 0;
        if self.clients[at].server.is_none()
            && let Some(mark) = self.foresee(at, &input)
            && !self.checkout(at, mark)
        {
            self.clients[at].parked = input;
            return;
        }
        loop {
            let rest = &input[taken..];
            let step = self.with(at, |session, cx| session.client_bytes(cx, rest).unwrap());
            self.flush(at, rest);
            taken += step.taken;
            match step.ask {
                Ask::Checkout => {
                    let mark = self.clients[at].session.take_claim();
                    if !self.checkout(at, mark.expect("the text could be read")) {
                        break;
                    }
                }
                Ask::Nothing => break,
                other => panic!("{other:?}"),
            }
        }
        let mut input = input;
        input.drain(..taken);
        self.clients[at].parked = input;
    }

    fn foresee(&mut self, at: usize, input: &[u8]) -> Option<Mark> {
        let client = &mut self.clients[at];
        let mut scribe = Scribe {
            ledger: self.pools.ledger_mut(),
            caller: Some(&mut client.caller),
            server: None,
        };
        client.session.foresee(self.settings, &mut self.shared.statements, &mut scribe, input)
    }

    fn checkout(&mut self, at: usize, mark: Mark) -> bool {
        let client = ClientId(u32::try_from(at).unwrap());
        let claim = Claim { client, class: mark.class, affinity: self.clients[at].last, user: 0 };
        match self.pools.checkout(self.now, self.pool, claim) {
            Checkout::Granted(server) => {
                self.link(at, server);
                true
            }
            Checkout::Queued(_) => false,
            Checkout::Refused(refusal) => panic!("{refusal:?}"),
        }
    }

    fn link(&mut self, at: usize, server: ServerId) {
        let client = &mut self.clients[at];
        (client.server, client.last) = (Some(server), Some(server));
        self.links[server.0 as usize].holder = Some(at);
        self.links[server.0 as usize].state.lend(self.now);
    }

    /// Passes on what a server has answered.
    fn hear(&mut self, at: usize) {
        let answers = std::mem::take(&mut self.links[at].answers);
        let holder = self.links[at].holder.expect("nobody asked");
        let step = self.with(holder, |session, cx| session.server_bytes(cx, &answers).unwrap());
        assert_eq!(step.taken, answers.len());
        self.flush(holder, &answers);
        let mut answers = answers;
        answers.clear();
        // What follows may have been asked for meanwhile: keep the larger buffer.
        if self.links[at].answers.is_empty() {
            self.links[at].answers = answers;
        }
        match step.ask {
            Ask::Release => {
                self.links[at].holder = None;
                self.clients[holder].server = None;
                let server = ServerId(u32::try_from(at).unwrap());
                self.pools.release(self.now, server, Release::Reusable);
            }
            Ask::Nothing => self.book(at),
            other => panic!("{other:?}"),
        }
    }

    /// Tells the ledger what a server connection does now, as a worker does.
    fn book(&mut self, at: usize) {
        if !self.pools.ledger().is_on() {
            return;
        }
        let phase = match self.links[at].state.activity() {
            Activity::Idle => Phase::PinnedIdle,
            Activity::Executing => Phase::Executing,
            Activity::CopyIn => Phase::CopyIn,
            Activity::IdleInTransaction => Phase::IdleInTransaction,
        };
        let server = ServerId(u32::try_from(at).unwrap());
        self.pools.ledger_mut().enter(self.now, server, phase);
    }

    /// Nanoseconds by which the ledger's phases differ from the open time, and gaps it has seen.
    pub(crate) fn ledger(&mut self) -> (u128, u64) {
        let snapshot = self.pools.ledger_mut().snapshot(self.now, 0);
        (snapshot.drift_nanos(), snapshot.gaps.iter().map(|gap| gap.sums.count).sum())
    }

    /// Sends what the last call of this client's session left. A client that is answered goes on.
    fn flush(&mut self, at: usize, input: &[u8]) {
        let client = &self.clients[at];
        if let Some(server) = client.server {
            let link = &mut self.links[server.0 as usize];
            link.peer.answer(self.to_server.bytes(input), &mut link.answers);
        }
        let goes_on = client.at > 0 || client.rounds > 0;
        if goes_on && peer::ends_a_reply(self.to_client.bytes(input)) {
            self.awake.push_back(at);
        }
        self.to_server.clear();
        self.to_client.clear();
    }

    fn perform(&mut self) {
        while let Some(effect) = self.pools.poll_effect() {
            let Effect::Grant { client, server, .. } = effect else { panic!("{effect:?}") };
            self.link(client.0 as usize, server);
            self.offer(client.0 as usize);
        }
    }

    fn with<R>(&mut self, at: usize, call: impl FnOnce(&mut Session, &mut Context<'_>) -> R) -> R {
        let client = &mut self.clients[at];
        let link = client.server.map(|server| &mut self.links[server.0 as usize]);
        let mut cx = Context {
            now: self.now,
            settings: self.settings,
            shared: &mut self.shared,
            server: link.map(|link| &mut link.state),
            to_client: &mut self.to_client,
            to_server: &mut self.to_server,
            tally: &mut self.tally,
            scribe: Scribe {
                ledger: self.pools.ledger_mut(),
                caller: Some(&mut client.caller),
                server: client.server,
            },
            let_go: &mut self.let_go,
        };
        call(&mut client.session, &mut cx)
    }
}
