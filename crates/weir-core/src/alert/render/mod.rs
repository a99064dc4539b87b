//! What each service wants to read, and what its answers mean.

mod alertmanager;
mod dingtalk;
mod feishu;
mod mail;
mod pagerduty;
mod slack;
mod webhook;
mod wecom;

use std::time::Duration;

use serde_json::Value;

use super::message::Message;
use crate::config::choices::{AlertKind, Language};
use crate::config::settings::Secret;
use crate::incident::Wall;

/// What of a receiver goes into a message.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// The service.
    pub kind: AlertKind,
    /// Signing secret, key or token.
    pub secret: Option<&'a Secret>,
    /// Telephone numbers that are called by name.
    pub mention: &'a [String],
    /// The language.
    pub language: Language,
}

/// Something to send.
#[derive(Debug, Clone, PartialEq)]
pub enum Outgoing {
    /// An HTTP request.
    Web(Request),
    /// A mail.
    Mail(Mail),
}

/// A header that may be secret.
pub type Header = (&'static str, Secret);

/// A POST of JSON.
#[derive(Clone, PartialEq)]
pub struct Request {
    /// What is appended to the path of the receiver's address.
    pub path: String,
    /// What is appended to its query, without `?` or `&`; often a signature.
    pub query: String,
    /// Further headers.
    pub headers: Vec<Header>,
    /// The content type.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

/// Query and body can hold signatures and keys: they are not shown.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Request({} bytes)", self.body.len())
    }
}

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The subject, one line.
    pub subject: String,
    /// The body.
    pub text: String,
    /// The same for all mails of one incident, so that programs show them together.
    pub thread: String,
}

impl Request {
    fn json(body: &Value) -> Self {
        Self {
            path: String::new(),
            query: String::new(),
            headers: Vec::new(),
            content_type: "application/json",
            body: body.to_string(),
        }
    }

    fn bearer(mut self, secret: Option<&Secret>) -> Self {
        let header = |secret: &Secret| Secret::new(format!("Bearer {}", secret.reveal()));
        self.headers.extend(secret.map(|secret| ("authorization", header(secret))));
        self
    }
}

/// What to send.
#[must_use]
pub fn render(sender: &Sender<'_>, message: &Message, now: Wall) -> Outgoing {
    Outgoing::Web(match sender.kind {
        AlertKind::Webhook => webhook::render(sender, message),
        AlertKind::Alertmanager => alertmanager::render(sender, message, now),
        AlertKind::Slack => slack::render(sender, message),
        AlertKind::Pagerduty => pagerduty::render(sender, message),
        AlertKind::Dingtalk => dingtalk::render(sender, message, now),
        AlertKind::Feishu => feishu::render(sender, message, now),
        AlertKind::Wecom => wecom::render(sender, message),
        AlertKind::Email => return Outgoing::Mail(mail::render(sender, message)),
    })
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It arrived.
    Delivered,
    /// It did not arrive now; a later try may.
    Failed {
        /// Why, for the log.
        why: String,
        /// What the service says about when to try again.
        retry_after: Option<Duration>,
    },
    /// The service will never take it.
    Refused {
        /// Why, for the log.
        why: String,
    },
}

/// What an HTTP answer means. `retry_after` is the header's value.
#[must_use]
pub fn verdict(kind: AlertKind, status: u16, retry_after: Option<&str>, body: &str) -> Verdict {
    let seconds = retry_after.and_then(|text| text.trim().parse().ok());
    let wait = seconds.map(|seconds: u64| Duration::from_secs(seconds.min(3_600)));
    match status {
        200..=299 => in_body(kind, body),
        408 | 425 | 429 | 500..=599 => {
            Verdict::Failed { why: format!("HTTP status {status}"), retry_after: wait }
        }
        status => Verdict::Refused { why: format!("HTTP status {status}") },
    }
}

/// DingTalk, Feishu and WeCom answer 200 and say in the body what went wrong.
fn in_body(kind: AlertKind, body: &str) -> Verdict {
    // A number of the service, and those of them that mean "too fast".
    let (field, too_fast): (&str, &[i64]) = match kind {
        AlertKind::Dingtalk => ("errcode", &[130_101, 410_100]),
        AlertKind::Wecom => ("errcode", &[45_009, 45_033]),
        AlertKind::Feishu => ("code", &[9_499, 11_232]),
        AlertKind::Webhook
        | AlertKind::Alertmanager
        | AlertKind::Slack
        | AlertKind::Pagerduty
        | AlertKind::Email => return Verdict::Delivered,
    };
    let answer: Value = serde_json::from_str(body).unwrap_or_default();
    let busy = || Verdict::Failed {
        why: format!("{} is sent too much", kind.as_str()),
        retry_after: Some(Duration::from_secs(60)),
    };
    match answer[field].as_i64() {
        Some(0) => Verdict::Delivered,
        Some(code) if too_fast.contains(&code) => busy(),
        // The service's text could repeat what it was sent; its number says enough.
        Some(code) => Verdict::Refused { why: format!("{field} {code}") },
        None => Verdict::Failed { why: format!("no {field} in the answer"), retry_after: None },
    }
}
