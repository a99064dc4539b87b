//! What is known of each open bracket, as bits, so that nothing is allocated.

/// Brackets deeper than this many are not folded.
const DEPTH_MAX: u32 = 64;

/// One bit for each level of brackets, the outermost level first.
#[derive(Debug, Default)]
pub(super) struct Levels {
    depth: u32,
    /// The level is a list whose constants are folded.
    lists: u64,
    /// A constant of the list has been shown.
    shown: u64,
    /// The level is passing through the rows of a `VALUES`.
    rows: u64,
}

impl Levels {
    fn bit(&self) -> u64 {
        if self.depth < DEPTH_MAX { 1 << self.depth } else { 0 }
    }

    pub(super) fn enter(&mut self, is_list: bool) {
        self.depth = self.depth.saturating_add(1);
        let bit = self.bit();
        self.shown &= !bit;
        self.rows &= !bit;
        self.lists = if is_list { self.lists | bit } else { self.lists & !bit };
    }

    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    pub(super) fn in_list(&self) -> bool {
        self.lists & self.bit() != 0
    }

    pub(super) fn shows_constant(&self) -> bool {
        self.shown & self.bit() != 0
    }

    pub(super) fn show_constant(&mut self) {
        self.shown |= self.bit();
    }

    pub(super) fn in_rows(&self) -> bool {
        self.rows & self.bit() != 0
    }

    pub(super) fn begin_rows(&mut self) {
        self.rows |= self.bit();
    }

    pub(super) fn end_rows(&mut self) {
        self.rows &= !self.bit();
    }
}
