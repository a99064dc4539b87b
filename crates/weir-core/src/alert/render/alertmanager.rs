//! Prometheus Alertmanager: its v2 API, `POST /api/v2/alerts`.

use serde_json::json;

use super::{Request, Sender};
use crate::alert::message::Message;
use crate::incident::{State, Wall};

/// An alert without an end is forgotten after some minutes unless it is sent again, which only a
/// Prometheus does. So it gets an end that is far away, and the closing message brings it near.
const DAY_MILLIS: u64 = 86_400_000;

pub(super) fn render(sender: &Sender<'_>, message: &Message, now: Wall) -> Request {
    let starts = message.incident().map_or(message.at, |incident| incident.opened);
    let ends = match message.state() {
        State::Closed => now.0.max(starts.0 + 1),
        State::Open | State::Mitigating | State::Watching => now.0 + DAY_MILLIS,
    };
    let cause = message.incident().and_then(|incident| incident.lead());
    let alert = json!([{
        // Labels say which alert it is, so nothing that changes may be among them.
        "labels": {
            "alertname": "WeirIncident",
            "installation": message.installation,
            "incident": message.id().map_or("test", |id| id.0.as_str()),
            "severity": "critical",
        },
        "annotations": {
            "summary": message.title(sender.language),
            "description": message.lines(sender.language).join("\n"),
            "state": message.state().as_str(),
            "cause": cause.map_or("", |suspect| suspect.finding.cause.id()),
        },
        "startsAt": starts.rfc3339(),
        "endsAt": Wall(ends).rfc3339(),
    }]);
    let mut request = Request::json(&alert).bearer(sender.secret);
    request.path = "/api/v2/alerts".to_owned();
    request
}
