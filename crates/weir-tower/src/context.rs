//! The request a piece of code runs for.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::checkout::Reclaim;
use crate::outside::OutsideCalls;
use crate::stats::{Count, Stats};
use crate::tag::{append, comment};

tokio::task_local! {
    static CURRENT: RequestContext;
}

/// One request: its route, and what it holds. A cheap handle; clones are the same request.
#[derive(Clone)]
pub struct RequestContext {
    inner: Arc<Inner>,
}

struct Inner {
    route: String,
    comment: String,
    outside_calls: OutsideCalls,
    stats: Arc<Stats>,
    held: Mutex<Vec<(CheckoutId, Arc<dyn Reclaim>)>>,
    next_id: AtomicU64,
    transactions: AtomicUsize,
    ended: AtomicBool,
}

/// Names a checkout within its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CheckoutId(u64);

/// `sql` tagged with the route of the current request; unchanged outside one.
///
/// The text depends on the route only, so a statement cache keeps one entry for each route.
#[must_use]
pub fn tag(sql: &str) -> String {
    CURRENT.try_with(|context| append(sql, &context.inner.comment)).unwrap_or_else(|_| sql.into())
}

impl RequestContext {
    /// A context for work that is not an HTTP request, for example a job, to be used with
    /// [`scope`](Self::scope). Call [`end`](Self::end) when the work is over.
    #[must_use]
    pub fn new(route: &str, outside_calls: OutsideCalls, stats: Arc<Stats>) -> Self {
        stats.add(Count::Request);
        let inner = Inner {
            route: route.to_owned(),
            comment: comment(&[("route", route)]),
            outside_calls,
            stats,
            held: Mutex::default(),
            next_id: AtomicU64::new(0),
            transactions: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The context this code runs in, if any.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs `future` as part of this request. For tasks a request spawns: task-locals do not
    /// follow `tokio::spawn`.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.clone(), future)
    }

    /// The route, as the layer named it.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.inner.route
    }

    /// How many transactions the request holds now.
    #[must_use]
    pub fn transactions_held(&self) -> usize {
        self.inner.transactions.load(Ordering::SeqCst)
    }

    /// Ends the request: everything it still holds is taken back. Idempotent.
    pub fn end(&self) {
        self.inner.ended.store(true, Ordering::SeqCst);
        let left = std::mem::take(&mut *self.held());
        for (_, slot) in left {
            slot.reclaim(&self.inner.stats);
        }
    }

    pub(crate) fn scoped_future<F: Future>(&self, future: F) -> ScopedFuture<F> {
        CURRENT.scope(self.clone(), future)
    }

    pub(crate) fn scoped<R>(&self, work: impl FnOnce() -> R) -> R {
        CURRENT.sync_scope(self.clone(), work)
    }

    pub(crate) fn outside_calls(&self) -> OutsideCalls {
        self.inner.outside_calls
    }

    pub(crate) fn stats(&self) -> &Stats {
        &self.inner.stats
    }

    pub(crate) fn transactions(&self) -> &AtomicUsize {
        &self.inner.transactions
    }

    pub(crate) fn register(&self, slot: Arc<dyn Reclaim>) -> CheckoutId {
        self.inner.stats.add(Count::Checkout);
        let id = CheckoutId(self.inner.next_id.fetch_add(1, Ordering::Relaxed));
        self.held().push((id, slot));
        // A checkout made after the end, by a task that outlived its request, is not kept. The
        // flag is read after the push, so that either this or `end` sees the entry.
        if self.inner.ended.load(Ordering::SeqCst) {
            self.end();
        }
        id
    }

    pub(crate) fn forget(&self, id: CheckoutId) {
        self.held().retain(|(held, _)| *held != id);
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Vec<(CheckoutId, Arc<dyn Reclaim>)>> {
        self.inner.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) type ScopedFuture<F> = tokio::task::futures::TaskLocalFuture<RequestContext, F>;
