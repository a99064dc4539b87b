//! The sums of one class.

use std::sync::Arc;
use std::time::Duration;

use super::phase::PhaseTimes;

/// Where a class has its name from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClassKind {
    /// Nobody's time: connections that are opened, idle or closed.
    Nobody,
    /// What found no place in the table.
    Other,
    /// A tag in an SQL comment.
    Tag,
    /// The client's `application_name`.
    Application,
    /// The client's user, where it is not that of the whole pool.
    User,
    /// The statements of its transactions: nothing else tells them apart.
    Shape,
}

impl ClassKind {
    /// Its name in tables and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Other => "other",
            Self::Tag => "tag",
            Self::Application => "application",
            Self::User => "user",
            Self::Shape => "transaction",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all =
            [Self::Nobody, Self::Other, Self::Tag, Self::Application, Self::User, Self::Shape];
        all.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// How a wait for a slot ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitEnd {
    /// With a slot.
    Granted,
    /// With a refusal.
    Refused,
    /// The client left, or cancelled.
    Left,
}

/// Waits that ended in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WaitSum {
    /// How many.
    pub count: u64,
    /// Nanoseconds together.
    pub nanos: u128,
}

/// What one class has done since it was first seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassSums {
    /// Its time on server connections.
    pub times: PhaseTimes,
    /// Claims: it asked for a slot.
    pub claims: u64,
    /// Transactions that ended.
    pub transactions: u64,
    /// Rows of their statements that gave very many ([`crate::ledger::Scribe::rows`]).
    pub rows: u64,
    /// Waits that ended with a slot.
    pub granted: WaitSum,
    /// Claims that ended with a refusal, the time waited before it included.
    pub refused: WaitSum,
    /// Waits that ended because the client left.
    pub left: WaitSum,
}

impl ClassSums {
    /// Counts the end of a wait.
    #[inline]
    pub(super) fn waited(&mut self, end: WaitEnd, span: Duration) {
        let sum = match end {
            WaitEnd::Granted => &mut self.granted,
            WaitEnd::Refused => &mut self.refused,
            WaitEnd::Left => &mut self.left,
        };
        sum.count += 1;
        sum.nanos += span.as_nanos();
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: &Self) -> Self {
        Self {
            times: self.times + &other.times,
            claims: self.claims + other.claims,
            transactions: self.transactions + other.transactions,
            rows: self.rows.saturating_add(other.rows),
            granted: self.granted.zip(other.granted, |a, b| a + b),
            refused: self.refused.zip(other.refused, |a, b| a + b),
            left: self.left.zip(other.left, |a, b| a + b),
        }
    }

    /// What came since `older`.
    #[must_use]
    pub fn since(self, older: &Self) -> Self {
        Self {
            times: self.times - &older.times,
            claims: self.claims.saturating_sub(older.claims),
            transactions: self.transactions.saturating_sub(older.transactions),
            rows: self.rows.saturating_sub(older.rows),
            granted: self.granted.zip(older.granted, u128::saturating_sub),
            refused: self.refused.zip(older.refused, u128::saturating_sub),
            left: self.left.zip(older.left, u128::saturating_sub),
        }
    }

    /// Nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Time spent waiting, however it ended, nanoseconds.
    #[must_use]
    pub fn waited_nanos(&self) -> u128 {
        self.granted.nanos + self.refused.nanos + self.left.nanos
    }
}

impl WaitSum {
    fn zip(self, other: Self, f: impl Fn(u128, u128) -> u128) -> Self {
        let count = f(self.count.into(), other.count.into());
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        Self { count, nanos: f(self.nanos, other.nanos) }
    }
}

/// One class.
#[derive(Debug, Clone)]
pub(super) struct Class {
    pub(super) label: Arc<str>,
    pub(super) kind: ClassKind,
    /// Never the same for two classes of one ledger.
    pub(super) serial: u64,
    pub(super) sums: ClassSums,
    /// Claims that wait.
    pub(super) waiting: u32,
}
