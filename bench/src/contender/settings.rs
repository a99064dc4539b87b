//! How contenders are set up.

use std::fs;

use anyhow::{Context, Result};
use weir_testkit::{Account, Scratch};

use crate::cells::Section;
use crate::pgbench::{DATABASE, PASSWORD, USER};

/// What of Weir is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// As it comes, on epoll.
    Epoll,
    /// As it comes, on io_uring.
    Uring,
    /// As it comes: fair dispatch, and a healing ladder that watches.
    Fair,
    /// Dispatch in the order of arrival, and a ladder that may do nothing.
    Fifo,
    /// As it comes: every second is booked.
    Booked,
    /// Without the ledger.
    Unbooked,
    /// As it comes: one worker.
    Alone,
    /// Two workers, each with half of the slots for half of the clients, and for good.
    Split,
    /// Two workers for one pool, that lend each other slots.
    Lending,
}

/// The two halves of a split pool: the first has the first worker, the second the other.
const HALVES: [&str; 2] = ["first", "second"];

impl Setting {
    pub(crate) const ALL: [Self; 9] = [
        Self::Epoll,
        Self::Uring,
        Self::Fair,
        Self::Fifo,
        Self::Booked,
        Self::Unbooked,
        Self::Alone,
        Self::Split,
        Self::Lending,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Epoll => "weir epoll",
            Self::Uring => "weir uring",
            Self::Fair => "fair, healing",
            Self::Fifo => "fifo, no healing",
            Self::Booked => "ledger",
            Self::Unbooked => "no ledger",
            Self::Alone => "one worker",
            Self::Split => "two, split pool",
            Self::Lending => "two, lending",
        }
    }

    pub(crate) const fn section(self) -> Section {
        match self {
            Self::Epoll | Self::Uring => Section::Proxies,
            Self::Fair | Self::Fifo => Section::Policy,
            Self::Booked | Self::Unbooked => Section::Ledger,
            Self::Alone | Self::Split | Self::Lending => Section::Workers,
        }
    }

    /// Where its clients go, in turn.
    pub(crate) const fn databases(self) -> &'static [&'static str] {
        match self {
            Self::Split => &HALVES,
            Self::Epoll
            | Self::Uring
            | Self::Fair
            | Self::Fifo
            | Self::Booked
            | Self::Unbooked
            | Self::Alone
            | Self::Lending => &[DATABASE],
        }
    }

    /// Its part of the file, before the databases.
    const fn toml(self) -> &'static str {
        match self {
            Self::Epoll => "workers.driver = \"epoll\"\n",
            Self::Uring => "workers.driver = \"uring\"\n",
            Self::Fair | Self::Booked | Self::Alone => "",
            Self::Unbooked => "ledger.enabled = false\n",
            Self::Fifo => {
                "pool.dispatch = \"fifo\"\nhealing.shed = \"observe\"\n\
                 healing.cap = \"observe\"\nhealing.quarantine = \"observe\"\n\
                 healing.evict = \"observe\"\nhealing.cancel = \"observe\"\n\
                 healing.close = \"observe\"\nhealing.per_minute_max = 0\n"
            }
            Self::Split => "workers.count = 2\n",
            Self::Lending => "workers.count = 2\npool.workers = 2\n",
        }
    }
}

/// How a proxy is set up. Between proxy and server there is never TLS: PgBouncer tries it by
/// default, at ten times the instructions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SetUp<'a> {
    /// The port of the server.
    pub(crate) upstream: u16,
    /// Slots of the pool.
    pub(crate) pool: u32,
    /// How clients prove who they are.
    pub(crate) login: Login,
    /// It runs under valgrind, which knows no io_uring.
    pub(crate) is_counted: bool,
    /// Where certificate, key and users are.
    pub(crate) files: &'a Files,
}

/// How clients log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Login {
    /// Whoever says so.
    Trust,
    /// With SCRAM-SHA-256; the proxy has what PostgreSQL would store.
    Scram,
    /// The same; the proxy has the password itself.
    ScramClear,
    /// The same over TLS.
    TlsScram,
    /// Whoever says so, over TLS.
    Tls,
}

impl Login {
    pub(crate) const ALL: [Self; 5] =
        [Self::Trust, Self::Scram, Self::ScramClear, Self::Tls, Self::TlsScram];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::Scram => "SCRAM",
            Self::ScramClear => "SCRAM, proxy has clear passwords",
            Self::TlsScram => "TLS and SCRAM",
            Self::Tls => "TLS",
        }
    }

    pub(crate) const fn has_password(self) -> bool {
        matches!(self, Self::Scram | Self::ScramClear | Self::TlsScram)
    }

    /// How many others it takes as long as: a derived key takes milliseconds.
    pub(crate) const fn weight(self) -> u32 {
        match self {
            Self::ScramClear => 4,
            Self::Trust | Self::Scram | Self::TlsScram | Self::Tls => 1,
        }
    }

    /// The file with the users.
    const fn users(self) -> &'static str {
        match self {
            Self::ScramClear => "clear",
            Self::Trust | Self::Scram | Self::TlsScram | Self::Tls => "users",
        }
    }

    pub(crate) const fn has_tls(self) -> bool {
        matches!(self, Self::Tls | Self::TlsScram)
    }
}

