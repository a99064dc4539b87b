//! Databases and what their pools are like.

use std::collections::BTreeMap;

use super::{Resolver, SecretOptions, Upstream, address, parse_upstream, some};
use crate::config::choices::AuthMethod;
use crate::config::options::{DatabaseOptions, PoolOptions};
use crate::config::places;
use crate::config::settings::{
    AuthQuery, Database, Pool, Secret, ServerLogin, UpstreamHost, User, UserSecret,
};
use crate::config::units::TimeLimit;

/// Every PostgreSQL has it (PostgreSQL documentation, `initdb`).
const MAINTENANCE_DATABASE: &str = "postgres";

impl Resolver<'_> {
    /// All entries; a user and password named by one become known in `users`.
    pub(super) fn databases(
        &mut self,
        users: &mut BTreeMap<String, User>,
    ) -> BTreeMap<String, Database> {
        let general = &self.options.auth;
        let given = SecretOptions {
            direct: general.password.as_ref(),
            env: general.password_env.as_deref(),
            file: general.password_file.as_deref(),
        };
        let fetch_password = self.secret("auth.password", &given);
        let mut databases = BTreeMap::new();
        for (name, options) in &self.options.databases {
            let path = places::join("databases", name);
            let database = self.database((name, &path), options, fetch_password.as_ref(), users);
            databases.insert(name.clone(), database);
        }
        databases
    }

    /// The URL's parts, with those given by keys of their own put in.
    fn upstream(&mut self, path: &str, options: &DatabaseOptions) -> Upstream {
        let mut upstream = Upstream::default();
        if let Some(url) = &options.upstream {
            match parse_upstream(url.reveal()) {
                Ok(parsed) => upstream = parsed,
                Err((message, help)) => self.report(format!("{path}.upstream"), message, &help),
            }
        }
        let password = self.secret(
            &format!("{path}.password"),
            &SecretOptions {
                direct: options.password.as_ref(),
                env: options.password_env.as_deref(),
                file: options.password_file.as_deref(),
            },
        );
        let twice = [
            ("host", options.host.is_some() && !upstream.hosts.is_empty()),
            ("port", options.port.is_some() && !upstream.hosts.is_empty()),
            ("dbname", options.dbname.is_some() && upstream.dbname.is_some()),
            ("user", options.user.is_some() && upstream.user.is_some()),
            ("password", password.is_some() && upstream.password.is_some()),
        ];
        for (key, _) in twice.iter().filter(|(_, twice)| *twice) {
            let message = format!("`{key}` is given here and in `upstream`");
            self.report(format!("{path}.{key}"), message, "keep one of them");
        }
        if upstream.hosts.is_empty() {
            upstream.hosts = self.hosts(path, options);
        }
        upstream.dbname = options.dbname.clone().or(upstream.dbname);
        upstream.user = options.user.clone().or(upstream.user);
        upstream.password = password.or(upstream.password);
        upstream
    }

    fn hosts(&mut self, path: &str, options: &DatabaseOptions) -> Vec<UpstreamHost> {
        let text = options.host.as_deref().unwrap_or("127.0.0.1");
        let mut hosts = Vec::new();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            // A bare IPv6 address is full of colons; here there is no port to confuse it with.
            let bracketed = format!("[{name}]");
            let v6 = name.parse::<std::net::Ipv6Addr>().is_ok();
            match address::parse_host(if v6 { &bracketed } else { name }) {
                Some(host) => hosts.push(with_port(host, options.port)),
                None => {
                    let message = format!("`{name}` is not a host");
                    self.report(format!("{path}.host"), message, "");
                }
            }
        }
        hosts
    }

    fn database(
        &mut self,
        (name, path): (&str, &str),
        options: &DatabaseOptions,
        fetch_password: Option<&Secret>,
        users: &mut BTreeMap<String, User>,
    ) -> Database {
        let upstream = self.upstream(path, options);
        let own_name = (name != "*").then(|| name.to_owned());
        let known = |user: &str| users.get(user).and_then(|known| known.secret.plain().cloned());
        let server_user = upstream.user.map(|user| {
            let password = upstream.password.or_else(|| known(&user));
            (user, password)
        });
        let mut fetcher = self.fetcher(options, fetch_password, &known);
        let mut login = ServerLogin::AsClient;
        match server_user {
            // The client's own proof logs in: the user that is named can only fetch secrets.
            Some(user) if self.options.auth.method == AuthMethod::Passthrough => {
                fetcher = fetcher.or(Some(user));
            }
            Some((user, password)) => {
                make_known(&user, password.as_ref(), users);
                login = ServerLogin::Fixed { user, password };
            }
            None => {}
        }
        let mut parameters = options.parameters.clone();
        let application_name = options.application_name.clone().or(upstream.application_name);
        parameters.extend(application_name.map(|name| ("application_name".to_owned(), name)));
        let limits = &self.options.limits;
        let dbname = upstream.dbname.or(own_name);
        let fetch_from = dbname.as_deref().unwrap_or(MAINTENANCE_DATABASE);
        let auth_query = fetcher.map(|login| self.auth_query(options, login, fetch_from));
        Database {
            hosts: upstream.hosts,
            host_balance: options.host_balance.unwrap_or_default(),
            dbname,
            login,
            auth_query,
            pool: pool(&self.options.pool, options),
            servers_max: some(options.servers_max.unwrap_or(limits.servers_per_database_max)),
            clients_max: some(options.clients_max.unwrap_or(limits.clients_per_database_max)),
            connect_query: options.connect_query.clone(),
            parameters,
        }
    }

    /// Who fetches secrets for this database: its own `auth_user`, else the general one.
    fn fetcher(
        &self,
        options: &DatabaseOptions,
        fetch_password: Option<&Secret>,
        known: &dyn Fn(&str) -> Option<Secret>,
    ) -> Option<(String, Option<Secret>)> {
        let general = &self.options.auth.user;
        let user = options.auth_user.as_ref().or(general.as_ref())?;
        let password = fetch_password.filter(|_| Some(user) == general.as_ref()).cloned();
        Some((user.clone(), password.or_else(|| known(user))))
    }

    fn auth_query(
        &self,
        options: &DatabaseOptions,
        (user, password): (String, Option<Secret>),
        dbname: &str,
    ) -> AuthQuery {
        let general = &self.options.auth;
        AuthQuery {
            query: options.auth_query.as_ref().unwrap_or(&general.query).clone(),
            user,
            password,
            database: options
                .auth_database
                .as_ref()
                .or(general.database.as_ref())
                .map_or(dbname, String::as_str)
                .to_owned(),
        }
    }
}

