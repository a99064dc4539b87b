//! What is out of the ordinary in a lease, beside what has a place of its own.

/// What is out of the ordinary in a lease. Bits, so that one comparison tells that nothing is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Marks(u16);

impl Marks {
    /// An error was seen in this transaction.
    pub(super) const FAILED: Self = Self(1);
    /// The transaction may have changed the schema.
    pub(super) const SCHEMA: Self = Self(1 << 1);
    /// The transaction was begun explicitly.
    pub(super) const EXPLICIT: Self = Self(1 << 2);
    /// The last command tag was COMMIT.
    pub(super) const COMMITTED: Self = Self(1 << 3);
    /// A command of this request ended a transaction, or rolled a part of it back.
    pub(super) const EDGE: Self = Self(1 << 4);
    /// The server reads COPY data.
    pub(super) const COPY_IN: Self = Self(1 << 5);
    /// A message of the extended protocol failed: the server ignores all up to the Sync that the
    /// client has not sent yet.
    pub(super) const SKIPPING: Self = Self(1 << 6);
    /// The unnamed statement is the client's, and too long to be kept.
    pub(super) const UNREAD: Self = Self(1 << 7);
    /// Extended-protocol messages were sent that no Sync has followed yet.
    pub(super) const UNSYNCED: Self = Self(1 << 8);
    /// It is not known what is prepared: a pipeline failed while others relied on it.
    pub(super) const UNSURE: Self = Self(1 << 9);
    /// A hidden request failed.
    pub(super) const HIDDEN_FAILED: Self = Self(1 << 10);
    /// It failed because of a cancel request.
    pub(super) const HIDDEN_CANCELLED: Self = Self(1 << 11);
    /// The client's settings are on their way: none of its statements may go before the answer.
    pub(super) const SETTLING: Self = Self(1 << 12);

    /// Nothing is.
    #[inline]
    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[inline]
    pub(super) const fn has(self, mark: Self) -> bool {
        self.0 & mark.0 != 0
    }

    #[inline]
    pub(super) const fn set(&mut self, mark: Self) {
        self.0 |= mark.0;
    }

    #[inline]
    pub(super) const fn clear(&mut self, mark: Self) {
        self.0 &= !mark.0;
    }

    /// Sets it or clears it.
    #[inline]
    pub(super) const fn put(&mut self, mark: Self, there: bool) {
        self.0 = if there { self.0 | mark.0 } else { self.0 & !mark.0 };
    }

    /// Clears it. Returns whether it was there.
    #[inline]
    pub(super) const fn take(&mut self, mark: Self) -> bool {
        let was = self.has(mark);
        self.clear(mark);
        was
    }
}
