//! Addresses of receivers, checked before they are needed.

use crate::config::choices::AlertKind;

/// Where messages of one receiver go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A web service.
    Web(WebAddress),
    /// A mail server.
    Mail(MailServer),
}

/// An `http` or `https` address.
#[derive(Clone, PartialEq, Eq)]
pub struct WebAddress {
    /// Whether it is TLS.
    pub tls: bool,
    /// The host's name or address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path and query, from its `/`. Often holds a key.
    pub path: String,
}

/// The path is not shown: most services put a key in it.
impl std::fmt::Debug for WebAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}/***", self.host, self.port)
    }
}

/// A mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailServer {
    /// TLS from the start (`smtps`); else STARTTLS.
    pub tls: bool,
    /// The host's name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Without STARTTLS: only on this machine.
    pub plain: bool,
}

impl Destination {
    /// Reads an address for one kind of service.
    ///
    /// # Errors
    /// A message that does not repeat the address, which may hold a key.
    pub fn parse(kind: AlertKind, url: &str) -> Result<Self, String> {
        let wrong = |form: &str| format!("this is no address for {}: write {form}", kind.as_str());
        let web = "https://host/path";
        let mail = "smtps://host:465 or smtp://host:587";
        let form = if kind == AlertKind::Email { mail } else { web };
        let Some((scheme, rest)) = url.trim().split_once("://") else { return Err(wrong(form)) };
        if rest.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(wrong(form));
        }
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (tls, port) = match (kind, scheme) {
            (AlertKind::Email, "smtps") => (true, 465),
            (AlertKind::Email, "smtp") => (false, 587),
            (AlertKind::Email, _) => return Err(wrong(mail)),
            (_, "https") => (true, 443),
            (_, "http") => (false, 80),
            (_, _) => return Err(wrong(web)),
        };
        let (host, port) = host_and_port(authority, port).ok_or_else(|| wrong(form))?;
        if kind == AlertKind::Email {
            let plain = !tls && is_loopback(&host);
            return Ok(Self::Mail(MailServer { tls, host, port, plain }));
        }
        let public = !matches!(kind, AlertKind::Webhook | AlertKind::Alertmanager);
        if public && !tls && !is_loopback(&host) {
            return Err(
                "this address holds a key and would show it to the network: use https".into()
            );
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self::Web(WebAddress { tls, host, port, path }))
    }
}

fn host_and_port(authority: &str, default: u16) -> Option<(String, u16)> {
    if authority.contains('@') {
        return None;
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            (host, after.strip_prefix(':').or(after.is_empty().then_some(""))?)
        }
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    let port = if port.is_empty() { default } else { port.parse().ok()? };
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: AlertKind, url: &str, expected: Option<(&str, u16, bool, &str)>) {
        let found = Destination::parse(kind, url);
        match (&found, expected) {
            (Ok(Destination::Web(web)), Some(expected)) => {
                assert_eq!((web.host.as_str(), web.port, web.tls, web.path.as_str()), expected);
            }
            (Ok(Destination::Mail(mail)), Some(expected)) => {
                let plain = if mail.plain { "plain" } else { "" };
                assert_eq!((mail.host.as_str(), mail.port, mail.tls, plain), expected);
            }
            (Err(message), None) => assert!(!message.contains("KEY"), "{message}"),
            (_, _) => panic!("{url}: {found:?}"),
        }
    }

    #[test]
    fn addresses_are_read_and_wrong_ones_are_refused_without_repeating_them() {
        use AlertKind::{Dingtalk, Email, Webhook};
        check(Webhook, "https://h/a?b=c", Some(("h", 443, true, "/a?b=c")));
        check(Webhook, "http://[::1]:8080", Some(("::1", 8080, false, "/")));
        check(Webhook, "https://h?x=1", Some(("h", 443, true, "/?x=1")));
        check(Email, "smtps://mail", Some(("mail", 465, true, "")));
        check(Email, "smtp://mail:25", Some(("mail", 25, false, "")));
        check(Email, "smtp://127.0.0.1:25", Some(("127.0.0.1", 25, false, "plain")));
        check(
            Dingtalk,
            "http://127.0.0.1:1/robot?access_token=KEY",
            Some(("127.0.0.1", 1, false, "/robot?access_token=KEY")),
        );
        for (kind, url) in [
            (Webhook, "KEY"),
            (Webhook, "ftp://h/KEY"),
            (Webhook, "https://user:KEY@h/"),
            (Webhook, "https://h:99999/KEY"),
            (Webhook, "https:///KEY"),
            (Webhook, "https://h/a\r\nKEY: x"),
            (Email, "https://h/KEY"),
            (Dingtalk, "http://oapi.example.com/robot?access_token=KEY"),
        ] {
            check(kind, url, None);
        }
    }
}