fn with_port(host: UpstreamHost, port: Option<u16>) -> UpstreamHost {
    match (host, port) {
        (UpstreamHost::Tcp { host, .. }, Some(port)) => UpstreamHost::Tcp { host, port },
        (UpstreamHost::Unix { dir, .. }, Some(port)) => UpstreamHost::Unix { dir, port },
        (host, None) => host,
    }
}

/// A user whose password is in a database's entry may log in with it.
fn make_known(user: &str, password: Option<&Secret>, users: &mut BTreeMap<String, User>) {
    if let Some(password) = password {
        let known = users.entry(user.to_owned()).or_default();
        if known.secret == UserSecret::None {
            known.secret = UserSecret::Plain(password.clone());
        }
    }
}

/// The general pool with what differs for one database.
fn pool(general: &PoolOptions, options: &DatabaseOptions) -> Pool {
    let own = |limit: Option<TimeLimit>, general: TimeLimit| limit.unwrap_or(general).0;
    Pool {
        mode: options.pool_mode.unwrap_or(general.mode),
        size: options.pool_size.unwrap_or(general.size),
        workers: options.pool_workers.unwrap_or(general.workers),
        size_min: options.pool_size_min.unwrap_or(general.size_min),
        reserve_size: options.reserve_size.unwrap_or(general.reserve_size),
        reserve_after: general.reserve_after.0,
        query_wait_timeout: own(options.query_wait_timeout, general.query_wait_timeout),
        server_lifetime: own(options.server_lifetime, general.server_lifetime),
        server_idle_timeout: general.server_idle_timeout.0,
        forget_after: general.forget_after.0,
        check_query: (general.check_query != "off").then(|| general.check_query.clone()),
        check_delay: general.check_delay.0,
        connect_timeout: general.connect_timeout.0,
        settle_timeout: general.settle_timeout.0,
        retry_min: general.retry_min.0,
        retry_max: general.retry_max.0,
        connects_max: general.connects_max,
        dispatch: general.dispatch,
        rotation: general.rotation,
        deferred_begin: general.deferred_begin,
        server_reset: general.server_reset,
        reset_query: general.reset_query.clone(),
        server_fast_close: general.server_fast_close,
        application_name_add_host: general.application_name_add_host,
    }
}
