//! What one server connection is charged, from one moment to the next.

use std::sync::Arc;

use super::account::{Account, GAPS_KEPT, KeptGap, Queued};
use super::book::{Ledger, describe};
use super::class::ClassKind;
use super::gap::Edge;
use super::names::NOBODY;
use super::phase::{Phase, PhaseTimes};
use super::texts::{Mark, NONE};
use crate::time::Instant;

impl Ledger {
    /// A connection that idles, or whose transaction is just over, is given to a claim of this
    /// class: all that a lease needs, in one go. False when there is more to it, and nothing was
    /// done.
    #[inline(always)]
    pub(super) fn lend(&mut self, now: Instant, slot: u32, class: u32) -> bool {
        let account = self.accounts.get_mut(slot as usize);
        let Some(account) = account.filter(|a| a.is_over()) else { return false };
        account.charge(now, &mut self.names, &mut self.pools);
        if account.phase == Phase::Idle {
            debug_assert_eq!((account.class, account.statement), (NOBODY, NONE));
            let span = account.enter(now, Phase::Executing);
            self.visits[Phase::Idle as usize].record_nanos(span);
        } else {
            self.names.release(account.class);
            self.texts.release(std::mem::replace(&mut account.statement, NONE));
        }
        account.class = class;
        account.statement_since = now;
        account.work.begin(now, self.names.get(class).kind == ClassKind::Tag);
        self.names.retain(class);
        true
    }

    /// A connection whose transaction is over idles from now on, in one go. False when there is
    /// more to it, and nothing was done.
    #[inline]
    pub(super) fn rest(&mut self, now: Instant, slot: u32) -> bool {
        let account = self.accounts.get_mut(slot as usize);
        let is_plain = |a: &&mut Account| a.is_over() && a.phase == Phase::Executing;
        let Some(account) = account.filter(is_plain) else { return false };
        account.charge(now, &mut self.names, &mut self.pools);
        let span = account.enter(now, Phase::Idle);
        self.visits[Phase::Executing as usize].record_nanos(span);
        account.statement_since = now;
        self.names.release(std::mem::replace(&mut account.class, NOBODY));
        self.texts.release(std::mem::replace(&mut account.statement, NONE));
        true
    }

    /// The statement's turn has come.
    #[inline(always)]
    pub(super) fn begin(&mut self, now: Instant, slot: u32, mark: Mark) {
        let account = self.accounts.get(slot as usize);
        let Some(account) = account.filter(|account| account.live) else { return };
        let work = &account.work;
        if !work.open || mark.tagged && !work.tagged || waits_for_client(account.phase) {
            self.prepare_for(now, slot, mark);
        }
        let account = self.accounts.get_mut(slot as usize);
        let (Some(account), statement) = (account, mark.statement) else { return };
        account.statement_since = now;
        let before = std::mem::replace(&mut account.statement, statement);
        let work = &mut account.work;
        match work.statements {
            0 => work.first = statement,
            // One that is repeated counts once: a loop's length makes no other transaction.
            _ if before == statement => return,
            // Until now the account has used the first one, as what was said last.
            1 => self.texts.retain(work.first),
            2.. => {}
        }
        work.add(self.texts.get(statement).fingerprint.0);
        self.texts.retain(statement);
        self.texts.release(before);
    }

    /// What a statement's turn changes of its transaction.
    #[inline(never)]
    fn prepare_for(&mut self, now: Instant, slot: u32, mark: Mark) {
        let Some(account) = self.account(slot) else { return };
        if !account.work.open {
            self.charge_to(now, slot, mark.class.0);
            if let Some(account) = self.account(slot) {
                account.work.begin(now, mark.tagged);
            }
        } else if mark.tagged && !account.work.tagged {
            account.work.tagged = true;
            self.recharge(now, slot, mark.class.0);
        }
        if self.account(slot).is_some_and(|account| waits_for_client(account.phase)) {
            self.change(now, slot, Phase::Executing, mark.statement);
        }
    }

    /// The transaction is over: its class is certain now.
    #[inline(always)]
    pub(super) fn end_work(&mut self, now: Instant, slot: u32) {
        let Some(account) = self.account(slot).filter(|account| account.work.open) else { return };
        if account.work.statements > 1 || !account.work.gaps.is_empty() {
            self.conclude(now, slot);
        }
        let Some(account) = self.accounts.get_mut(slot as usize) else { return };
        account.charge(now, &mut self.names, &mut self.pools);
        let work = &mut account.work;
        work.open = false;
        if work.statements > 1 {
            self.texts.release(std::mem::replace(&mut work.first, NONE));
        }
        if work.statements > 0 {
            let sums = &mut self.names.get_mut(account.class).sums;
            sums.transactions += 1;
            sums.rows = sums.rows.saturating_add(work.rows);
        }
    }

    /// What the end tells of a transaction of several statements, or with gaps.
    #[inline(never)]
    fn conclude(&mut self, now: Instant, slot: u32) {
        self.classify(now, slot);
        self.charge(now, slot);
        self.record_gaps(slot);
    }

