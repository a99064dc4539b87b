//! PagerDuty: Events API v2. The key puts all messages of an incident into one.

use serde_json::json;

use super::{Request, Sender};
use crate::alert::message::{Message, Occasion};
use crate::incident::State;

/// The longest summary the service takes, characters.
const SUMMARY_CHARS_MAX: usize = 1_024;

pub(super) fn render(sender: &Sender<'_>, message: &Message) -> Request {
    let (action, severity) = match (&message.occasion, message.state()) {
        (Occasion::Test, _) => ("trigger", "info"),
        (Occasion::Change(_), State::Open | State::Mitigating) => ("trigger", "critical"),
        (Occasion::Change(_), State::Watching) => ("trigger", "warning"),
        (Occasion::Change(_), State::Closed) => ("resolve", "info"),
    };
    let cause = message.incident().and_then(|incident| incident.lead());
    let title = message.title(sender.language);
    Request::json(&json!({
        "routing_key": sender.secret.map_or("", |secret| secret.reveal()),
        "event_action": action,
        "dedup_key": message.key(),
        "payload": {
            "summary": title.chars().take(SUMMARY_CHARS_MAX).collect::<String>(),
            "source": message.installation,
            "severity": severity,
            "timestamp": message.at.rfc3339(),
            "component": "postgresql",
            "class": cause.map_or("", |suspect| suspect.finding.cause.id()),
            "custom_details": {
                "state": message.state().as_str(),
                "lines": message.lines(sender.language),
            },
        },
    }))
}
