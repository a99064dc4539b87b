//! What words mean to the normal form.

use super::keyword::{Key, KeySet};

/// What was written last; it decides on spaces and on the meaning of signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// Nothing, or a semicolon.
    Start,
    /// An opening bracket, a dot or a cast: what follows is joined to it.
    Joint,
    /// A comma or an operator: an operand follows.
    Operator,
    /// A keyword after which an operand follows.
    Keyword(Keyword),
    /// A name, or a keyword that behaves like one.
    Name,
    /// A constant, a closing bracket or a stray byte.
    Operand,
}

/// Keywords that have a meaning here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    In,
    Values,
    Other,
}

/// Which names are written as `?`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hidden {
    None,
    /// The next one: drivers number prepared statements and cursors.
    Next,
    /// All to the end of the statement: savepoints and cursors.
    All,
    /// All after the equals sign or `TO` of a `SET`.
    Values,
}

/// How a word behaves.
#[inline]
pub(super) fn class(word: Key) -> Last {
    if word == IN {
        Last::Keyword(Keyword::In)
    } else if word == VALUES {
        Last::Keyword(Keyword::Values)
    } else if KEYWORDS.contains(word) {
        Last::Keyword(Keyword::Other)
    } else {
        Last::Name
    }
}

/// Which names a statement hides that begins with `word`.
pub(super) fn hidden_after(word: Key) -> Hidden {
    if word == SET {
        Hidden::Values
    } else if HIDE_ALL.contains(word) {
        Hidden::All
    } else if HIDE_NEXT.contains(word) {
        Hidden::Next
    } else {
        Hidden::None
    }
}

const IN: Key = Key::of(b"in");
const VALUES: Key = Key::of(b"values");
const SET: Key = Key::of(b"set");
pub(super) const TO: Key = Key::of(b"to");

/// Words that are constants where an operand is wanted.
pub(super) static CONSTANTS: KeySet<3> = KeySet::new(["null", "true", "false"]);

/// Keywords after which an operand follows, or an opening parenthesis that belongs to no call.
static KEYWORDS: KeySet<36> = KeySet::new([
    "select",
    "from",
    "where",
    "and",
    "or",
    "not",
    "on",
    "as",
    "by",
    "case",
    "when",
    "then",
    "else",
    "between",
    "like",
    "ilike",
    "limit",
    "offset",
    "having",
    "union",
    "all",
    "except",
    "intersect",
    "distinct",
    "join",
    "using",
    "over",
    "with",
    "set",
    "to",
    "returning",
    "lateral",
    "filter",
    "within",
    "do",
    "is",
]);

/// Statements all of whose names are numbered by drivers.
static HIDE_ALL: KeySet<8> = KeySet::new([
    "savepoint",
    "release",
    "rollback",
    "abort",
    "close",
    "deallocate",
    "fetch",
    "move",
]);

/// Statements whose first name is numbered by drivers.
static HIDE_NEXT: KeySet<3> = KeySet::new(["declare", "prepare", "execute"]);

/// Words that are grammar where names are hidden.
pub(super) static GRAMMAR: KeySet<21> = KeySet::new([
    "savepoint",
    "to",
    "work",
    "transaction",
    "and",
    "no",
    "chain",
    "prepared",
    "prepare",
    "all",
    "next",
    "prior",
    "first",
    "last",
    "absolute",
    "relative",
    "forward",
    "backward",
    "from",
    "in",
    "default",
]);