    /// A transaction of several statements that nothing else tells apart is named by them.
    fn classify(&mut self, now: Instant, slot: u32) {
        let Some(account) = self.account(slot) else { return };
        let (work, class) = (&account.work, account.class);
        let (shape, statements, first) = (work.shape, work.statements, work.first);
        if statements > 1 && self.names.get(class).kind == ClassKind::Shape {
            let text = &self.texts.get(first).text;
            let class = self.names.of_shape(shape, || describe(text, statements, shape));
            self.recharge(now, slot, class);
        }
    }

    /// Moves what the transaction has been charged to another class, which is charged from now on.
    fn recharge(&mut self, now: Instant, slot: u32, class: u32) {
        self.charge(now, slot);
        let Some(account) = self.account(slot).filter(|account| account.class != class) else {
            return;
        };
        let (times, old) = (PhaseTimes::from(account.work.times), account.class);
        let from = &mut self.names.get_mut(old).sums.times;
        *from = *from - &times;
        self.names.get_mut(class).sums.times += &times;
        self.charge_to(now, slot, class);
    }

    /// Another class is charged from now on.
    #[inline]
    pub(super) fn charge_to(&mut self, now: Instant, slot: u32, class: u32) {
        self.charge(now, slot);
        let Some(account) = self.account(slot).filter(|account| account.class != class) else {
            return;
        };
        let old = std::mem::replace(&mut account.class, class);
        self.names.retain(class);
        self.names.release(old);
    }

    /// What was said last on a connection.
    #[inline]
    pub(super) fn says(&mut self, now: Instant, slot: u32, statement: u32) {
        let Some(account) = self.account(slot) else { return };
        account.statement_since = now;
        let old = std::mem::replace(&mut account.statement, statement);
        if old != statement {
            self.texts.retain(statement);
            self.texts.release(old);
        }
    }

    /// A connection does something else now; `next` is what was said, if that is why.
    #[inline]
    pub(super) fn change(&mut self, now: Instant, slot: u32, phase: Phase, next: u32) {
        let account = self.accounts.get_mut(slot as usize);
        let Some(account) = account.filter(|a| a.live && a.phase != phase) else { return };
        account.charge(now, &mut self.names, &mut self.pools);
        let old = account.phase;
        let span = account.enter(now, phase);
        self.visits[old as usize].record_nanos(span);
        if old == Phase::IdleInTransaction {
            self.keep_gap(slot, next, span);
        }
    }

    /// Charges an account up to `now`.
    #[inline]
    pub(super) fn charge(&mut self, now: Instant, slot: u32) {
        if let Some(account) = self.accounts.get_mut(slot as usize).filter(|a| a.live) {
            account.charge(now, &mut self.names, &mut self.pools);
        }
    }

    #[cold]
    fn keep_gap(&mut self, slot: u32, after: u32, nanos: u64) {
        let Some(account) = self.account(slot) else { return };
        let (before, span) = (account.statement, std::time::Duration::from_nanos(nanos));
        account.work.gaps.push(KeptGap { before, after, span });
        let full = account.work.gaps.len() >= GAPS_KEPT || !account.work.open;
        self.texts.retain(before);
        self.texts.retain(after);
        if full {
            self.record_gaps(slot);
        }
    }

    /// Records the gaps that were kept, with the class as it is known now.
    pub(super) fn record_gaps(&mut self, slot: u32) {
        let Some(account) = self.accounts.get_mut(slot as usize) else { return };
        let class = self.names.get(account.class);
        for gap in account.work.gaps.drain(..) {
            let (before, after) = (self.texts.get(gap.before), self.texts.get(gap.after));
            let numbers = [class.serial, before.fingerprint.0, after.fingerprint.0];
            self.gaps.record(numbers, gap.span, || Edge {
                class: Arc::clone(&class.label),
                before: (before.fingerprint.0, Arc::clone(&before.text)),
                after: (after.fingerprint.0, Arc::clone(&after.text)),
            });
            self.texts.release(gap.before);
            self.texts.release(gap.after);
        }
    }

    /// What was said ahead will not come.
    #[inline]
    pub(super) fn forget_queue(&mut self, slot: u32) {
        while let Some(account) = self.account(slot)
            && let Some(Queued { mark, .. }) = account.queue.pop_front()
        {
            self.names.release(mark.class.0);
            self.texts.release(mark.statement);
        }
    }

    #[inline]
    pub(super) fn account(&mut self, slot: u32) -> Option<&mut Account> {
        self.accounts.get_mut(slot as usize).filter(|account| account.live)
    }
}

/// PostgreSQL waits for the holder's next statement.
const fn waits_for_client(phase: Phase) -> bool {
    match phase {
        Phase::IdleInTransaction | Phase::PinnedIdle => true,
        Phase::Connecting
        | Phase::Idle
        | Phase::Resetting
        | Phase::Executing
        | Phase::ClientBlocked
        | Phase::CopyIn
        | Phase::CancelSettling
        | Phase::Draining => false,
    }
}
