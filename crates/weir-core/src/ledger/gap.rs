//! Gap edges: time inside of transactions in which PostgreSQL waited for the application, by the
//! statement before and the statement after. That is a place in somebody's code.

use std::sync::Arc;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::histogram::Histogram;
use super::table::Table;
use crate::config::limits::LEDGER_GAPS;

/// Gaps at one place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GapSums {
    /// How many.
    pub count: u64,
    /// Nanoseconds together.
    pub nanos: u128,
    /// The longest.
    pub max: Duration,
    /// By length.
    pub spans: Histogram,
}

impl GapSums {
    /// Counts one.
    pub fn record(&mut self, span: Duration) {
        self.count += 1;
        self.nanos += span.as_nanos();
        self.max = self.max.max(span);
        self.spans.record(span);
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.nanos += other.nanos;
        self.max = self.max.max(other.max);
        self.spans.add(&other.spans);
    }
}

/// Where a gap is.
#[derive(Debug, Clone)]
pub(super) struct Edge {
    /// The class's name.
    pub(super) class: Arc<str>,
    /// The statement before: fingerprint and normal form.
    pub(super) before: (u64, Arc<str>),
    /// The statement after; fingerprint 0 when none came.
    pub(super) after: (u64, Arc<str>),
}

/// The key of an edge: the numbers of class and statements, in the order of [`Edge`].
fn key(numbers: [u64; 3], seed: u64) -> u64 {
    let mut bytes = [0; 24];
    for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    xxh3_64_with_seed(&bytes, seed)
}

/// All gaps of a ledger.
#[derive(Debug)]
pub(super) struct Gaps {
    table: Table<(Edge, GapSums)>,
    /// Those that gave their place to others.
    other: GapSums,
    seed: u64,
}

impl Gaps {
    pub(super) fn new(seed: u64) -> Self {
        Self { table: Table::new(LEDGER_GAPS, []), other: GapSums::default(), seed }
    }

    /// Counts a gap at the edge of these numbers; `edge` makes it when it is new.
    pub(super) fn record(
        &mut self,
        numbers: [u64; 3],
        span: Duration,
        edge: impl FnOnce() -> Edge,
    ) {
        let key = key(numbers, self.seed);
        if let Some(place) = self.table.find(key) {
            return self.table.get_mut(place).1.record(span);
        }
        let mut sums = GapSums::default();
        sums.record(span);
        match self.table.insert(key, (edge(), sums)) {
            Some((_, Some((_, old)))) => self.other.add(&old),
            Some((_, None)) => {}
            None => self.other.record(span),
        }
    }

    /// Every place with the number of gaps and their nanoseconds, and the sum of those that gave
    /// their place to others.
    pub(super) fn all(&self) -> (impl Iterator<Item = &(Edge, GapSums)>, &GapSums) {
        (self.table.iter().map(|(_, row)| row), &self.other)
    }

    /// The places where most time went, at most `rows_max`, and the sum of all others.
    pub(super) fn longest(&self, rows_max: usize) -> (Vec<&(Edge, GapSums)>, GapSums) {
        let mut rows: Vec<_> = self.table.iter().map(|(_, row)| row).collect();
        rows.sort_by_key(|(_, sums)| std::cmp::Reverse(sums.nanos));
        let mut other = self.other.clone();
        rows.drain(rows.len().min(rows_max)..).for_each(|(_, sums)| other.add(sums));
        (rows, other)
    }
}
