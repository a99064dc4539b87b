//! What Weir says when something goes wrong: SQLSTATE codes and the report around them.
//!
//! Codes: PostgreSQL documentation, appendix "PostgreSQL Error Codes".

use std::fmt;

/// A five-character SQLSTATE code of digits and capital letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// Nothing went wrong (`successful_completion`).
    pub const SUCCESSFUL_COMPLETION: Self = Self(*b"00000");
    /// A warning without a code of its own.
    pub const WARNING: Self = Self(*b"01000");
    /// No connection to the server could be made.
    pub const UNABLE_TO_CONNECT: Self = Self(*b"08001");
    /// The server refused the connection.
    pub const CONNECTION_REJECTED: Self = Self(*b"08004");
    /// The connection to the server broke.
    pub const CONNECTION_FAILURE: Self = Self(*b"08006");
    /// Whether the transaction took place is not known.
    pub const TRANSACTION_RESOLUTION_UNKNOWN: Self = Self(*b"08007");
    /// The peer broke the protocol.
    pub const PROTOCOL_VIOLATION: Self = Self(*b"08P01");
    /// Weir does not offer this.
    pub const FEATURE_NOT_SUPPORTED: Self = Self(*b"0A000");
    /// A parameter's value is not allowed.
    pub const INVALID_PARAMETER_VALUE: Self = Self(*b"22023");
    /// The command must not run inside a transaction.
    pub const ACTIVE_TRANSACTION: Self = Self(*b"25001");
    /// The command needs a transaction.
    pub const NO_ACTIVE_TRANSACTION: Self = Self(*b"25P01");
    /// The transaction has failed; only ROLLBACK helps.
    pub const IN_FAILED_TRANSACTION: Self = Self(*b"25P02");
    /// The transaction sat idle for too long and was ended.
    pub const IDLE_IN_TRANSACTION_TIMEOUT: Self = Self(*b"25P03");
    /// The transaction as a whole took too long.
    pub const TRANSACTION_TIMEOUT: Self = Self(*b"25P04");
    /// The prepared statement does not exist.
    pub const INVALID_STATEMENT_NAME: Self = Self(*b"26000");
    /// The user may not log in this way.
    pub const INVALID_AUTHORIZATION: Self = Self(*b"28000");
    /// The password is wrong.
    pub const INVALID_PASSWORD: Self = Self(*b"28P01");
    /// The portal or cursor does not exist.
    pub const INVALID_CURSOR_NAME: Self = Self(*b"34000");
    /// The database does not exist.
    pub const INVALID_CATALOG_NAME: Self = Self(*b"3D000");
    /// The user lacks a privilege.
    pub const INSUFFICIENT_PRIVILEGE: Self = Self(*b"42501");
    /// The statement does not parse.
    pub const SYNTAX_ERROR: Self = Self(*b"42601");
    /// The named object does not exist.
    pub const UNDEFINED_OBJECT: Self = Self(*b"42704");
    /// The portal or cursor exists already.
    pub const DUPLICATE_CURSOR: Self = Self(*b"42P03");
    /// The prepared statement exists already.
    pub const DUPLICATE_PREPARED_STATEMENT: Self = Self(*b"42P05");
    /// Memory is short.
    pub const OUT_OF_MEMORY: Self = Self(*b"53200");
    /// No slot is free and none became free in time.
    pub const TOO_MANY_CONNECTIONS: Self = Self(*b"53300");
    /// A limit from the configuration was reached.
    pub const CONFIGURATION_LIMIT_EXCEEDED: Self = Self(*b"53400");
    /// A limit that is built in was reached.
    pub const PROGRAM_LIMIT_EXCEEDED: Self = Self(*b"54000");
    /// The object is not in the state that the command needs.
    pub const OBJECT_NOT_IN_PREREQUISITE_STATE: Self = Self(*b"55000");
    /// The object is in use.
    pub const OBJECT_IN_USE: Self = Self(*b"55006");
    /// A lock could not be had in time.
    pub const LOCK_NOT_AVAILABLE: Self = Self(*b"55P03");
    /// The statement was cancelled, by its user or by a time limit.
    pub const QUERY_CANCELED: Self = Self(*b"57014");
    /// An operator ended the connection, or the server is shutting down.
    pub const ADMIN_SHUTDOWN: Self = Self(*b"57P01");
    /// The server crashed.
    pub const CRASH_SHUTDOWN: Self = Self(*b"57P02");
    /// The server is starting, stopping or paused.
    pub const CANNOT_CONNECT_NOW: Self = Self(*b"57P03");
    /// The database was dropped under the connection.
    pub const DATABASE_DROPPED: Self = Self(*b"57P04");
    /// The session sat idle for too long.
    pub const IDLE_SESSION_TIMEOUT: Self = Self(*b"57P05");
    /// A system call failed.
    pub const IO_ERROR: Self = Self(*b"58030");
    /// The configuration file is wrong.
    pub const CONFIG_FILE_ERROR: Self = Self(*b"F0000");
    /// A bug of ours.
    pub const INTERNAL_ERROR: Self = Self(*b"XX000");

    /// Reads a code; `None` unless it is five digits or capital letters.
    #[must_use]
    pub fn parse(code: &[u8]) -> Option<Self> {
        let code = <[u8; 5]>::try_from(code).ok()?;
        let valid = code.iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
        valid.then_some(Self(code))
    }

    /// The five bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 5] {
        &self.0
    }

    /// The five characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Both constructors admit ASCII only, so the default is never taken.
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The first two characters, which name the class of the condition.
    #[must_use]
    pub const fn class(self) -> [u8; 2] {
        [self.0[0], self.0[1]]
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqlState({self})")
    }
}

