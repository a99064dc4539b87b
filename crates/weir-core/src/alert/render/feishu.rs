//! Feishu: a robot of a group, signed where a secret is set.

use serde_json::{Value, json};

use super::{Request, Sender};
use crate::alert::message::Message;
use crate::alert::sign;
use crate::incident::{State, Wall};

pub(super) fn render(sender: &Sender<'_>, message: &Message, now: Wall) -> Request {
    let colour = match message.state() {
        State::Open => "red",
        State::Mitigating => "orange",
        State::Watching => "blue",
        State::Closed => "green",
    };
    let title = json!({ "tag": "plain_text", "content": message.title(sender.language) });
    let text = message.lines(sender.language).join("\n");
    let mut body = json!({
        "msg_type": "interactive",
        "card": {
            "header": { "title": title, "template": colour },
            "elements": [
                { "tag": "div", "text": { "tag": "plain_text", "content": text } },
            ],
        },
    });
    if let Some(secret) = sender.secret {
        let seconds = now.0 / 1000;
        body["timestamp"] = Value::String(seconds.to_string());
        body["sign"] = Value::String(sign::feishu(secret.reveal(), seconds));
    }
    Request::json(&body)
}
