//! What a layer counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one [`RequestLayer`](crate::RequestLayer) and its clones. All only grow.
#[derive(Debug, Default)]
pub struct Stats {
    requests: AtomicU64,
    checkouts: AtomicU64,
    taken_back: AtomicU64,
    outlived: AtomicU64,
    outside_warned: AtomicU64,
    outside_refused: AtomicU64,
}

/// A reading of [`Stats`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that entered the layer.
    pub requests: u64,
    /// Checkouts made inside a request.
    pub checkouts: u64,
    /// Checkouts a request left behind and the layer took back. Not zero means a leak in the code.
    pub taken_back: u64,
    /// Of those, the ones in use at the end of their request, taken back when that use ended.
    pub outlived: u64,
    /// Outside calls made inside a transaction, in warn mode.
    pub outside_warned: u64,
    /// Outside calls refused because a transaction was held.
    pub outside_refused: u64,
}

/// One of the counters.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Count {
    Request,
    Checkout,
    TakenBack,
    Outlived,
    OutsideWarned,
    OutsideRefused,
}

impl Stats {
    /// Reads all counters. They are read one by one, so a busy layer's reading may be off by the
    /// requests that came in between.
    #[must_use]
    pub fn snapshot(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            requests: read(&self.requests),
            checkouts: read(&self.checkouts),
            taken_back: read(&self.taken_back),
            outlived: read(&self.outlived),
            outside_warned: read(&self.outside_warned),
            outside_refused: read(&self.outside_refused),
        }
    }

    pub(crate) fn add(&self, count: Count) {
        let counter = match count {
            Count::Request => &self.requests,
            Count::Checkout => &self.checkouts,
            Count::TakenBack => &self.taken_back,
            Count::Outlived => &self.outlived,
            Count::OutsideWarned => &self.outside_warned,
            Count::OutsideRefused => &self.outside_refused,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
