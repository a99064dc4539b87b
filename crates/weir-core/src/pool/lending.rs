//! Slots of one pool that several workers serve.
//!
//! Each worker has a *part* of the pool's slots, and what nobody has lies on a *shelf* that all of
//! them see. A worker whose clients wait takes from the shelf; while it is empty the worker is
//! *hungry*, and workers that have had slots to spare for a second put half of them there. Slots go
//! only once they are empty: what is open in all parts together never exceeds the pool's size.
//!
//! While all workers are busy, the *fair* part of each is in proportion to its clients that have a
//! slot or wait for one. Who has had more for a second has the excess to spare, and nobody takes
//! more than that part. A slot that moves costs a login, so that a small excess stays where it is.

/// Looks that a slot must have been spare before it is lent: a second, at a look each 100 ms.
const LOOKS: usize = 10;

/// While clients wait, an excess above the fair part counts from this share of the slots on.
const EXCESS_SHARE: u32 = 8;

/// One worker's part of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Slots that the worker may use; at least 1, which is never lent.
    size: u32,
    /// What the size falls to when the pool has become smaller: an equal share.
    base: u32,
    /// Slots that go to the shelf once nothing is open in them.
    owed: u32,
    /// Slots to spare, at the last looks.
    spare: [u32; LOOKS],
    turn: usize,
}

/// What the worker sees of its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Slots with anything in them, whatever its state.
    pub open: u32,
    /// Those of them with an idle connection.
    pub idle: u32,
    /// Clients that wait.
    pub waiting: u32,
}

impl Seen {
    /// Clients that have a slot or wait for one.
    #[must_use]
    pub const fn demand(self) -> u32 {
        self.open.saturating_sub(self.idle).saturating_add(self.waiting)
    }
}

/// The part of `total` slots that is in proportion to a worker's demand, of that of `all` workers:
/// rounded up, at least 1. All of them where nobody wants any.
#[must_use]
pub fn fair_part(total: u32, demand: u32, all: u64) -> u32 {
    if all == 0 {
        return total.max(1);
    }
    let part = (u64::from(total) * u64::from(demand)).div_ceil(all);
    u32::try_from(part).unwrap_or(total).clamp(1, total.max(1))
}

/// What the worker sees of the shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnShelf {
    /// Slots there; below zero after the pool has become smaller.
    pub free: i64,
    /// Whether another worker is hungry.
    pub others_hungry: bool,
    /// The worker's fair part of the pool: [`fair_part`].
    pub fair: u32,
}

/// What is to be done after a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moves {
    /// Slots to put on the shelf now.
    pub give: u32,
    /// Slots to take from it, as far as they are there still: [`Part::took`] hears how many.
    pub take: u32,
    /// Clients wait for more than can be taken.
    pub hungry: bool,
}

impl Part {
    /// The part of a worker that has got so many slots, of `base` that are its equal share.
    #[must_use]
    pub fn new(size: u32, base: u32) -> Self {
        Self { size: size.max(1), base: base.max(1), owed: 0, spare: [0; LOOKS], turn: 0 }
    }

    /// Slots that the worker may use.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.size
    }

    /// All slots that the shelf gets when the worker gives the pool up: all but the first one,
    /// which never came from there.
    #[must_use]
    pub const fn lent_to_us(&self) -> u32 {
        self.size + self.owed - 1
    }

    /// The pool has another size now, and the equal share is this.
    pub fn rebase(&mut self, base: u32) {
        self.base = base.max(1);
    }

    /// Looks at part and shelf, ten times a second. The size may change.
    pub fn look(&mut self, seen: Seen, shelf: OnShelf) -> Moves {
        let wanted = if seen.open >= self.size { seen.waiting } else { 0 };
        let kept = self.owed.min(wanted).min(shelf.fair.saturating_sub(self.size));
        self.owed -= kept;
        self.size += kept;
        let surplus = self.surplus(seen, shelf);
        self.size -= surplus;
        self.owed += surplus;
        let give = self.owed.min((self.size + self.owed).saturating_sub(seen.open));
        self.owed -= give;
        let wanted = (wanted - kept).min(shelf.fair.saturating_sub(self.size));
        let take = wanted.min(u32::try_from(shelf.free).unwrap_or(0));
        Moves { give, take, hungry: wanted > take }
    }

    /// So many slots came from the shelf.
    pub fn took(&mut self, slots: u32) {
        self.size += slots;
    }

    /// Slots that the worker is to do without.
    fn surplus(&mut self, seen: Seen, shelf: OnShelf) -> u32 {
        self.spare[self.turn] = self.to_spare(seen, shelf);
        self.turn = (self.turn + 1) % LOOKS;
        if shelf.free < 0 {
            return self.size.saturating_sub(self.base);
        }
        if !shelf.others_hungry {
            return 0;
        }
        let least = self.spare.iter().copied().min().unwrap_or(0);
        let surplus = least.div_ceil(2).min(self.size - 1);
        self.spare.iter_mut().for_each(|spare| *spare = spare.saturating_sub(surplus));
        surplus
    }

    /// Slots that the worker could do without at this look.
    fn to_spare(&self, seen: Seen, shelf: OnShelf) -> u32 {
        if seen.waiting == 0 {
            return (self.size + seen.idle).saturating_sub(seen.open);
        }
        let excess = self.size.saturating_sub(shelf.fair);
        if excess * EXCESS_SHARE >= self.size { excess } else { 0 }
    }
}
