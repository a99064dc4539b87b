//! The ledger of one worker.

use std::time::Duration;

use super::account::{Account, Queued, shape_with};
use super::class::{ClassKind, WaitEnd};
use super::conservation::OpenTime;
use super::gap::Gaps;
use super::histogram::Histogram;
use super::names::{Caller, NOBODY, Names};
use super::phase::{Phase, PoolTimes};
use super::texts::{Mark, NONE, Said, Texts};
use crate::config::limits::LEDGER_STATEMENTS_AHEAD;
use crate::ids::{ClassId, PoolId, ServerId};
use crate::pool::State;
use crate::time::Instant;

/// One entry for each server connection, and the sums of what they were charged.
///
/// # Contract
/// - The pools tell of every slot: `opened`, `moved`, `held`, `closed`; and of every claim.
/// - Sessions tell of every statement ([`Scribe`]) and of the end of requests.
/// - The worker tells with [`Ledger::enter`] what a leased connection does after each of its
///   turns, as [`crate::session::ServerState::activity`] has it.
/// - The time never goes back. What does not fit the account is ignored.
/// - One that is off ([`Ledger::off`]) can be told all the same: it reads no text and keeps no
///   account. Every claim is of one class, `other`; claims and waits are counted there.
///
/// A transition takes constant time, and allocates nothing but for a class, statement or gap
/// that was not seen lately.
#[derive(Debug)]
pub struct Ledger {
    pub(super) on: bool,
    pub(super) names: Names,
    pub(super) texts: Texts,
    pub(super) gaps: Gaps,
    pub(super) accounts: Vec<Account>,
    pub(super) pools: PoolTimes,
    pub(super) visits: [Histogram; Phase::COUNT],
    /// Counted by the pools, apart from the accounts.
    pub(crate) open: OpenTime,
}

/// Bytes of a tag, its final zero included, that can count ten thousand rows and more:
/// `SELECT 10000`. Shorter ones are not worth another look.
pub const LONG_TAG: usize = 13;

/// What a session tells the ledger with.
#[derive(Debug)]
pub struct Scribe<'a> {
    /// The ledger.
    pub ledger: &'a mut Ledger,
    /// Who speaks; nobody when a connection is put in order.
    pub caller: Option<&'a mut Caller>,
    /// The leased server connection.
    pub server: Option<ServerId>,
}

impl Scribe<'_> {
    /// Reads a text of the client's, with its template; none for one that is too long.
    #[inline]
    pub fn read(&mut self, text: Option<(&[u8], u64)>) -> Option<Mark> {
        match text {
            Some((text, template)) => self.read_text(text, template),
            None => Some(self.ledger.unread(self.caller.as_deref_mut()?)),
        }
    }

    /// Reads a text of the client's, with its template.
    #[inline]
    pub(crate) fn read_text(&mut self, text: &[u8], template: u64) -> Option<Mark> {
        let caller = self.caller.as_deref_mut()?;
        Some(self.ledger.read(text, template, caller))
    }

    /// A mark that was made before, while it holds.
    #[inline]
    #[must_use]
    pub fn recall(&self, known: Option<Mark>) -> Option<Mark> {
        known.filter(|mark| self.ledger.is_current(*mark))
    }

    /// A statement of the client's goes to the server connection. `due`: how many requests of the
    /// lease will have been answered when its turn comes; none when that is now.
    #[inline]
    pub fn sent(&mut self, now: Instant, mark: Mark, due: Option<u32>) {
        if let Some(server) = self.server {
            self.ledger.statement(now, server, mark, due);
        }
    }

    /// A statement of the transaction under way gave so many rows. Told of very many only: of tags
    /// of [`LONG_TAG`] bytes and more.
    #[cold]
    pub fn rows(&mut self, rows: u64) {
        if let Some(server) = self.server {
            self.ledger.rows(server, rows);
        }
    }

    /// So many requests of the lease were answered now; `idle`: no transaction is open.
    #[inline]
    pub fn answered(&mut self, now: Instant, done: u32, idle: bool) {
        if let Some(server) = self.server {
            self.ledger.answered(now, server, done, idle);
        }
    }
}

