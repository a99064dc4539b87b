//! A session between a client and a server that both say anything, and its evictions: it must not
//! panic, take more than it is offered, release what is not quiet, or keep statements.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_core::ledger::{Caller, Ledger, Scribe};
use weir_core::session::{
    Ask, Context, Evicted, Fault, Notice, Outbox, OverrideBook, ServerState, Session,
    SessionSettings, Shared, Statements, Step, Tally,
};
use weir_core::time::Instant;
use weir_wire::error::SqlState;

/// Statements that are remembered though nobody uses them.
const UNUSED_MAX: usize = 8;

fuzz_target!(|turns: Vec<(u8, Vec<u8>)>| {
    let mut world = World::new();
    for (kind, bytes) in turns {
        let goes_on = match kind % 8 {
            0..=2 => world.client_says(&bytes),
            3..=5 => world.server_says(&bytes),
            6 => world.evict(),
            _ => world.refuse(),
        };
        if goes_on.is_none() {
            break;
        }
    }
    world.end();
});

/// Who has the server connection.
enum Holder {
    Nobody,
    Client,
    /// The session that puts it in order after an eviction.
    Ghost(Session),
}

/// One client, one server connection, and what has not been taken of their bytes.
struct World {
    settings: SessionSettings,
    shared: Shared,
    session: Session,
    server: ServerState,
    holder: Holder,
    from_client: Vec<u8>,
    from_server: Vec<u8>,
    /// The next request for the server connection is refused.
    refuses: bool,
    tally: Tally,
    ledger: Ledger,
    caller: Caller,
}

/// `None`: a connection is over, and with it the story.
type GoesOn = Option<()>;

impl World {
    fn new() -> Self {
        let statements = Statements::new(1, UNUSED_MAX);
        let shared = Shared { statements, overrides: OverrideBook::default() };
        let empty = shared.overrides.empty();
        Self {
            settings: SessionSettings::default(),
            shared,
            session: Session::new(empty.clone()),
            server: ServerState::new(empty),
            holder: Holder::Nobody,
            from_client: Vec::new(),
            from_server: Vec::new(),
            refuses: false,
            tally: Tally::default(),
            ledger: Ledger::new(1),
            caller: Caller::new("", "a", "a"),
        }
    }

    fn client_says(&mut self, bytes: &[u8]) -> GoesOn {
        self.from_client.extend_from_slice(bytes);
        self.offer_clients()
    }

    /// Offers the client's bytes until nothing more is asked for.
    fn offer_clients(&mut self) -> GoesOn {
        loop {
            let input = std::mem::take(&mut self.from_client);
            let step = self.with_client(|session, cx| session.client_bytes(cx, &input));
            let ask = keep(step, &input, &mut self.from_client)?;
            match ask {
                Ask::Nothing => return Some(()),
                Ask::Checkout => self.check_out(),
                Ask::Resume | Ask::Release | Ask::Close(_) | Ask::Discard => self.answer(ask)?,
            }
        }
    }

    fn server_says(&mut self, bytes: &[u8]) -> GoesOn {
        self.from_server.extend_from_slice(bytes);
        loop {
            let input = std::mem::take(&mut self.from_server);
            let step = match self.holder {
                Holder::Nobody => {
                    let taken = self.server.idle_bytes(&input)?;
                    Ok(Step { taken, ask: Ask::Nothing })
                }
                Holder::Client => self.with_client(|session, cx| session.server_bytes(cx, &input)),
                Holder::Ghost(_) => self.with_ghost(|ghost, cx| ghost.server_bytes(cx, &input))?,
            };
            let ask = keep(step, &input, &mut self.from_server)?;
            match ask {
                Ask::Nothing | Ask::Checkout => return Some(()),
                Ask::Resume | Ask::Release | Ask::Close(_) | Ask::Discard => self.answer(ask)?,
            }
        }
    }

    fn check_out(&mut self) {
        let free = matches!(self.holder, Holder::Nobody);
        if free && !std::mem::take(&mut self.refuses) {
            self.holder = Holder::Client;
            self.server.lend(Instant::ZERO);
        } else {
            self.with_client(|session, cx| session.refused(cx, &notice()));
        }
    }

    fn answer(&mut self, ask: Ask) -> GoesOn {
        match ask {
            Ask::Nothing | Ask::Checkout => Some(()),
            Ask::Resume => self.offer_clients(),
            Ask::Release => {
                assert!(self.server.is_quiet());
                let holder = std::mem::replace(&mut self.holder, Holder::Nobody);
                if let Holder::Ghost(mut ghost) = holder {
                    ghost.end(&mut self.shared);
                }
                Some(())
            }
            Ask::Close(_) | Ask::Discard => None,
        }
    }

    fn evict(&mut self) -> GoesOn {
        if !matches!(self.holder, Holder::Client) {
            return Some(());
        }
        match self.with_client(|session, cx| session.evict(cx, notice())).ok()? {
            Evicted::No(_) | Evicted::InPlace => Some(()),
            Evicted::HandedOver(heir) => {
                self.holder = Holder::Ghost(*heir);
                let ask = self.with_ghost(|ghost, cx| ghost.take_over(cx))?.ok()?;
                self.answer(ask)
            }
        }
    }

    fn refuse(&mut self) -> GoesOn {
        self.refuses = true;
        Some(())
    }

    fn end(mut self) {
        self.session.end(&mut self.shared);
        if let Holder::Ghost(ghost) = &mut self.holder {
            ghost.end(&mut self.shared);
        }
        assert!(self.shared.statements.len() <= UNUSED_MAX, "statements are given back");
    }

    fn with_client<R>(&mut self, call: impl FnOnce(&mut Session, &mut Context<'_>) -> R) -> R {
        let leased = matches!(self.holder, Holder::Client);
        let empty = self.shared.overrides.empty();
        let mut session = std::mem::replace(&mut self.session, Session::new(empty));
        let answer = self.with(&mut session, leased, call);
        self.session = session;
        answer
    }

    fn with_ghost<R>(
        &mut self,
        call: impl FnOnce(&mut Session, &mut Context<'_>) -> R,
    ) -> Option<R> {
        match std::mem::replace(&mut self.holder, Holder::Nobody) {
            Holder::Ghost(mut ghost) => {
                let answer = self.with(&mut ghost, true, call);
                self.holder = Holder::Ghost(ghost);
                Some(answer)
            }
            Holder::Nobody | Holder::Client => None,
        }
    }

    fn with<R>(
        &mut self,
        session: &mut Session,
        leased: bool,
        call: impl FnOnce(&mut Session, &mut Context<'_>) -> R,
    ) -> R {
        let (mut to_client, mut to_server) = (Outbox::default(), Outbox::default());
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
                server: None,
            },
            let_go: &mut Vec::new(),
        };
        let answer = call(session, &mut cx);
        assert!(leased || to_server.is_empty(), "sent to a server connection it does not have");
        answer
    }
}

/// Keeps what was not taken; what is asked, unless a peer broke the protocol.
fn keep(step: Result<Step, Fault>, input: &[u8], rest: &mut Vec<u8>) -> Option<Ask> {
    let Step { taken, ask } = step.ok()?;
    rest.extend_from_slice(&input[taken..]);
    Some(ask)
}

fn notice() -> Notice {
    let message = "evicted or refused".to_owned();
    let sqlstate = SqlState::IDLE_IN_TRANSACTION_TIMEOUT;
    Notice { sqlstate, message, detail: String::new(), hint: String::new() }
}
