//! The word that a statement begins with.

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
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),*];
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
    /// The verb that `word` is, in any case.
    #[must_use]
    pub fn of(word: &[u8]) -> Self {
        let found = Self::WORDS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
        found.map_or(Self::Other, |&(_, verb)| verb)
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
