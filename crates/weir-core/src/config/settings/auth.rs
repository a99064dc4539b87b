//! Who may come in, and what they prove it with.

use std::fmt;
use std::time::Duration;

use super::pool::Timeouts;
use crate::config::choices::{AuthMethod, PoolMode};

/// Text that must not be printed: `Debug` shows only that it is there.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself. Every caller is a place to look at in review.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// How clients prove who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// The method for every client; `Hba` asks `hba_file` for each.
    pub method: AuthMethod,
    /// The rules for `Hba`, in their order; `None` with every other method.
    pub hba: Option<crate::config::hba::HbaRules>,
    /// Iterations of a SCRAM verifier made here from a plain password.
    pub scram_iterations: u32,
}

impl Default for Auth {
    fn default() -> Self {
        Self { method: AuthMethod::default(), hba: None, scram_iterations: 4096 }
    }
}

/// How the secret of a user that is not in the configuration is fetched from PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthQuery {
    /// The statement; `$1` is the user's name, the answer is (name, secret).
    pub query: String,
    /// The user it runs as.
    pub user: String,
    /// That user's password, where it is known.
    pub password: Option<Secret>,
    /// The database it runs in, by PostgreSQL's name.
    pub database: String,
}

/// A user who may log in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// What it proves itself with.
    pub secret: UserSecret,
    /// What differs for it.
    pub overrides: UserOverrides,
}

/// What is stored about a user's password.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum UserSecret {
    /// Nothing: the user can log in only where no secret is asked, or by `auth.query`.
    #[default]
    None,
    /// The password itself: works for every method, and to log in to servers.
    Plain(Secret),
    /// `md5` and 32 hex digits over password and user name.
    Md5(Secret),
    /// `SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>`.
    ScramVerifier(Secret),
}

impl UserSecret {
    /// Tells the forms apart as PostgreSQL's `get_password_type` does: a text that is not a
    /// well-formed hash is a plain password. Empty text is no secret.
    #[must_use]
    pub fn classify(text: &str) -> Self {
        if text.is_empty() {
            Self::None
        } else if is_md5(text) {
            Self::Md5(Secret::new(text))
        } else if is_scram_verifier(text) {
            Self::ScramVerifier(Secret::new(text))
        } else {
            Self::Plain(Secret::new(text))
        }
    }

    /// The password itself, where it is known.
    #[must_use]
    pub fn plain(&self) -> Option<&Secret> {
        match self {
            Self::Plain(secret) => Some(secret),
            Self::None | Self::Md5(_) | Self::ScramVerifier(_) => None,
        }
    }
}

fn is_md5(text: &str) -> bool {
    text.strip_prefix("md5").is_some_and(|hex| {
        hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn is_scram_verifier(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("SCRAM-SHA-256$") else { return false };
    let Some((head, keys)) = rest.split_once('$') else { return false };
    let Some((iterations, salt)) = head.split_once(':') else { return false };
    let Some((stored, server)) = keys.split_once(':') else { return false };
    // A SHA-256 digest is 44 characters of base64.
    iterations.parse::<u32>().is_ok_and(|count| count > 0)
        && is_base64(salt)
        && [stored, server].iter().all(|key| key.len() == 44 && is_base64(key))
}

fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty()
        && text.len().is_multiple_of(4)
        && text.len() - body.len() <= 2
        && body.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}

/// What differs for one user. `None` everywhere means the database's or the general value;
/// `Some(None)` switches a limit off.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserOverrides {
    /// When server connections go back.
    pub pool_mode: Option<PoolMode>,
    /// Slots of each of the user's pools.
    pub pool_size: Option<u32>,
    /// Extra slots of each of the user's pools.
    pub reserve_size: Option<u32>,
    /// Server connections over all of the user's pools.
    pub servers_max: Option<Option<u32>>,
    /// Client connections of the user.
    pub clients_max: Option<Option<u32>>,
    /// Longest wait for a slot.
    pub query_wait_timeout: Option<Option<Duration>>,
    /// Longest statement.
    pub statement_timeout: Option<Option<Duration>>,
    /// Longest transaction.
    pub transaction_timeout: Option<Option<Duration>>,
    /// Longest silence inside a transaction.
    pub idle_transaction_timeout: Option<Option<Duration>>,
    /// Longest silence outside one.
    pub client_idle_timeout: Option<Option<Duration>>,
}

impl UserOverrides {
    /// `general` with what differs for this user.
    #[must_use]
    pub fn timeouts_over(&self, general: &Timeouts) -> Timeouts {
        Timeouts {
            statement: self.statement_timeout.unwrap_or(general.statement),
            transaction: self.transaction_timeout.unwrap_or(general.transaction),
            idle_transaction: self.idle_transaction_timeout.unwrap_or(general.idle_transaction),
            client_idle: self.client_idle_timeout.unwrap_or(general.client_idle),
            ..general.clone()
        }
    }
}
