//! Why a client is turned away: one text for the client, one for the log.

use weir_wire::error::{Report, SqlState};

/// A refusal of a login. The client gets a FATAL error with these fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code that programs act on.
    pub sqlstate: SqlState,
    /// One sentence for the client.
    pub message: String,
    /// Facts the client may know.
    pub detail: Option<String>,
    /// What the client can do.
    pub hint: Option<String>,
    /// What only the log may know: the true reason of a failed authentication, for example.
    pub log: Option<String>,
}

impl Refusal {
    /// A refusal of one sentence.
    #[must_use]
    pub fn new(sqlstate: SqlState, message: impl Into<String>) -> Self {
        Self { sqlstate, message: message.into(), detail: None, hint: None, log: None }
    }

    /// Adds facts.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds what the client can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what only the log may know.
    #[must_use]
    pub fn log(mut self, log: impl Into<String>) -> Self {
        self.log = Some(log.into());
        self
    }

    /// The one answer to every failed authentication, so that a user who does not exist cannot be
    /// told from a wrong password. `reason` goes to the log.
    #[must_use]
    pub fn authentication(user: &str, reason: impl Into<String>) -> Self {
        Self::new(
            SqlState::INVALID_PASSWORD,
            format!("password authentication failed for user \"{user}\""),
        )
        .log(reason)
    }

    /// A protocol violation during login.
    #[must_use]
    pub fn protocol(message: impl Into<String>) -> Self {
        Self::new(SqlState::PROTOCOL_VIOLATION, message)
    }

    /// The error as it goes to the client.
    #[must_use]
    pub fn report(&self) -> Report<'_> {
        let mut report = Report::fatal(self.sqlstate, &self.message);
        report.detail = self.detail.as_deref();
        report.hint = self.hint.as_deref();
        report
    }
}
