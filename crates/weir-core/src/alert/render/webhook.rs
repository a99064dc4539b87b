//! Any web service: a CloudEvent 1.0 in structured JSON.

use serde_json::{Value, json};

use super::{Request, Sender};
use crate::alert::message::Message;

pub(super) fn render(sender: &Sender<'_>, message: &Message) -> Request {
    let kind = match message.incident() {
        Some(incident) => format!("weir.incident.{}", incident.state.as_str()),
        None => "weir.test".to_owned(),
    };
    let event = json!({
        "specversion": "1.0",
        "id": format!("{}/{}/{}", message.key(), message.state().as_str(), message.at.0),
        "source": format!("weir/{}", message.installation),
        "type": kind,
        "subject": message.id().map(|id| id.0.as_str()),
        "time": message.at.rfc3339(),
        "datacontenttype": "application/json",
        "data": {
            "title": message.title(sender.language),
            "lines": message.lines(sender.language),
            "merged": message.merged,
            "incident": message.incident(),
        },
    });
    let mut request = Request::json(&without_null(event)).bearer(sender.secret);
    request.content_type = "application/cloudevents+json";
    request
}

/// CloudEvents has no null: an attribute without a value is left out.
fn without_null(mut event: Value) -> Value {
    if let Value::Object(fields) = &mut event {
        fields.retain(|_, value| !value.is_null());
    }
    event
}
