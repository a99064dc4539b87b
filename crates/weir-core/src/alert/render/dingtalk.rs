//! DingTalk: a robot of a group, signed where a secret is set. The address holds the robot's token.

use serde_json::json;

use super::{Request, Sender};
use crate::alert::message::Message;
use crate::alert::sign;
use crate::incident::{State, Wall};

pub(super) fn render(sender: &Sender<'_>, message: &Message, now: Wall) -> Request {
    let title = message.title(sender.language);
    let lines = message.lines(sender.language).join("\n\n");
    // Nobody is called by name to hear that all is well.
    let call = !matches!(message.state(), State::Watching | State::Closed);
    let mention: &[String] = if call { sender.mention } else { &[] };
    let called: String = mention.iter().map(|mobile| format!(" @{mobile}")).collect();
    let mut request = Request::json(&json!({
        "msgtype": "markdown",
        "markdown": { "title": title, "text": format!("### {title}\n\n{lines}\n\n{called}") },
        "at": { "atMobiles": mention, "isAtAll": false },
    }));
    if let Some(secret) = sender.secret {
        let signature = sign::percent_encode(&sign::dingtalk(secret.reveal(), now.0));
        request.query = format!("timestamp={}&sign={signature}", now.0);
    }
    request
}
