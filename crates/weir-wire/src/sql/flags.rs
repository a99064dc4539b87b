//! The summary of a scan: what kinds of effects a text has, without where and which.

use std::ops::{BitOr, BitOrAssign};

use super::access::Access;
use super::effect::{Effect, Scope};
use super::verb::Verb;

/// What a text means to a pooler, small enough to be kept for each text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The kinds of effects.
    pub flags: Flags,
    /// How many statements are not empty; stops at 65,535.
    pub statements: u16,
    /// What the first of them begins with.
    pub first: Verb,
    /// What they may do to rows.
    pub access: Access,
}

impl Facts {
    /// Nothing in the text matters beyond its own execution.
    #[inline]
    #[must_use]
    pub fn is_plain(self) -> bool {
        self.flags.is_empty()
    }
}

/// A set of kinds of effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Flags(u32);

impl Flags {
    /// No effect.
    pub const NONE: Self = Self(0);
    /// [`Effect::Begin`].
    pub const BEGIN: Self = Self(1);
    /// [`Effect::Commit`].
    pub const COMMIT: Self = Self(1 << 1);
    /// [`Effect::Rollback`].
    pub const ROLLBACK: Self = Self(1 << 2);
    /// [`Effect::Savepoint`], [`Effect::RollbackTo`], [`Effect::Release`].
    pub const SAVEPOINT: Self = Self(1 << 3);
    /// [`Effect::PrepareTransaction`], [`Effect::CommitPrepared`], [`Effect::RollbackPrepared`].
    pub const TWO_PHASE: Self = Self(1 << 4);
    /// [`Effect::Set`] for the session, [`Effect::SetCharacteristics`].
    pub const SET_SESSION: Self = Self(1 << 5);
    /// [`Effect::Set`] for the transaction.
    pub const SET_LOCAL: Self = Self(1 << 6);
    /// [`Effect::Reset`], [`Effect::ResetAll`].
    pub const RESET: Self = Self(1 << 7);
    /// [`Effect::SetConfig`].
    pub const SET_CONFIG: Self = Self(1 << 8);
    /// [`Effect::Listen`].
    pub const LISTEN: Self = Self(1 << 9);
    /// [`Effect::Unlisten`].
    pub const UNLISTEN: Self = Self(1 << 10);
    /// [`Effect::Notify`].
    pub const NOTIFY: Self = Self(1 << 11);
    /// [`Effect::AdvisoryLock`].
    pub const ADVISORY_LOCK: Self = Self(1 << 12);
    /// [`Effect::AdvisoryUnlock`], [`Effect::AdvisoryUnlockAll`].
    pub const ADVISORY_UNLOCK: Self = Self(1 << 13);
    /// [`Effect::CreateTemp`].
    pub const CREATE_TEMP: Self = Self(1 << 14);
    /// [`Effect::DeclareCursor`] without `WITH HOLD`.
    pub const CURSOR: Self = Self(1 << 15);
    /// [`Effect::DeclareCursor`] with `WITH HOLD`.
    pub const HOLD_CURSOR: Self = Self(1 << 16);
    /// [`Effect::CloseCursor`].
    pub const CLOSE_CURSOR: Self = Self(1 << 17);
    /// [`Effect::Prepare`].
    pub const PREPARE: Self = Self(1 << 18);
    /// [`Effect::Execute`].
    pub const EXECUTE: Self = Self(1 << 19);
    /// [`Effect::Deallocate`].
    pub const DEALLOCATE: Self = Self(1 << 20);
    /// [`Effect::DiscardAll`] and its parts.
    pub const DISCARD: Self = Self(1 << 21);
    /// [`Effect::Load`].
    pub const LOAD: Self = Self(1 << 22);
    /// [`Effect::Copy`].
    pub const COPY: Self = Self(1 << 23);
    /// [`Effect::DropDatabase`], [`Effect::CreateDatabase`], [`Effect::AlterDatabaseRename`].
    pub const DATABASE: Self = Self(1 << 24);
    /// [`Effect::Do`].
    pub const DO: Self = Self(1 << 25);
    /// [`Effect::Call`].
    pub const CALL: Self = Self(1 << 26);
    /// [`Effect::SessionFunction`].
    pub const SESSION_FUNCTION: Self = Self(1 << 27);
    /// [`Effect::NotInTransaction`].
    pub const NOT_IN_TRANSACTION: Self = Self(1 << 28);

    /// Whether nothing is in the set.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `other` is in the set.
    #[inline]
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is in the set.
    #[inline]
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets together.
    #[inline]
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The set without `other`.
    #[inline]
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The set as bits, for a cache.
    #[inline]
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Self) {
        *self = self.union(other);
    }
}

impl Effect<'_> {
    /// The kind of the effect.
    #[must_use]
    pub fn flag(&self) -> Flags {
        match self {
            Self::Begin { .. } => Flags::BEGIN,
            Self::Commit { .. } => Flags::COMMIT,
            Self::Rollback { .. } => Flags::ROLLBACK,
            Self::Savepoint | Self::RollbackTo | Self::Release => Flags::SAVEPOINT,
            Self::PrepareTransaction | Self::CommitPrepared | Self::RollbackPrepared => {
                Flags::TWO_PHASE
            }
            Self::Set { scope: Scope::Session, .. } | Self::SetCharacteristics => {
                Flags::SET_SESSION
            }
            Self::Set { scope: Scope::Local, .. } => Flags::SET_LOCAL,
            Self::Reset { .. } | Self::ResetAll => Flags::RESET,
            Self::SetConfig { .. } => Flags::SET_CONFIG,
            Self::Listen { .. } => Flags::LISTEN,
            Self::Unlisten { .. } => Flags::UNLISTEN,
            Self::Notify => Flags::NOTIFY,
            Self::AdvisoryLock { .. } => Flags::ADVISORY_LOCK,
            Self::AdvisoryUnlock { .. } | Self::AdvisoryUnlockAll => Flags::ADVISORY_UNLOCK,
            Self::CreateTemp { .. } => Flags::CREATE_TEMP,
            Self::DeclareCursor { hold: false, .. } => Flags::CURSOR,
            Self::DeclareCursor { hold: true, .. } => Flags::HOLD_CURSOR,
            Self::CloseCursor { .. } => Flags::CLOSE_CURSOR,
            Self::Prepare { .. } => Flags::PREPARE,
            Self::Execute { .. } => Flags::EXECUTE,
            Self::Deallocate { .. } => Flags::DEALLOCATE,
            Self::DiscardAll | Self::DiscardPlans | Self::DiscardTemp | Self::DiscardSequences => {
                Flags::DISCARD
            }
            Self::Load => Flags::LOAD,
            Self::Copy { .. } => Flags::COPY,
            Self::DropDatabase { .. }
            | Self::CreateDatabase { .. }
            | Self::AlterDatabaseRename { .. } => Flags::DATABASE,
            Self::Do => Flags::DO,
            Self::Call => Flags::CALL,
            Self::SessionFunction => Flags::SESSION_FUNCTION,
            Self::NotInTransaction => Flags::NOT_IN_TRANSACTION,
        }
    }
}
