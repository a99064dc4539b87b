//! Slack: an incoming webhook. Of markup only code is used.

use serde_json::json;

use super::{Request, Sender};
use crate::alert::message::Message;

/// A section holds 3000 characters; a longer one is refused whole.
const SECTION_CHARS_MAX: usize = 2_900;

pub(super) fn render(sender: &Sender<'_>, message: &Message) -> Request {
    let title = escape(&message.title(sender.language));
    let lines = escape(&message.lines(sender.language).join("\n"));
    Request::json(&json!({
        "text": title,
        "blocks": [
            { "type": "section", "text": { "type": "mrkdwn", "text": format!("*{title}*") } },
            { "type": "section", "text": { "type": "mrkdwn", "text": cut(&lines) } },
        ],
    }))
}

/// Slack's three characters that begin links, mentions and entities.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str) -> String {
    text.chars().take(SECTION_CHARS_MAX).collect()
}
