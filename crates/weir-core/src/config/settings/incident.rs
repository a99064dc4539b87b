//! Incidents, and who is told of them.

use std::time::Duration;

use super::Secret;
use crate::config::choices::{AlertKind, Language};
use crate::incident::{Price, Rules};

/// Incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incidents {
    /// What messages and reports call this installation.
    pub name: String,
    /// The language of messages and reports.
    pub language: Language,
    /// When one opens and closes.
    pub rules: Rules,
    /// What a refused or failed request costs.
    pub price: Option<Price>,
    /// How long they are kept.
    pub keep: Duration,
}

impl Default for Incidents {
    fn default() -> Self {
        Self {
            name: "weir".into(),
            language: Language::En,
            rules: Rules::default(),
            price: None,
            keep: Duration::from_secs(365 * 86_400),
        }
    }
}

/// Somebody who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// The service.
    pub kind: AlertKind,
    /// Where messages go. Most services put a key in it.
    pub url: Secret,
    /// Signing secret, key, password or token.
    pub secret: Option<Secret>,
    /// The user of the mail server.
    pub user: Option<String>,
    /// The sender of mails.
    pub from: Option<String>,
    /// The receivers of mails.
    pub to: Vec<String>,
    /// Telephone numbers that are called by name.
    pub mention: Vec<String>,
    /// The language.
    pub language: Language,
    /// Messages a minute, at most.
    pub per_minute: u32,
    /// File with the issuers that are believed; `None` believes the operating system's.
    pub ca: Option<String>,
}
