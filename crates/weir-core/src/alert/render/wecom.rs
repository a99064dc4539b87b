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
    let text = message.text(sender.language);
    Request::json(&json!({
        "msgtype": "text",
        "text": {
            "content": text[..text.floor_char_boundary(TEXT_BYTES_MAX)],
            "mentioned_mobile_list": mention,
        },
    }))
}
