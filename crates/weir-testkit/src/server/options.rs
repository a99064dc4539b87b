//! What a private server is started with, and the configuration files that follow from it.

use std::path::Path;

use anyhow::Result;

use crate::find::Want;

/// The superuser's password where one is asked for.
const PASSWORD: &str = "weir-secret";

/// How clients on TCP prove who they are; the unix socket always trusts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Auth {
    /// Nobody has to.
    #[default]
    Trust,
    /// By SCRAM-SHA-256.
    Scram,
    /// By md5.
    Md5,
    /// By a password in clear text.
    Password,
}

impl Auth {
    const fn method(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::Scram => "scram-sha-256",
            Self::Md5 => "md5",
            Self::Password => "password",
        }
    }
}

/// For servers that live a minute: quick to start, small, deterministic. A commit is written to the
/// log but not forced to the disk: it outlives the server's crash, not the machine's.
const SETTINGS: [(&str, &str); 15] = [
    ("listen_addresses", "127.0.0.1"),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("shared_buffers", "16MB"),
    ("min_wal_size", "2MB"),
    ("max_wal_size", "64MB"),
    ("huge_pages", "off"),
    ("jit", "off"),
    ("max_connections", "100"),
    ("max_prepared_transactions", "16"),
    ("unix_socket_permissions", "0777"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("lc_messages", "C"),
    ("log_line_prefix", "%m [%p] %q%u@%d "),
];

/// What to start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    want: Want,
    settings: Vec<(String, String)>,
    auth: Auth,
    port: Option<u16>,
    #[cfg(feature = "tls")]
    tls: Option<crate::tls::Pem>,
}

impl Options {
    /// A server that fits `want`, with quick settings, trusting its clients.
    #[must_use]
    pub fn new(want: Want) -> Self {
        Self { want, ..Self::default() }
    }

    /// Sets a parameter, over the quick defaults.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The port on 127.0.0.1; `None` for any that is free.
    #[must_use]
    pub fn port(mut self, port: Option<u16>) -> Self {
        self.port = port;
        self
    }

    /// Asks clients on TCP for proof.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Speaks TLS with this certificate and key. Clients may still connect without.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, server: crate::tls::Pem) -> Self {
        self.want.tls = true;
        self.tls = Some(server);
        self
    }

    pub(super) fn want(&self) -> Want {
        self.want
    }

    pub(super) fn fixed_port(&self) -> Option<u16> {
        self.port
    }

    /// The superuser's password; `None` where none is asked for.
    pub(super) fn password(&self) -> Option<&'static str> {
        (self.auth != Auth::Trust).then_some(PASSWORD)
    }

    /// The files of a data directory: name and text.
    pub(super) fn files(&self, socket: &Path, data: &Path) -> Result<Vec<(String, String)>> {
        let mut settings: Vec<(String, String)> =
            SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        settings.push(("unix_socket_directories".to_owned(), socket.display().to_string()));
        let encryption = if self.auth == Auth::Md5 { "md5" } else { "scram-sha-256" };
        settings.push(("password_encryption".to_owned(), encryption.to_owned()));
        let mut files = Vec::new();
        #[cfg(feature = "tls")]
        if let Some(pem) = &self.tls {
            files.push(("server.crt".to_owned(), pem.certificate.clone()));
            files.push(("server.key".to_owned(), pem.key.clone()));
            settings.push(("ssl".to_owned(), "on".to_owned()));
        }
        settings.extend(self.settings.iter().cloned());
        files.push(("pg_hba.conf".to_owned(), self.hba()));
        files.push(("weir.conf".to_owned(), settings.iter().map(line).collect()));
        let main = std::fs::read_to_string(data.join("postgresql.conf"))?;
        files.push(("postgresql.conf".to_owned(), format!("{main}\ninclude 'weir.conf'\n")));
        Ok(files)
    }

    fn hba(&self) -> String {
        let method = self.auth.method();
        format!(
            "local all all trust\nlocal replication all trust\n\
             host all all 127.0.0.1/32 {method}\nhost replication all 127.0.0.1/32 {method}\n"
        )
    }
}

/// A line of a configuration file; quotes in the value are doubled.
fn line((name, value): &(String, String)) -> String {
    format!("{name} = '{}'\n", value.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted() {
        let setting = ("search_path".to_owned(), "it's".to_owned());
        assert_eq!(line(&setting), "search_path = 'it''s'\n");
    }
}