/// How bad a report is. Weir sends these four only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The statement failed; the connection lives on.
    Error,
    /// The connection ends after this.
    Fatal,
    /// Something to know.
    Notice,
    /// Something to look at.
    Warning,
}

impl Severity {
    /// The word in fields `S` and `V`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Notice => "NOTICE",
            Self::Warning => "WARNING",
        }
    }
}

/// An error or notice as Weir sends it to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report<'a> {
    /// How bad it is.
    pub severity: Severity,
    /// The code that programs act on.
    pub sqlstate: SqlState,
    /// One sentence: what happened.
    pub message: &'a str,
    /// Facts behind it.
    pub detail: Option<&'a str>,
    /// What to do about it.
    pub hint: Option<&'a str>,
}

impl<'a> Report<'a> {
    /// A report without detail and hint.
    #[must_use]
    pub const fn new(severity: Severity, sqlstate: SqlState, message: &'a str) -> Self {
        Self { severity, sqlstate, message, detail: None, hint: None }
    }

    /// The statement failed; the connection lives on.
    #[must_use]
    pub const fn error(sqlstate: SqlState, message: &'a str) -> Self {
        Self::new(Severity::Error, sqlstate, message)
    }

    /// The connection ends after this.
    #[must_use]
    pub const fn fatal(sqlstate: SqlState, message: &'a str) -> Self {
        Self::new(Severity::Fatal, sqlstate, message)
    }

    /// Something to know.
    #[must_use]
    pub const fn notice(message: &'a str) -> Self {
        Self::new(Severity::Notice, SqlState::SUCCESSFUL_COMPLETION, message)
    }

    /// Something to look at.
    #[must_use]
    pub const fn warning(sqlstate: SqlState, message: &'a str) -> Self {
        Self::new(Severity::Warning, sqlstate, message)
    }

    /// Adds the facts behind it.
    #[must_use]
    pub const fn with_detail(mut self, detail: &'a str) -> Self {
        self.detail = Some(detail);
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub const fn with_hint(mut self, hint: &'a str) -> Self {
        self.hint = Some(hint);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_five_digits_or_capitals() {
        assert_eq!(SqlState::parse(b"53300"), Some(SqlState::TOO_MANY_CONNECTIONS));
        assert_eq!(SqlState::parse(b"53300").map(|s| s.to_string()), Some("53300".into()));
        for wrong in [&b"5330"[..], b"533000", b"53a00", b"5330\0", b"\xff\xff\xff\xff\xff"] {
            assert_eq!(SqlState::parse(wrong), None);
        }
    }

    #[test]
    fn the_class_is_the_first_two_characters() {
        assert_eq!(SqlState::QUERY_CANCELED.class(), *b"57");
    }
}
