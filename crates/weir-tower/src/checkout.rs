//! A thing taken for the length of a request, at most.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::context::{CheckoutId, RequestContext};
use crate::stats::{Count, Stats};

/// What a checkout holds on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A connection, no transaction.
    Connection,
    /// A transaction, and with it a connection.
    Transaction,
}

/// The request is over, and what it held has been taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenBack;

impl std::fmt::Display for TakenBack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "the request that took this is over, and it was taken back: take one of your own",
        )
    }
}

impl std::error::Error for TakenBack {}

/// A connection or a transaction that belongs to the current request.
///
/// Dropping it releases the value, as dropping the value would. If it is *not* dropped by the end
/// of the request, the layer drops the value itself, and later uses answer [`TakenBack`]. What
/// dropping means is the value's business: a pooled connection goes back to its pool, an open
/// transaction is rolled back.
///
/// The value is lent with [`borrow`](Self::borrow) and never handed out, because only then can it
/// be taken back. A use in progress at the end of the request is let finish.
///
/// Outside a request it is a plain owner.
#[must_use = "dropping a checkout releases what it holds"]
pub struct Checkout<T: Send + 'static> {
    slot: Arc<Slot<T>>,
    registered: Option<(RequestContext, CheckoutId)>,
}

/// A [`Checkout`]'s value while it is used. Ends the use when dropped.
pub struct InUse<'a, T: Send + 'static> {
    slot: &'a Slot<T>,
    context: Option<&'a RequestContext>,
    // None only between the move out in `drop` and the end of it.
    entry: Option<Entry<T>>,
}

/// Takes a value back from whoever forgot it.
pub(crate) trait Reclaim: Send + Sync {
    fn reclaim(&self, stats: &Stats);
}

struct Slot<T>(Mutex<State<T>>);

enum State<T> {
    Here(Entry<T>),
    Lent,
    /// Lent when the request ended; dropped when the use ends.
    Doomed,
    Gone,
}

struct Entry<T> {
    value: T,
    // Dropped after the value: the transaction is over when its value is.
    _mark: Option<TransactionMark>,
}

/// Counts one held transaction for as long as it lives.
struct TransactionMark(RequestContext);

impl<T: Send + 'static> Checkout<T> {
    /// Gives `value` to the current request.
    pub fn new(value: T, holds: Holds) -> Self {
        let context = RequestContext::current();
        let mark = match (holds, &context) {
            (Holds::Transaction, Some(context)) => Some(TransactionMark::new(context)),
            (Holds::Transaction, None) | (Holds::Connection, _) => None,
        };
        let slot = Arc::new(Slot(Mutex::new(State::Here(Entry { value, _mark: mark }))));
        let registered = context.map(|context| {
            let reclaim: Arc<dyn Reclaim> = slot.clone();
            let id = context.register(reclaim);
            (context, id)
        });
        Self { slot, registered }
    }

    /// Lends the value until the guard is dropped.
    ///
    /// # Errors
    /// [`TakenBack`] when the request is over.
    pub fn borrow(&mut self) -> Result<InUse<'_, T>, TakenBack> {
        let entry = self.slot.lend()?;
        let context = self.registered.as_ref().map(|(context, _)| context);
        Ok(InUse { slot: &self.slot, context, entry: Some(entry) })
    }

    /// Ends the checkout through `end`, for example a commit. A transaction counts as held until
    /// `end` is done.
    ///
    /// # Errors
    /// [`TakenBack`] when the request is over; `end` is not called then.
    pub async fn finish<R, F>(self, end: impl FnOnce(T) -> F) -> Result<R, TakenBack>
    where
        F: Future<Output = R>,
    {
        let Entry { value, _mark } = self.slot.lend()?;
        Ok(end(value).await)
    }
}

impl<T: Send + 'static> Drop for Checkout<T> {
    fn drop(&mut self) {
        if let Some((context, id)) = &self.registered {
            context.forget(*id);
        }
        let entry = self.slot.replace(State::Gone);
        drop(entry);
    }
}

impl<T: Send + 'static> Deref for InUse<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.entry {
            Some(entry) => &entry.value,
            None => unreachable!("the entry leaves only in drop"),
        }
    }
}

impl<T: Send + 'static> DerefMut for InUse<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.entry {
            Some(entry) => &mut entry.value,
            None => unreachable!("the entry leaves only in drop"),
        }
    }
}

impl<T: Send + 'static> Drop for InUse<'_, T> {
    fn drop(&mut self) {
        let mut state = self.slot.lock();
        if matches!(*state, State::Lent)
            && let Some(entry) = self.entry.take()
        {
            *state = State::Here(entry);
            return;
        }
        *state = State::Gone;
        drop(state);
        // Doomed: the value is dropped here, outside the lock.
        drop(self.entry.take());
        if let Some(context) = self.context {
            context.stats().add(Count::TakenBack);
        }
    }
}

impl<T> Slot<T> {
    fn lend(&self) -> Result<Entry<T>, TakenBack> {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::Lent) {
            State::Here(entry) => Ok(entry),
            // `Lent` cannot be: the guard borrows the only handle. A forgotten guard ends here.
            State::Lent | State::Doomed | State::Gone => {
                *state = State::Gone;
                Err(TakenBack)
            }
        }
    }

    fn replace(&self, new: State<T>) -> State<T> {
        std::mem::replace(&mut *self.lock(), new)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send> Reclaim for Slot<T> {
    fn reclaim(&self, stats: &Stats) {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::Gone) {
            State::Here(entry) => {
                drop(state);
                drop(entry);
                stats.add(Count::TakenBack);
            }
            State::Lent => {
                *state = State::Doomed;
                stats.add(Count::Outlived);
            }
            State::Doomed => *state = State::Doomed,
            State::Gone => {}
        }
    }
}

impl TransactionMark {
    fn new(context: &RequestContext) -> Self {
        context.transactions().fetch_add(1, Ordering::SeqCst);
        Self(context.clone())
    }
}

impl Drop for TransactionMark {
    fn drop(&mut self) {
        self.0.transactions().fetch_sub(1, Ordering::SeqCst);
    }
}
