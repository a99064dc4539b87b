//! The part of a configuration that a command uses which serves no clients: what it does not use
//! need not be usable where it runs.

use super::{AuthOptions, ConsoleOptions, DatabaseOptions, GuardOptions, Options, TlsOptions};
use crate::config::choices::AuthMethod;
use crate::config::parse_upstream;

/// What a command wants of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Servers, roles and `[guard]`: to look once.
    Look,
    /// The same with incidents, alerts, log and state directory: to look on.
    Watch,
    /// State directory and `[incident]`: to read what was kept.
    Kept,
}

impl Options {
    /// These options with the defaults in place of what a command does not use. Nobody logs in
    /// there, so how clients prove themselves does not matter.
    #[must_use]
    pub fn only(self, part: Part) -> Self {
        let nobody = AuthOptions { method: AuthMethod::Trust, ..AuthOptions::default() };
        let databases = self.databases.iter();
        let bare = databases.map(|(name, it)| (name.clone(), it.place())).collect();
        let kept = Self {
            state_dir: self.state_dir.clone(),
            incident: self.incident.clone(),
            auth: nobody,
            databases: bare,
            // Nobody asks for it, so it takes no database's name.
            console: ConsoleOptions { databases: Vec::new(), ..ConsoleOptions::default() },
            ..Self::default()
        };
        match part {
            Part::Look => self.looking(kept),
            Part::Watch => {
                let (alerts, log) = (self.alerts.clone(), self.log.clone());
                Self { alerts, log, ..self.looking(kept) }
            }
            Part::Kept => kept,
        }
    }

    /// What it takes to look, over `kept`.
    fn looking(self, kept: Self) -> Self {
        let guard = self.guard.clone();
        let tls = TlsOptions { server: self.tls.server.clone(), ..TlsOptions::default() };
        let kept = Self { guard, tls, ..kept };
        if self.guard.knows_role() {
            return kept;
        }
        let fetches = self.fetches();
        let known = !fetches && self.databases.values().all(DatabaseOptions::knows_role);
        // As whom the guard logs in where both a pool's role and one that fetches secrets are
        // named depends on whether logins are passed through.
        let method = match self.auth.method {
            AuthMethod::Passthrough if fetches => AuthMethod::Passthrough,
            AuthMethod::Passthrough
            | AuthMethod::Trust
            | AuthMethod::Password
            | AuthMethod::Md5
            | AuthMethod::Scram
            | AuthMethod::Cert
            | AuthMethod::Hba => AuthMethod::Trust,
        };
        let auth = AuthOptions { method, hba_file: None, ..self.auth };
        let (auth, users) = if known { (kept.auth, kept.users) } else { (auth, self.users) };
        let databases = self.databases.into_iter();
        let databases = databases.map(|(name, it)| (name, it.login())).collect();
        Self { auth, databases, users, ..kept }
    }

    /// Whether a role fetches the secrets of others.
    fn fetches(&self) -> bool {
        let mut databases = self.databases.values();
        self.auth.user.is_some() || databases.any(|database| database.auth_user.is_some())
    }
}

impl GuardOptions {
    /// Whether it needs nobody else's password.
    fn knows_role(&self) -> bool {
        let given = [&self.password_env, &self.password_file].iter().any(|it| it.is_some());
        self.user.is_some() && (given || self.password.is_some())
    }
}

impl DatabaseOptions {
    /// Whether its role and password stand in the entry itself.
    fn knows_role(&self) -> bool {
        let given = [&self.password_env, &self.password_file].iter().any(|it| it.is_some());
        let url = self.upstream.as_ref().and_then(|url| parse_upstream(url.reveal()).ok());
        let (user, password) = url.map_or((None, None), |url| (url.user, url.password));
        let named = self.user.is_some() || user.is_some();
        named && (given || self.password.is_some() || password.is_some())
    }

    /// Where it is.
    fn place(&self) -> Self {
        let Self { upstream, host, port, host_balance, dbname, user, .. } = self.clone();
        Self { upstream, host, port, host_balance, dbname, user, ..Self::default() }
    }

