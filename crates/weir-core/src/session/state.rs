//! The session itself, what it is given for a call, and what it answers.

use std::rc::Rc;

use thiserror::Error;
use weir_wire::build::{self, BuildError};
use weir_wire::error::{Report, SqlState};
use weir_wire::frame::Malformed;
use weir_wire::message::TransactionStatus;

use crate::ledger::{Mark, Scribe};
use crate::session::encoding;
use crate::session::greeting::Welcome;
use crate::session::names::Names;
use crate::session::outbox::Outbox;
use crate::session::overrides::{OverrideBook, OverrideSet};
use crate::session::samples::Hint;
use crate::session::server::{Rest, ServerState};
use crate::session::settings::SessionSettings;
use crate::session::statements::{Look, StatementId, Statements};
use crate::time::Instant;

/// One client's conversation. See the module for the contract.
#[derive(Debug)]
pub struct Session {
    /// The settings that the client's session has beyond the server login's.
    pub(super) overrides: OverrideSet,
    /// Those it asked for when it connected: what RESET gives.
    pub(super) startup: OverrideSet,
    /// What the client's statement names mean. Boxed, because most idle clients have none.
    pub(super) names: Option<Box<Names>>,
    /// What the client's unnamed statement is.
    pub(super) unnamed: Option<StatementId>,
    /// The transaction, as far as no server connection knows of it.
    pub(super) local: Local,
    /// The client's message under way.
    pub(super) rest: Rest,
    /// Messages to drop.
    pub(super) skip: Skip,
    /// Session state that only the leased server connection has.
    pub(super) pins: Pins,
    /// It is among the pinned clients of its pool's tally.
    pub(super) counted: bool,
    /// The server connection is to be put in order once the client's message has passed.
    pub(super) late: bool,
    /// The client has left; only the server connection is being put in order.
    pub(super) gone: bool,
    /// Where to find the client's last text.
    pub(super) hint: Hint,
    /// The message that asked for a server connection; used if its bytes come again next.
    pub(super) asked: Option<Asked>,
}

/// What was found out about the message that asked for a server connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) said: Said,
    /// Whose the request is, if it could be read.
    pub(super) mark: Option<Mark>,
    /// The worker knows whose it is.
    pub(super) told: bool,
    /// Bytes of the message, if it was foreseen; else 0.
    pub(super) len: usize,
}

/// What asked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Said {
    /// A text of this meaning.
    Text(Look),
    /// The Parse of the client's unnamed statement, once more, while it has this [scope].
    ///
    /// [scope]: Statements::scope
    Again { look: Look, scope: u64 },
    /// A statement that was prepared.
    Statement(Option<StatementId>),
}

/// The transaction, as far as no server connection knows of it.
#[derive(Debug, Default)]
pub(super) enum Local {
    /// None, or the server connection knows.
    #[default]
    Idle,
    /// BEGIN was answered; no server connection has seen it.
    Deferred,
    /// The transaction is lost; the client has not ended it yet.
    Failed(Box<Failure>),
}

/// Why a transaction is lost, told to the client at each statement until it rolls back.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) notice: Notice,
    pub(super) cause: Lost,
    /// A Parse or Bind of the transaction's end was answered: the next Execute is its.
    pub(super) ending: Option<Ending>,
}

/// How a transaction was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// Its first statement was refused a server connection, and the client was told so. From then
    /// on it is a failed transaction as any other.
    Refused,
    /// It was rolled back while its client did something else. Each statement is told why, and
    /// COMMIT above all: many drivers take `ROLLBACK` in answer to it for success.
    Evicted,
}

/// How a client ends a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// By COMMIT or PREPARE TRANSACTION.
    Commit,
    /// By ROLLBACK.
    Rollback,
}

/// An error report that is kept for later.
#[derive(Debug, Clone)]
pub struct Notice {
    /// The code.
    pub sqlstate: SqlState,
    /// One sentence: what happened.
    pub message: String,
    /// Facts behind it; empty when there are none.
    pub detail: String,
    /// What to do about it; empty when there is nothing.
    pub hint: String,
}

impl Notice {
    /// The report to send, as an error that leaves the connection alive or not.
    #[must_use]
    pub fn report(&self, fatal: bool) -> Report<'_> {
        let report = if fatal {
            Report::fatal(self.sqlstate, &self.message)
        } else {
            Report::error(self.sqlstate, &self.message)
        };
        let some = |text: &str| !text.is_empty();
        Report {
            detail: Some(self.detail.as_str()).filter(|t| some(t)),
            hint: Some(self.hint.as_str()).filter(|t| some(t)),
            ..report
        }
    }
}

/// Client messages to drop because their request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Skip {
    /// None.
    #[default]
    No,
    /// One simple query, or the extended messages up to the next Sync.
    Request,
    /// The extended messages up to the next Sync.
    UntilSync,
}

/// Session state that keeps a client on its server connection beyond a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pins(pub(super) u8);