/// What PostgreSQL would store of [`PASSWORD`], with 16 iterations in the place of 4096: they are
/// work of the client alone, which is not to fill the machine.
const VERIFIER: &str = "SCRAM-SHA-256$16:c2FsdCBvZiBiZW5jaGVzIQ==$\
     QKDCiRtbvJBanQxFHaC3a/GDRc2WX4i9M4REBs7pc98=:wduxFX3SxSKAU/NfQoirgYkiwC1juZIhg8YVhRD5TAY=";

/// A certificate and users, as files that every account may read: nothing here is secret.
#[derive(Debug)]
pub(crate) struct Files {
    dir: Scratch,
    authority: String,
}

impl Files {
    pub(crate) fn new() -> Result<Self> {
        let dir = Scratch::new(Account::own())?;
        let weir_testkit::Certificates { authority, server: pem, .. } =
            weir_testkit::Certificates::new(USER)?;
        let line = |secret| format!("\"{USER}\" \"{secret}\"\n");
        for (name, text) in [
            ("cert", &pem.certificate),
            ("key", &pem.key),
            ("users", &line(VERIFIER)),
            ("clear", &line(PASSWORD)),
        ] {
            fs::write(dir.path().join(name), text).with_context(|| format!("writing {name}"))?;
        }
        Ok(Self { dir, authority })
    }

    /// Who vouches for the certificate, PEM.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }
}

impl SetUp<'_> {
    pub(super) fn weir_toml(self, setting: Setting) -> String {
        let Self { upstream, pool, login, is_counted, files } = self;
        let method = if login.has_password() { "scram" } else { "trust" };
        let tls = if login.has_tls() { "prefer" } else { "disable" };
        let (cert, key) = (files.path("cert"), files.path("key"));
        let users = files.path(login.users());
        let mut toml = format!(
            "{}listen.addresses = [\"127.0.0.1:0\"]\nhttp.address = \"127.0.0.1:0\"\n\
             limits.clients_max = {CLIENTS_MAX}\n\
             auth.method = \"{method}\"\nauth.file = \"{users}\"\n\
             tls.client = {{ mode = \"{tls}\", cert = \"{cert}\", key = \"{key}\" }}\n\
             tls.server.mode = \"disable\"\npool.mode = \"transaction\"\npool.size = {pool}\n",
            setting.toml()
        );
        if is_counted && setting != Setting::Epoll {
            toml += "workers.driver = \"epoll\"\n";
        }
        let halves = if setting == Setting::Split { HALVES.as_slice() } else { &[] };
        let place = format!("host = \"127.0.0.1\"\nport = {upstream}\n");
        for half in halves {
            let slots = pool / 2;
            toml += &format!(
                "[databases.{half}]\n{place}dbname = \"{DATABASE}\"\npool_size = {slots}\n"
            );
        }
        toml + &format!("[databases.\"*\"]\n{place}")
    }

    pub(super) fn pgbouncer_settings(self, prepares: bool) -> Vec<(&'static str, String)> {
        let Self { upstream: _, pool, login, is_counted: _, files } = self;
        let mut settings = vec![
            ("default_pool_size", pool.to_string()),
            ("min_pool_size", "0".to_owned()),
            ("server_round_robin", "0".to_owned()),
            ("max_client_conn", CLIENTS_MAX.to_string()),
            ("listen_backlog", "1024".to_owned()),
            ("server_tls_sslmode", "disable".to_owned()),
        ];
        if prepares {
            settings.push(("max_prepared_statements", "200".to_owned()));
        }
        if login.has_password() {
            settings.push(("auth_type", "scram-sha-256".to_owned()));
            settings.push(("auth_file", files.path(login.users())));
        }
        if login.has_tls() {
            settings.push(("client_tls_sslmode", "allow".to_owned()));
            settings.push(("client_tls_cert_file", files.path("cert")));
            settings.push(("client_tls_key_file", files.path("key")));
        }
        settings
    }
}

/// Clients that every proxy takes.
const CLIENTS_MAX: u32 = 12_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_runs_on_epoll_where_instructions_are_counted() {
        let files = Files::new().unwrap();
        let set_up =
            SetUp { upstream: 1, pool: 20, login: Login::Trust, is_counted: true, files: &files };
        for setting in Setting::ALL.into_iter().filter(|it| *it != Setting::Uring) {
            let toml = set_up.weir_toml(setting);
            assert_eq!(toml.matches("workers.driver = \"epoll\"").count(), 1, "{toml}");
        }
    }

    #[test]
    fn the_halves_of_a_split_pool_are_as_large_as_the_whole() {
        let files = Files::new().unwrap();
        let set_up =
            SetUp { upstream: 1, pool: 20, login: Login::Trust, is_counted: false, files: &files };
        let toml = set_up.weir_toml(Setting::Split);
        assert_eq!(toml.matches("pool_size = 10").count(), 2, "{toml}");
        assert!(Setting::Split.databases().iter().all(|name| toml.contains(name)));
    }
}
