//! Statements by fingerprint, and what texts say, remembered by their hash.
//!
//! What a text is follows from its template ([`weir_wire::sql::template`]), whose values and
//! comments may differ with every request. The comments around it, which name its route, have a
//! memory of their own.

use std::sync::Arc;

use weir_wire::sql::{self, Edges, Fingerprint, Sender, edges, may_have_edges};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::names::{ClassRef, Names, OTHER, user_hash};
use super::table::Table;
use crate::config::limits::{LEDGER_STATEMENT_BYTES, LEDGER_STATEMENTS, LEDGER_TEXTS};
use crate::ids::ClassId;

/// The place of a statement that is not known, or of none.
pub(super) const NONE: u32 = 0;

/// What a text was found to be: whose, and which statement. It holds while [`super::Ledger`] says
/// so: until a class or a statement gives its place to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The class of its transaction, as far as this text tells.
    pub class: ClassId,
    /// A tag in the text says so; otherwise a lower step of the ladder.
    pub tagged: bool,
    /// A hash of the end user that a tag beside the text names; 0 where none does.
    pub user: u32,
    pub(super) statement: u32,
    /// How many places had been given to others when it was made, modulo 2^32.
    pub(super) evictions: u32,
}

impl Mark {
    /// What is not known of a text that nobody reads.
    pub(super) const OTHER: Self =
        Self { class: ClassId(OTHER), tagged: false, user: 0, statement: NONE, evictions: 0 };
}

/// One statement.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) fingerprint: Fingerprint,
    /// Its normal form, cut at [`LEDGER_STATEMENT_BYTES`].
    pub(super) text: Arc<str>,
}

/// What texts of one template are.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    template: u64,
    fingerprint: u64,
    statement: u32,
    /// There may be comments around a text of this template.
    commented: bool,
}

/// What outer comments say, by the hash of the whole comment or by their [`Sender`]'s.
#[derive(Debug, Clone, Copy, Default)]
struct Comment {
    /// 0 in an empty place.
    hash: u64,
    tag: Option<ClassRef>,
    /// Of a whole comment only.
    user: u32,
}

impl Comment {
    /// Its class, if it names one, has not given its place to another; it was looked up lately
    /// from now on.
    fn holds(&self, names: &mut Names) -> bool {
        self.tag.is_none_or(|class| names.resolve(class).is_some())
    }
}

/// What a text says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    pub(super) statement: u32,
    /// The class that its tags name.
    pub(super) tag: Option<u32>,
    /// A hash of the end user that they name; 0 for none.
    pub(super) user: u32,
}

/// All statements of a ledger.
#[derive(Debug)]
pub(super) struct Texts {
    statements: Table<Statement>,
    /// Made with the first text. The place of each is bits of its hash.
    known: Box<[Known]>,
    comments: Box<[Comment]>,
    /// The same without what differs with every request: for comments that never come again.
    senders: Box<[Comment]>,
    seed: u64,
}

const _: () = assert!(LEDGER_TEXTS.is_power_of_two(), "places are masked");

impl Texts {
    pub(super) fn new(seed: u64) -> Self {
        let unknown = Statement { fingerprint: Fingerprint(0), text: "".into() };
        Self {
            statements: Table::new(LEDGER_STATEMENTS, [unknown]),
            known: Box::default(),
            comments: Box::default(),
            senders: Box::default(),
            seed,
        }
    }

    /// What a text of this template says.
    #[inline]
    pub(super) fn read(&mut self, text: &[u8], template: u64, names: &mut Names) -> Said {
        if self.known.is_empty() {
            self.known = vec![Known::default(); LEDGER_TEXTS].into_boxed_slice();
            self.comments = vec![Comment::default(); LEDGER_TEXTS].into_boxed_slice();
            self.senders = self.comments.clone();
        }
        let known = &self.known[slot(template)];
        if known.template == template && self.statements.is_at(known.statement, known.fingerprint) {
            let (statement, commented) = (known.statement, known.commented);
            let (tag, user) = if commented { self.tags(text, names) } else { (None, 0) };
            return Said { statement, tag, user };
        }
        let statement = self.learn(text, template);
        let (tag, user) = self.tags(text, names);
        Said { statement, tag, user }
    }