impl Pins {
    /// Session-level advisory locks.
    pub const LOCK: Self = Self(1);
    /// Channels listened to.
    pub const LISTEN: Self = Self(1 << 1);
    /// Cursors WITH HOLD.
    pub const CURSOR: Self = Self(1 << 2);
    /// Statements prepared by SQL.
    pub const PREPARED: Self = Self(1 << 3);
    /// Temporary tables.
    pub const TEMP: Self = Self(1 << 4);
    /// A library was loaded, or something else that nobody can ask for was left.
    pub const OTHER: Self = Self(1 << 5);
    /// More settings than can follow the client.
    pub const SETTINGS: Self = Self(1 << 7);
    /// Texts that cannot be read byte by byte: an encoding with quotes inside of characters, or
    /// backslashes that escape in plain strings.
    pub const TEXT: Self = Self(1 << 6);

    /// Nothing pins.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds a reason.
    pub fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Adds or removes a reason. Returns whether it was there.
    pub(super) fn set(&mut self, other: Self, there: bool) -> bool {
        let was = self.contains(other);
        self.0 = if there { self.0 | other.0 } else { self.0 & !other.0 };
        was
    }

    /// Whether `other`'s reasons are all there.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The reasons in words, for people.
    #[must_use]
    pub fn describe(self) -> String {
        const WORDS: [(Pins, &str); 7] = [
            (Pins::LOCK, "advisory lock"),
            (Pins::LISTEN, "listen"),
            (Pins::CURSOR, "cursor with hold"),
            (Pins::PREPARED, "sql prepare"),
            (Pins::TEMP, "temporary table"),
            (Pins::OTHER, "session function"),
            (Pins::TEXT, "encoding"),
        ];
        let words: Vec<_> =
            WORDS.iter().filter(|(pin, _)| self.contains(*pin)).map(|(_, word)| *word).collect();
        words.join(", ")
    }
}

/// What all sessions of one worker share.
#[derive(Debug)]
pub struct Shared {
    /// Statement texts.
    pub statements: Statements,
    /// Override sets.
    pub overrides: OverrideBook,
}

/// Counts of one pool, for the ledger and the console.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Transactions that ended.
    pub transactions: u64,
    /// Statements sent: simple queries and Executes.
    pub queries: u64,
    /// Parse messages from clients.
    pub client_parses: u64,
    /// Parse messages to servers.
    pub server_parses: u64,
    /// Bind messages.
    pub binds: u64,
    /// Nanoseconds between a statement and the end of its reply.
    pub query_ns: u64,
    /// Nanoseconds between the first statement of a transaction and its end.
    pub transaction_ns: u64,
    /// Clients pinned to a server connection at this moment.
    pub pinned: u32,
}

impl Tally {
    /// Adds what another worker counted for the same pool.
    pub fn add(&mut self, other: &Self) {
        self.transactions += other.transactions;
        self.queries += other.queries;
        self.client_parses += other.client_parses;
        self.server_parses += other.server_parses;
        self.binds += other.binds;
        self.query_ns += other.query_ns;
        self.transaction_ns += other.transaction_ns;
        self.pinned += other.pinned;
    }
}

/// What a session is given for one call.
#[derive(Debug)]
pub struct Context<'a> {
    /// The time.
    pub now: Instant,
    /// How clients of this pool are treated.
    pub settings: &'a SessionSettings,
    /// What sessions share.
    pub shared: &'a mut Shared,
    /// The leased server connection, if there is one.
    pub server: Option<&'a mut ServerState>,
    /// What goes to the client.
    pub to_client: &'a mut Outbox,
    /// What goes to the server.
    pub to_server: &'a mut Outbox,
    /// The pool's counts.
    pub tally: &'a mut Tally,
    /// The ledger, and whose entry in it this is.
    pub scribe: Scribe<'a>,
    /// Databases whose idle connections must be closed before anything is sent to the server.
    pub let_go: &'a mut Vec<Box<[u8]>>,
}

/// The answer of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Bytes of the input that were dealt with; the rest is to be offered again.
    pub taken: usize,
    /// What the session wants.
    pub ask: Ask,
}

/// What a session wants of the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Nothing but more bytes.
    Nothing,
    /// A server connection. Answered by [`ServerState::lend`] or [`Session::refused`]; after either
    /// the bytes not taken are offered again.
    Checkout,
    /// The server connection has the client's settings now: the client's bytes that were not taken
    /// are to be offered again.
    Resume,
    /// The server connection may be given to somebody else.
    Release,
    /// The client connection is to be closed once what is in its outbox has been sent.
    Close(CloseReason),
    /// The server connection cannot be used any more; close it. The client, if any, is to be
    /// closed as well.
    Discard,
}

/// Why a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The client said goodbye.
    Goodbye,
    /// The client's settings cannot be set on the server; it has been told.
    SettingsRefused,
    /// Too many clients are pinned; it has been told.
    TooManyPins,
    /// Too many prepared statements; it has been told.
    TooManyStatements,
}

