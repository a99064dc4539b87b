//! Mail: subject and plain text.

use super::{Mail, Sender};
use crate::alert::message::Message;

pub(super) fn render(sender: &Sender<'_>, message: &Message) -> Mail {
    let subject = message.title(sender.language);
    Mail {
        // One line, whatever the installation is called.
        subject: subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
        text: message.text(sender.language),
        thread: message.key(),
    }
}
