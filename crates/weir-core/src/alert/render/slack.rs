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
            { "type": "section", "text": { "type": "mrkdwn", "text": lines } },
        ],
    }))
}

/// Text without Slack's three characters that begin links, mentions and entities; what fits a
/// section, and no entity cut in half.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    let mut room = SECTION_CHARS_MAX;
    for character in text.chars() {
        let mut plain = [0; 4];
        let piece = match character {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            _ => character.encode_utf8(&mut plain),
        };
        let Some(left) = room.checked_sub(piece.chars().count()) else { break };
        room = left;
        escaped.push_str(piece);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_entity_is_cut_in_half() {
        let plain = "x".repeat(SECTION_CHARS_MAX - 4);
        assert_eq!(escape(&format!("{plain}<y")), format!("{plain}&lt;"));
        assert_eq!(escape(&format!("{plain}&y")), plain);
        assert_eq!(escape(&format!("{plain}数据库满了")), format!("{plain}数据库满"));
    }
}