/// A peer broke the protocol; the connection cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    /// The client did.
    #[error("client: {0}")]
    Client(Malformed),
    /// The server did.
    #[error("server: {0}")]
    Server(Malformed),
    /// The client's message is longer than the settings allow.
    #[error("a message of {bytes} bytes is longer than limits.message_size_max ({max} bytes)")]
    TooLarge {
        /// The message's length.
        bytes: u64,
        /// The longest allowed.
        max: u64,
    },
    /// A message of our own would be longer than the protocol allows.
    #[error("{0}")]
    TooLong(#[from] BuildError),
}

impl Fault {
    /// The code the client is told.
    #[must_use]
    pub const fn sqlstate(&self) -> SqlState {
        match self {
            Self::Client(_) | Self::Server(_) | Self::TooLong(_) => SqlState::PROTOCOL_VIOLATION,
            Self::TooLarge { .. } => SqlState::PROGRAM_LIMIT_EXCEEDED,
        }
    }
}

impl Session {
    /// A client that asked for `startup` settings in its startup packet.
    #[must_use]
    pub fn new(startup: OverrideSet) -> Self {
        let mut pins = Pins::default();
        pins.set(Pins::TEXT, encoding::is_unreadable(&startup));
        Self {
            overrides: Rc::clone(&startup),
            startup,
            names: None,
            unnamed: None,
            local: Local::Idle,
            rest: Rest::default(),
            skip: Skip::No,
            pins,
            counted: false,
            late: false,
            gone: false,
            hint: Hint::default(),
            asked: None,
        }
    }

    /// Appends what the client is to be told at the end of its login.
    ///
    /// # Errors
    /// [`Fault::TooLong`] when a parameter is longer than a message may be.
    pub fn greet(
        &self,
        out: &mut Vec<u8>,
        welcome: &mut Welcome,
        pid: i32,
        secret: &[u8],
    ) -> Result<(), Fault> {
        welcome.write(out, &self.startup, pid, secret)
    }

    /// No server connection could be had. The client is told on its live connection; the request
    /// that asked is dropped, and a deferred transaction is lost.
    pub fn refused(&mut self, cx: &mut Context<'_>, notice: &Notice) {
        build::error_response(cx.to_client.own(&[]), &notice.report(false));
        if matches!(self.local, Local::Deferred) {
            self.local = Local::refused(notice.clone());
        }
        self.skip = Skip::Request;
    }

    /// The client is in no transaction and in the middle of nothing.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.local, Local::Idle) && self.rest.left == 0 && self.skip == Skip::No
    }

    /// Whose the request is that asked for a server connection; told once.
    #[inline]
    pub fn take_claim(&mut self) -> Option<Mark> {
        let asked = self.asked.as_mut()?;
        if std::mem::replace(&mut asked.told, true) {
            return None;
        }
        asked.mark
    }

    /// What the text means that asked for a server connection, if it comes again now.
    #[inline]
    pub(super) fn asked_look(&self) -> Option<Look> {
        match self.asked.as_ref()?.said {
            Said::Text(look) | Said::Again { look, .. } => Some(look),
            Said::Statement(_) => None,
        }
    }

    /// Whose the message is that asked for a server connection, if it comes again now.
    #[inline]
    pub(super) fn asked_mark(&self) -> Option<Mark> {
        self.asked.as_ref()?.mark
    }

    /// Why the client keeps its server connection, if it does.
    #[must_use]
    pub fn pins(&self) -> Pins {
        self.pins
    }

    /// Statements the client has prepared under a name.
    #[must_use]
    pub fn statements_len(&self) -> usize {
        self.names.as_ref().map_or(0, |names| names.len())
    }

    /// Gives back what the session shares with others. Must be called once, at its end.
    pub fn end(&mut self, shared: &mut Shared) {
        if let Some(names) = self.names.take() {
            names.end(&mut shared.statements);
        }
        self.forget_unnamed(&mut shared.statements);
    }

    /// The unnamed statement is gone.
    #[inline]
    pub(super) fn forget_unnamed(&mut self, all: &mut Statements) {
        if let Some(id) = self.unnamed.take() {
            all.release(id);
        }
    }

    /// The client's names, made when they are first needed.
    pub(super) fn names_mut(&mut self, all: &Statements) -> &mut Names {
        self.names.get_or_insert_with(|| Box::new(Names::new(all.seed())))
    }

    /// The status byte the client is told while no server connection is leased.
    pub(super) fn local_status(&self) -> TransactionStatus {
        match self.local {
            Local::Idle => TransactionStatus::Idle,
            Local::Deferred => TransactionStatus::InTransaction,
            Local::Failed(_) => TransactionStatus::Failed,
        }
    }
}

impl Local {
    /// A transaction that was refused at its first statement.
    pub(super) fn refused(notice: Notice) -> Self {
        Self::Failed(Box::new(Failure { notice, cause: Lost::Refused, ending: None }))
    }

    /// A transaction that was evicted.
    pub(super) fn evicted(notice: Notice) -> Self {
        Self::Failed(Box::new(Failure { notice, cause: Lost::Evicted, ending: None }))
    }
}
