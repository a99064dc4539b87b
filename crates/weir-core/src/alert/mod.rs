//! Who is told what of an incident, when, and in which form. Pure: bytes to send come out.
//!
//! | file | job |
//! | --- | --- |
//! | `message` | one change of an incident, in words |
//! | `outbox` | what is sent next to one receiver: grouping, rate, retries |
//! | `destination` | addresses, checked |
//! | `sign` | DingTalk's and Feishu's signatures |
//! | `render` | one file a service: the body it wants, and how it says no |

mod destination;
mod message;
mod outbox;
mod render;
mod sign;

pub use destination::{Destination, MailServer, WebAddress};
pub use message::{Message, More, Occasion};
pub use outbox::{Outbox, Settled};
pub use render::{Header, Mail, Outgoing, Request, Sender, Verdict, render, verdict};

#[cfg(test)]
mod tests;
