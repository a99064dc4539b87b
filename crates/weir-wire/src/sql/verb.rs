//! The word that a statement begins with.

use super::keyword::Key;
use super::lex::Token;

macro_rules! verbs {
    ($($variant:ident = $word:literal),* $(,)?) => {
        /// The word that a statement begins with; opening parentheses are passed over.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Verb {
            $(
                #[doc = concat!("`", $word, "`")]
                $variant,
            )*
            /// Another word, or no word.
            Other,
            /// There is no statement.
            None,
        }

        impl Verb {
            const WORDS: &'static [(Key, &'static str, Self)] =
                &[$((Key::of($word.as_bytes()), $word, Self::$variant)),*];
        }
    };
}

// The frequent ones first: the search is linear.
verbs! {
    Select = "select", Insert = "insert", Update = "update", Delete = "delete", With = "with",
    Begin = "begin", Commit = "commit", Rollback = "rollback", Set = "set",
    Savepoint = "savepoint", Release = "release", Values = "values", Table = "table",
    Merge = "merge", Copy = "copy", Start = "start", End = "end", Abort = "abort",
    Reset = "reset", Show = "show", Discard = "discard", Prepare = "prepare",
    Execute = "execute", Deallocate = "deallocate", Declare = "declare", Fetch = "fetch",
    Move = "move", Close = "close", Listen = "listen", Unlisten = "unlisten",
    Notify = "notify", Lock = "lock", Load = "load", Create = "create", Alter = "alter",
    Drop = "drop", Truncate = "truncate", Grant = "grant", Revoke = "revoke",
    Comment = "comment", Refresh = "refresh", Vacuum = "vacuum", Analyze = "analyze",
    Cluster = "cluster", Reindex = "reindex", Repack = "repack", Explain = "explain",
    Do = "do", Call = "call",
}

impl Verb {
    /// The verb that `token` is, in any case.
    pub(super) fn of(token: Token<'_>) -> Self {
        let same =
            |&&(key, word, _): &&(Key, &str, Self)| key == token.key() && token.is(word.as_bytes());
        Self::WORDS.iter().find(same).map_or(Self::Other, |&(_, _, verb)| verb)
    }

    /// Whether the statement returns or changes rows, so that `INTO` and `WITH` mean what they
    /// mean in a query.
    #[must_use]
    pub fn is_query(self) -> bool {
        matches!(
            self,
            Self::Select
                | Self::With
                | Self::Values
                | Self::Table
                | Self::Insert
                | Self::Update
                | Self::Delete
                | Self::Merge
        )
    }
}
