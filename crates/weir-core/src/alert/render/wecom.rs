//! WeCom: a robot of a group. The address holds the robot's key.

use serde_json::json;

use super::{Request, Sender};
use crate::alert::message::Message;
use crate::incident::State;

/// The longest text the service takes, bytes.
const TEXT_BYTES_MAX: usize = 2_000;

pub(super) fn render(sender: &Sender<'_>, message: &Message) -> Request {
    let call = !matches!(message.state(), State::Watching | State::Closed);
    let mention: &[String] = if call { sender.mention } else { &[] };
    Request::json(&json!({
        "msgtype": "text",
        "text": {
            "content": cut(&message.text(sender.language)),
            "mentioned_mobile_list": mention,
        },
    }))
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
