//! A slab whose entries are each in at most one list, and chains for further lists.
//!
//! Entries never move, so an index is a stable name; lists are links inside the entries, so
//! moving an entry from one list to another allocates nothing and takes constant time.

use std::ops::{Index, IndexMut};

/// The absence of an index.
pub(crate) const NIL: u32 = u32::MAX;

/// The ends of one list through an [`Arena`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct List {
    head: u32,
    tail: u32,
    len: u32,
}

impl List {
    /// A list without entries.
    pub(crate) const EMPTY: Self = Self { head: NIL, tail: NIL, len: 0 };

    /// Entries in the list.
    #[inline]
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    /// True when nothing is in the list.
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The entry put in first.
    #[inline]
    pub(crate) fn front(&self) -> Option<u32> {
        (self.head != NIL).then_some(self.head)
    }

    /// The entry put in last.
    #[inline]
    pub(crate) fn back(&self) -> Option<u32> {
        (self.tail != NIL).then_some(self.tail)
    }

    /// Counts an entry that nobody will look for in the list. Such a list has a length and no
    /// entries.
    #[inline]
    pub(crate) const fn count_in(&mut self) {
        self.len += 1;
    }

    /// Such an entry has gone.
    #[inline]
    pub(crate) const fn count_out(&mut self) {
        self.len -= 1;
    }
}

#[derive(Debug)]
struct Node<T> {
    prev: u32,
    next: u32,
    value: T,
}

/// The slab. Vacant entries keep their last value and wait on a stack of their own.
#[derive(Debug)]
pub(crate) struct Arena<T> {
    nodes: Vec<Node<T>>,
    /// The entry vacated last; `next` leads to the one before.
    vacant: u32,
    used: usize,
}

impl<T> Arena<T> {
    pub(crate) const fn new() -> Self {
        Self { nodes: Vec::new(), vacant: NIL, used: 0 }
    }

    /// Entries in use.
    pub(crate) const fn used(&self) -> usize {
        self.used
    }

    /// The value at `index`, which may be that of a vacant entry.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        self.nodes.get(index as usize).map(|node| &node.value)
    }

    /// Takes the entry vacated last. It is in no list until linked.
    #[inline]
    pub(crate) fn reuse(&mut self) -> Option<u32> {
        let index = self.vacant;
        self.vacant = self.nodes.get(index as usize)?.next;
        self.used += 1;
        Some(index)
    }

    /// Makes a new entry, which is in no list until linked.
    pub(crate) fn grow(&mut self, value: T) -> u32 {
        let index = u32::try_from(self.nodes.len()).unwrap_or(NIL);
        assert!(index != NIL, "the bounds on pools and queues keep an arena under 2^32 entries");
        self.nodes.push(Node { prev: NIL, next: NIL, value });
        self.used += 1;
        index
    }

    /// Puts an unlinked entry at the end of `list`.
    #[inline]
    pub(crate) fn link_back(&mut self, list: &mut List, index: u32) {
        let tail = std::mem::replace(&mut list.tail, index);
        let node = &mut self.nodes[index as usize];
        node.prev = tail;
        node.next = NIL;
        match tail {
            NIL => list.head = index,
            before => self.nodes[before as usize].next = index,
        }
        list.len += 1;
    }

    /// Takes an entry out of `list`, in which it must be.
    #[inline]
    pub(crate) fn unlink(&mut self, list: &mut List, index: u32) {
        let Node { prev, next, .. } = self.nodes[index as usize];
        match prev {
            NIL => list.head = next,
            before => self.nodes[before as usize].next = next,
        }
        match next {
            NIL => list.tail = prev,
            after => self.nodes[after as usize].prev = prev,
        }
        list.len -= 1;
    }

    /// Gives an unlinked entry back.
    #[inline]
    pub(crate) fn vacate(&mut self, index: u32) {
        self.nodes[index as usize].next = std::mem::replace(&mut self.vacant, index);
        self.used -= 1;
    }

    /// The entry after `index` in its list.
    pub(crate) fn after(&self, index: u32) -> Option<u32> {
        Some(self.nodes[index as usize].next).filter(|&next| next != NIL)
    }

    /// The entry before `index` in its list.
    #[inline]
    pub(crate) fn before(&self, index: u32) -> Option<u32> {
        Some(self.nodes[index as usize].prev).filter(|&prev| prev != NIL)
    }

    /// All entries, vacant ones with them.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(self.nodes.iter().map(|node| &node.value))
    }

    /// The entries of `list`, first to last.
    pub(crate) fn iter(&self, list: &List) -> impl Iterator<Item = (u32, &T)> {
        std::iter::successors(list.front(), |&at| self.after(at)).map(|at| (at, &self[at]))
    }
}

/// More lists through the entries of an [`Arena`]: an entry can be in one of these besides its own.
#[derive(Debug)]
pub(crate) struct Chain(Vec<(u32, u32)>);

impl Chain {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Puts the entry at the end of `list`; it must be in no other list of this chain.
    #[inline]
    pub(crate) fn link_back(&mut self, list: &mut List, index: u32) {
        let at = index as usize;
        if at >= self.0.len() {
            self.0.resize(at + 1, (NIL, NIL));
        }
        let tail = std::mem::replace(&mut list.tail, index);
        self.0[at] = (tail, NIL);
        match tail {
            NIL => list.head = index,
            before => self.0[before as usize].1 = index,
        }
        list.len += 1;
    }

    /// Takes the entry out of `list`, in which it must be.
    #[inline]
    pub(crate) fn unlink(&mut self, list: &mut List, index: u32) {
        let (prev, next) = self.0[index as usize];
        match prev {
            NIL => list.head = next,
            before => self.0[before as usize].1 = next,
        }
        match next {
            NIL => list.tail = prev,
            after => self.0[after as usize].0 = prev,
        }
        list.len -= 1;
    }

    /// The entry before `index` in its list.
    pub(crate) fn before(&self, index: u32) -> Option<u32> {
        Some(self.0[index as usize].0).filter(|&before| before != NIL)
    }

    /// The entry after `index` in its list.
    pub(crate) fn after(&self, index: u32) -> Option<u32> {
        Some(self.0[index as usize].1).filter(|&after| after != NIL)
    }
}

impl<T> Index<u32> for Arena<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: u32) -> &T {
        &self.nodes[index as usize].value
    }
}

impl<T> IndexMut<u32> for Arena<T> {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut T {
        &mut self.nodes[index as usize].value
    }
}