    /// The class and the user that the comments around a text name.
    fn tags(&mut self, text: &[u8], names: &mut Names) -> (Option<u32>, u32) {
        let Edges { lead, tail, .. } = edges(text);
        let (mut tag, mut user) = (None, 0);
        for comment in [lead, tail] {
            if !comment.is_empty() {
                let (class, who) = self.comment(comment, names);
                tag = tag.or(class);
                user = if user == 0 { who } else { user };
            }
        }
        (tag, user)
    }

    /// The statement of a text of this template, which is remembered from now on.
    #[cold]
    fn learn(&mut self, text: &[u8], template: u64) -> u32 {
        let fingerprint = sql::fingerprint(text);
        let statement = self.statement(fingerprint, text);
        if statement != NONE {
            let (fingerprint, commented) = (fingerprint.0, may_have_edges(text));
            let known = Known { template, fingerprint, statement, commented };
            self.known[slot(template)] = known;
        }
        statement
    }

    /// The class and the user that a comment names.
    fn comment(&mut self, comment: &[u8], names: &mut Names) -> (Option<u32>, u32) {
        // Bit 0 tells a remembered comment from an empty slot.
        let hash = xxh3_64_with_seed(comment, self.seed) | 1;
        let at = slot(hash);
        let known = self.comments[at];
        if known.hash == hash && known.holds(names) {
            return (known.tag.map(ClassRef::place), known.user);
        }
        let Sender { key, user } = Sender::of(comment, self.seed);
        let user = user.map_or(0, |user| user_hash(&user));
        let tag = self.sender(key | 1, comment, names);
        self.comments[at] = Comment { hash, tag, user };
        (tag.map(ClassRef::place), user)
    }

    /// The class that the tags of a comment with this key name.
    fn sender(&mut self, key: u64, comment: &[u8], names: &mut Names) -> Option<ClassRef> {
        let at = slot(key);
        let known = self.senders[at];
        if known.hash == key && known.holds(names) {
            return known.tag;
        }
        let tag = names.tagged(comment);
        self.senders[at] = Comment { hash: key, tag, user: 0 };
        tag
    }

    fn statement(&mut self, fingerprint: Fingerprint, text: &[u8]) -> u32 {
        if let Some(place) = self.statements.find(fingerprint.0) {
            return place;
        }
        let mut normal = String::new();
        sql::normalise(text, &mut normal, LEDGER_STATEMENT_BYTES);
        let statement = Statement { fingerprint, text: normal.into() };
        self.statements.insert(fingerprint.0, statement).map_or(NONE, |(place, _)| place)
    }

    #[inline]
    pub(super) fn get(&self, place: u32) -> &Statement {
        self.statements.get(place)
    }

    /// One user more. The place of no statement stays without.
    #[inline]
    pub(super) fn retain(&mut self, place: u32) {
        if place != NONE {
            self.statements.retain(place);
        }
    }

    /// One user less.
    #[inline]
    pub(super) fn release(&mut self, place: u32) {
        if place != NONE {
            self.statements.release(place);
        }
    }

    /// How many gave their place to others.
    #[inline]
    pub(super) const fn evicted(&self) -> u64 {
        self.statements.evicted
    }

    /// How many there are, and how many gave their place to others.
    pub(super) fn counts(&self) -> (usize, u64) {
        (self.statements.len(), self.statements.evicted)
    }
}

/// The place of a hash.
#[inline]
fn slot(hash: u64) -> usize {
    (hash >> 32) as usize & (LEDGER_TEXTS - 1)
}