    /// Where it is, and as whom one may log in.
    fn login(self) -> Self {
        let place = self.place();
        let Self { password, password_env, password_file, .. } = self;
        let Self { auth_user, auth_query, auth_database, .. } = self;
        Self {
            password,
            password_env,
            password_file,
            auth_user,
            auth_query,
            auth_database,
            ..place
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Settings, Sources, read, resolve};

    /// A proxy's configuration of which nothing that serves clients can be used here.
    const SERVING: &str = r#"
        state_dir = "/var/lib/weir"
        budgets = { "elsewhere:5432" = 9 }
        listen = { addresses = ["0.0.0.0:6432"], unix_socket_mode = "nine" }
        http = { address = "0.0.0.0:8432", token_file = "/none" }
        tls = { client = { mode = "require" } }
        pool = { size = 50, retry_min = "1h" }
        timeouts = { transaction = "1s", statement = "2s" }
        limits = { servers_per_user_max = 1 }
        workers = { count = 2 }
        otlp = { url = "http://collector:4318", token_file = "/none" }
        console = { databases = ["console"] }
        users = { app = { password_file = "/none" } }
    "#;

    const AUTH: &str = "[auth]\nmethod = \"hba\"\nhba_file = \"/none\"\nfile = \"/none\"\n";

    const ALERTS: &str = "[alerts.hook]\nkind = \"webhook\"\nurl_file = \"/none\"\n";

    /// The settings, or the paths of what is wrong.
    fn resolved(toml: &str, part: Part) -> Result<Settings, Vec<String>> {
        let (options, _) = read(toml, "test").unwrap();
        let sources = Sources { file: &|name| Err(format!("no {name}")), env: &|_| None };
        let paths = |problems: Vec<crate::config::Problem>| {
            problems.into_iter().map(|problem| problem.path).collect()
        };
        resolve(&options.only(part), &sources).map_err(paths)
    }

    #[test]
    fn to_look_nothing_that_serves_clients_need_be_usable() {
        let database = "[databases.weir]\nupstream = \"postgres://a:b@db/x\"\npool_size_min = 30\n";
        let toml = [SERVING, AUTH, ALERTS, database].concat();
        let (all, _) = read(&toml, "test").unwrap();
        let sources = Sources { file: &|name| Err(name.to_owned()), env: &|_| None };
        assert!(resolve(&all, &sources).unwrap_err().len() > 8, "it would not serve");
        let settings = resolved(&toml, Part::Look).unwrap();
        assert_eq!(settings.databases.keys().collect::<Vec<_>>(), ["weir"]);
        assert_eq!(settings.state_dir.as_deref(), Some("/var/lib/weir"));
        let watching = resolved(&toml, Part::Watch).unwrap_err();
        assert!(watching.iter().all(|path| path.starts_with("alerts.")), "{watching:?}");
        assert_eq!(resolved(&toml, Part::Kept).map(|_| ()), Ok(()));
    }

    #[test]
    fn whose_password_the_guard_needs_that_one_must_be_readable() {
        let bare = "[databases]\na = { host = \"db\", user = \"app\" }\n";
        let secret =
            "[databases]\na = { host = \"db\", user = \"app\", password_file = \"/none\" }\n";
        let guard = "[guard]\nuser = \"guard\"\npassword = \"secret\"\n";
        let file = "[auth]\nfile = \"/none\"\n";
        let fetcher = "[auth]\nuser = \"fetcher\"\npassword_file = \"/none\"\n";
        let check = |toml: &[&str], wrong: &[&str]| {
            let found = resolved(&toml.concat(), Part::Look).err().unwrap_or_default();
            assert_eq!(found, wrong, "{toml:?}");
            assert_eq!(resolved(&toml.concat(), Part::Kept).map(|_| ()), Ok(()), "{toml:?}");
        };
        check(&[secret], &["databases.a.password_file"]);
        check(&[secret, guard], &[]);
        check(&[secret, file], &["databases.a.password_file"]);
        check(&[bare], &[]);
        check(&[bare, file], &["auth.file"]);
        check(&[bare, file, guard], &[]);
        check(&[bare, fetcher], &["auth.password_file"]);
        check(&[bare, fetcher, guard], &[]);
    }
}
