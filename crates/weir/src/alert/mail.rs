//! Sends mail. Without TLS only to this machine, where no issuer is named; a server that offers no
//! STARTTLS gets nothing.

use std::time::Duration;

use anyhow::{Context, Result};
use lettre::message::{Mailbox, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use weir_core::alert::{Mail, MailServer, Verdict};
use weir_core::config::settings::Receiver;

/// The longest wait for one answer of the mail server.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// The way to one mail server.
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    /// Where it is, for messages.
    place: String,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mailer({} receivers)", self.to.len())
    }
}

impl Mailer {
    /// Reads the addresses and certificates, connects nowhere.
    pub(super) fn new(server: &MailServer, receiver: &Receiver) -> Result<Self> {
        let mailbox = |text: &str| {
            text.parse::<Mailbox>().with_context(|| format!("`{text}` is no mail address"))
        };
        let from = mailbox(receiver.from.as_deref().unwrap_or_default())?;
        let to = receiver.to.iter().map(|to| mailbox(to)).collect::<Result<_>>()?;
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)
            .port(server.port)
            .timeout(Some(ANSWER_MAX))
            .tls(tls(server, receiver.ca.as_deref())?);
        let transport = match (&receiver.user, &receiver.secret) {
            (Some(user), Some(secret)) => {
                let credentials = Credentials::new(user.clone(), secret.reveal().to_owned());
                builder.credentials(credentials).build()
            }
            (None, _) | (_, None) => builder.build(),
        };
        let place = format!("{}:{}", server.host, server.port);
        Ok(Self { transport, place, from, to })
    }

    /// Sends, and says what became of it.
    pub(super) async fn send(&self, mail: &Mail) -> Verdict {
        let message = match self.message(mail) {
            Ok(message) => message,
            Err(why) => return Verdict::Refused { why: format!("{why:#}") },
        };
        let told = |error: &dyn std::fmt::Display| format!("mail server {}: {error}", self.place);
        match self.transport.send(message).await {
            Ok(_) => Verdict::Delivered,
            Err(error) if error.is_permanent() => Verdict::Refused { why: told(&error) },
            Err(error) => Verdict::Failed { why: told(&error), retry_after: None },
        }
    }

    fn message(&self, mail: &Mail) -> Result<Message> {
        // One thread for one incident, in programs that show threads.
        let thread =
            format!("<{}@weir>", mail.thread.replace(|c: char| !c.is_ascii_graphic(), "-"));
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(&mail.subject)
            .references(thread)
            .header(header::ContentType::TEXT_PLAIN);
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        Ok(builder.body(mail.text.clone())?)
    }
}

fn tls(server: &MailServer, ca: Option<&str>) -> Result<Tls> {
    // Who names issuers wants TLS, also on this machine.
    if server.plain && ca.is_none() {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(server.host.clone());
    if let Some(file) = ca {
        let pem = std::fs::read(file).with_context(|| format!("cannot read {file}"))?;
        let authority =
            Certificate::from_pem(&pem).with_context(|| format!("{file} holds no certificate"))?;
        parameters =
            parameters.certificate_store(CertificateStore::None).add_root_certificate(authority);
    }
    let parameters = parameters.build().context("no TLS for mail")?;
    Ok(if server.tls { Tls::Wrapper(parameters) } else { Tls::Required(parameters) })
}
