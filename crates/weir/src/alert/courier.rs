//! Sends one message to one receiver.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow};
use tokio::time::timeout;
use weir_core::alert::{Destination, Message, Outgoing, Sender, Verdict, render};
use weir_core::config::settings::Receiver;
use weir_core::incident::Wall;

use super::mail::Mailer;
use super::web::Web;

/// The longest one try takes, from the name's look-up to the answer.
const TRY_MAX: Duration = Duration::from_secs(20);

/// Knows the way to one receiver.
#[derive(Debug)]
pub struct Courier {
    receiver: Receiver,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Web(Web),
    Mail(Mailer),
}

impl Courier {
    /// Prepares the way: reads certificates, connects nowhere.
    ///
    /// # Errors
    /// When the address or the certificates cannot be used.
    pub fn new(receiver: &Receiver) -> Result<Self> {
        let parsed = Destination::parse(receiver.kind, receiver.url.reveal());
        let way = match parsed.map_err(|why| anyhow!(why))? {
            Destination::Web(address) => Way::Web(Web::new(address, receiver.ca.as_deref())?),
            Destination::Mail(server) => Way::Mail(Mailer::new(&server, receiver)?),
        };
        Ok(Self { receiver: receiver.clone(), way })
    }

    /// Sends a message, within a bounded time.
    pub async fn deliver(&self, message: &Message) -> Verdict {
        let receiver = &self.receiver;
        let sender = Sender {
            kind: receiver.kind,
            secret: receiver.secret.as_ref(),
            mention: &receiver.mention,
            language: receiver.language,
        };
        let outgoing = render(&sender, message, wall());
        let sent = async {
            match (&self.way, &outgoing) {
                (Way::Web(web), Outgoing::Web(request)) => web.post(receiver.kind, request).await,
                (Way::Mail(mailer), Outgoing::Mail(mail)) => mailer.send(mail).await,
                (Way::Web(_), Outgoing::Mail(_)) | (Way::Mail(_), Outgoing::Web(_)) => {
                    Verdict::Refused { why: "the address is of another kind of service".into() }
                }
            }
        };
        timeout(TRY_MAX, sent).await.unwrap_or_else(|_| Verdict::Failed {
            why: format!("no answer within {} s", TRY_MAX.as_secs()),
            retry_after: None,
        })
    }
}

/// The calendar's present moment.
pub(super) fn wall() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