impl Ledger {
    /// An empty ledger. `seed` keys the hashes of texts and names, so that nobody can provoke
    /// collisions.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            on: true,
            names: Names::new(seed),
            texts: Texts::new(seed),
            gaps: Gaps::new(seed),
            accounts: Vec::new(),
            pools: PoolTimes::default(),
            visits: std::array::from_fn(|_| Histogram::default()),
            open: OpenTime::default(),
        }
    }

    /// One that keeps no accounts.
    #[must_use]
    pub fn off() -> Self {
        Self { on: false, ..Self::new(0) }
    }

    /// Whether accounts are kept.
    #[inline]
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.on
    }

    /// Finds out whose a text is, and which statement. `template` is the text's, as
    /// [`weir_wire::sql::template`] gives it.
    #[inline]
    pub fn read(&mut self, text: &[u8], template: u64, caller: &mut Caller) -> Mark {
        if !self.on {
            return Mark::OTHER;
        }
        let Said { statement, tag, user } = self.texts.read(text, template, &mut self.names);
        let class = tag.unwrap_or_else(|| {
            let texts = &self.texts;
            self.names.of_caller(caller, |names| {
                let first = texts.get(statement);
                let shape = shape_with(0, first.fingerprint.0);
                names.of_shape(shape, || describe(&first.text, 1, shape))
            })
        });
        let evictions = self.evictions();
        Mark { class: ClassId(class), tagged: tag.is_some(), user, statement, evictions }
    }

    /// Whether a mark still holds: no class and no statement gave its place to another since.
    #[inline]
    #[must_use]
    pub const fn is_current(&self, mark: Mark) -> bool {
        mark.evictions == self.evictions()
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "what comes between is below 2^32")]
    const fn evictions(&self) -> u32 {
        self.names.evicted().wrapping_add(self.texts.evicted()) as u32
    }

    /// Finds out whose a statement is that cannot be read.
    pub fn unread(&mut self, caller: &mut Caller) -> Mark {
        if !self.on {
            return Mark::OTHER;
        }
        let class = self.names.of_caller(caller, |names| names.of_shape(0, || UNREAD.to_owned()));
        let evictions = self.evictions();
        Mark { class: ClassId(class), tagged: false, user: 0, statement: NONE, evictions }
    }

    /// A client asks for a slot.
    #[inline]
    pub(crate) fn claimed(&mut self, class: ClassId) {
        let class = self.names.known(class);
        self.names.get_mut(class).sums.claims += 1;
    }

    /// A client asks for a slot, and has this one at once.
    #[inline]
    pub(crate) fn served(&mut self, now: Instant, slot: u32, class: ClassId) {
        let class = self.names.known(class);
        let sums = &mut self.names.get_mut(class).sums;
        sums.claims += 1;
        sums.granted.count += 1;
        self.lend_to(now, slot, class);
    }

    /// A claim waits.
    pub(crate) fn queued(&mut self, class: ClassId) {
        let class = self.names.known(class);
        self.names.retain(class);
        self.names.get_mut(class).waiting += 1;
    }

    /// A claim that waited does so no more.
    pub(crate) fn unqueued(&mut self, class: ClassId, end: WaitEnd, span: Duration) {
        self.waited(class, end, span);
        let class = self.names.known(class);
        let waiting = &mut self.names.get_mut(class).waiting;
        *waiting = waiting.saturating_sub(1);
        self.names.release(class);
    }

    /// A claim was answered after so long.
    #[inline]
    pub(crate) fn waited(&mut self, class: ClassId, end: WaitEnd, span: Duration) {
        let class = self.names.known(class);
        self.names.get_mut(class).sums.waited(end, span);
    }

    /// A pool begins, perhaps with the number of one that is gone.
    pub(crate) fn pool_added(&mut self, pool: PoolId) {
        self.pools.add(pool);
    }

    /// A server connection is being opened.
    pub(crate) fn opened(&mut self, now: Instant, slot: u32, pool: PoolId) {
        if !self.on {
            return;
        }
        let at = slot as usize;
        if self.accounts.len() <= at {
            let vacant = || Account { live: false, ..Account::connecting(now, pool) };
            self.accounts.resize_with(at + 1, vacant);
        }
        debug_assert!(!self.accounts[at].live, "slot {slot} is open twice");
        self.accounts[at] = Account::connecting(now, pool);
    }

    /// A slot enters a state of its pool. What its transaction was is over.
    pub(crate) fn moved(&mut self, now: Instant, slot: u32, state: State) {
        match Phase::entering(state) {
            Phase::Idle => self.idles(now, slot),
            other => self.goes_over(now, slot, other),
        }
    }

    /// A slot idles from now on.
    #[inline]
    pub(crate) fn idles(&mut self, now: Instant, slot: u32) {
        if self.on && !self.rest(now, slot) {
            self.goes_over(now, slot, Phase::Idle);
        }
    }

    /// A connection enters a phase, and its transaction is over.
    fn goes_over(&mut self, now: Instant, slot: u32, phase: Phase) {
        if !self.on {
            return;
        }
        self.enter(now, ServerId(slot), phase);
        self.end_work(now, slot);
        self.forget_queue(slot);
        if !phase.is_held() {
            self.charge_to(now, slot, NOBODY);
            self.says(now, slot, NONE);
        }
    }

    /// A slot is given to a claim of this class that waited.
    #[inline]
    pub(crate) fn held(&mut self, now: Instant, slot: u32, class: ClassId) {
        let class = self.names.known(class);
        self.lend_to(now, slot, class);
    }

    #[inline(always)]
    fn lend_to(&mut self, now: Instant, slot: u32, class: u32) {
        if self.on && !self.lend(now, slot, class) {
            self.take_over(now, slot, class);
        }
    }

    /// The same for a connection of which something is left, step by step.
    #[inline(never)]
    fn take_over(&mut self, now: Instant, slot: u32, class: u32) {
        self.moved(now, slot, State::Active);
        self.charge_to(now, slot, class);
        self.says(now, slot, NONE);
        let tagged = self.names.get(class).kind == ClassKind::Tag;
        if let Some(account) = self.account(slot) {
            account.work.begin(now, tagged);
        }
    }

    /// A server connection is closed.
    pub(crate) fn closed(&mut self, now: Instant, slot: u32) {
        // The last stretch is charged as the change to any other phase would.
        self.moved(now, slot, State::Closing);
        self.charge(now, slot);
        if let Some(account) = self.account(slot) {
            account.live = false;
        }
    }

    /// A leased server connection does something else now.
    #[inline]
    pub fn enter(&mut self, now: Instant, server: ServerId, phase: Phase) {
        self.change(now, server.0, phase, NONE);
    }

    /// The phase of a server connection, if there is one.
    #[must_use]
    pub fn phase(&self, server: ServerId) -> Option<Phase> {
        self.accounts.get(server.0 as usize).filter(|a| a.live).map(|account| account.phase)
    }

    /// A statement is sent on a leased server connection. `due`: how many requests of the lease
    /// will have been answered when its turn comes; none when that is now.
    #[inline]
    pub fn statement(&mut self, now: Instant, server: ServerId, mark: Mark, due: Option<u32>) {
        match due {
            None => self.begin(now, server.0, mark),
            Some(due) => self.say_ahead(server, Queued { mark, due }),
        }
    }

    /// A statement is sent before its turn.
    fn say_ahead(&mut self, server: ServerId, queued: Queued) {
        let account = self.account(server.0);
        let has_room = |a: &&mut Account| a.queue.len() < LEDGER_STATEMENTS_AHEAD;
        let Some(account) = account.filter(has_room) else { return };
        account.queue.push_back(queued);
        let mark = queued.mark;
        self.names.retain(mark.class.0);
        self.texts.retain(mark.statement);
    }

    /// A statement gave so many rows.
    #[cold]
    pub fn rows(&mut self, server: ServerId, rows: u64) {
        if let Some(account) = self.account(server.0).filter(|account| account.work.open) {
            account.work.rows = account.work.rows.saturating_add(rows);
        }
    }

    /// So many requests of a lease were answered now; `idle`: no transaction is open.
    #[inline]
    pub fn answered(&mut self, now: Instant, server: ServerId, done: u32, idle: bool) {
        let Some(account) = self.account(server.0) else { return };
        let goes_on = !account.queue.is_empty();
        if idle && account.work.open {
            self.end_work(now, server.0);
        }
        if goes_on {
            self.go_on(now, server, done);
        }
    }

    /// What was said ahead has its turn.
    fn go_on(&mut self, now: Instant, server: ServerId, done: u32) {
        while let Some(account) = self.account(server.0)
            && account.queue.front().is_some_and(|next| next.due <= done)
            && let Some(Queued { mark, .. }) = account.queue.pop_front()
        {
            self.begin(now, server.0, mark);
            self.names.release(mark.class.0);
            self.texts.release(mark.statement);
        }
    }

    /// Charges everybody up to `now`, so that the sums are whole.
    pub fn settle(&mut self, now: Instant) {
        for slot in 0..self.accounts.len() {
            let slot = u32::try_from(slot).unwrap_or(u32::MAX);
            self.charge(now, slot);
            self.record_gaps(slot);
        }
    }
}

/// The name of transactions of statements that are too long to be read.
const UNREAD: &str = "(statements too long to be read)";

/// The name of transactions that only their statements tell apart.
pub(super) fn describe(first: &str, statements: u32, shape: u64) -> String {
    const SHOWN_BYTES_MAX: usize = 100;
    let shown = &first[..first.floor_char_boundary(SHOWN_BYTES_MAX)];
    match statements {
        0 | 1 => shown.to_owned(),
        more => format!("{shown} (+{} {:06x})", more - 1, shape >> 40),
    }
}
