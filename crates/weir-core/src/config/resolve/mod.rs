//! From options to settings: fills in defaults, reads what the options point at, and checks what
//! they mean together. Every problem is reported at once.

mod address;
mod auth;
mod checks;
mod classes;
mod database;
mod guard;
mod healing;
mod incident;
mod ledger;

use std::collections::BTreeMap;

use address::parse_listen;
pub use address::{Upstream, parse_upstream};

use super::limits::CONFIG_PROBLEMS;
use super::options::Options;
use super::settings::{
    ClientLimits, ClientTls, Console, Http, Keepalive, Listen, ListenAddress, Log, Secret,
    ServerTls, SessionSettings, Settings, Timeouts, UpstreamHost, Workers,
};
use super::units::TimeSpan;
use super::{Problem, Reader, places, schema};

/// What options may point at, read by the program.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Reads a file: user lists, HBA files, password files.
    pub file: Reader<'a>,
    /// Reads an environment variable; `None` when it is not set.
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

/// Turns options into settings.
///
/// # Errors
/// Everything that does not fit: values out of range, what cannot be read, contradictions. The
/// problems name settings; [`Places::locate`](super::Places::locate) adds where they are written.
pub fn resolve(options: &Options, sources: &Sources<'_>) -> Result<Settings, Vec<Problem>> {
    let mut resolver = Resolver { options, sources, problems: schema::numbers_outside(options) };
    let settings = resolver.settings();
    checks::check(&settings, options, &mut resolver.problems);
    if resolver.problems.is_empty() {
        return Ok(settings);
    }
    resolver.problems.truncate(CONFIG_PROBLEMS);
    Err(resolver.problems)
}

struct Resolver<'a> {
    options: &'a Options,
    sources: &'a Sources<'a>,
    problems: Vec<Problem>,
}

/// The three ways to write a secret.
struct SecretOptions<'a> {
    direct: Option<&'a Secret>,
    env: Option<&'a str>,
    file: Option<&'a str>,
}

impl Resolver<'_> {
    fn settings(&mut self) -> Settings {
        let mut users = self.users();
        let auth = self.auth();
        let databases = self.databases(&mut users);
        let (wildcard, databases) = split_wildcard(databases);
        let options = self.options;
        Settings {
            listen: self.listen(),
            http: self.http(),
            workers: Workers {
                count: options.workers.count,
                login_threads: options.workers.login_threads,
                driver: options.workers.driver,
            },
            client_tls: client_tls(options),
            server_tls: server_tls(options),
            auth,
            users,
            databases,
            wildcard,
            budgets: self.budgets(),
            classes: self.classes(),
            dns_ttl: options.pool.dns_ttl.0,
            limits: limits(options),
            timeouts: timeouts(options),
            session: session(options),
            log: log(options),
            console: console(options),
            guard: self.guard(),
            healing: self.healing(),
            ledger: self.ledger(),
            history: self.history(),
            otlp: self.otlp(),
            incidents: self.incidents(),
            receivers: self.receivers(),
            state_dir: options.state_dir.clone(),
        }
    }

    fn report(&mut self, path: impl Into<String>, message: impl Into<String>, help: &str) {
        self.problems.push(Problem::new(path, message).help(help));
    }

    fn listen(&mut self) -> Listen {
        let options = &self.options.listen;
        let mode = u32::from_str_radix(&options.unix_socket_mode, 8).ok();
        let mode = mode.filter(|mode| *mode <= 0o777).unwrap_or_else(|| {
            let message = format!("`{}` is not a file mode", options.unix_socket_mode);
            self.report("listen.unix_socket_mode", message, "write octal digits, as \"0770\"");
            0
        });
        let addresses = parse_listen(&options.addresses).unwrap_or_else(|faults| {
            for (index, (message, help)) in faults {
                let item = index.map_or_else(String::new, |index| format!("[{index}]"));
                self.report(format!("listen.addresses{item}"), message, &help);
            }
            Vec::new()
        });
        let time = |span: Option<TimeSpan>| span.map(|TimeSpan(span)| span);
        Listen {
            addresses,
            backlog: options.backlog,
            unix_socket_mode: mode,
            unix_socket_group: options.unix_socket_group.clone(),
            reuse_port: options.reuse_port,
            keepalive: Keepalive {
                enabled: options.keepalive,
                idle: time(options.keepalive_idle),
                interval: time(options.keepalive_interval),
                count: options.keepalive_count,
                user_timeout: time(options.user_timeout),
            },
        }
    }

    fn http(&mut self) -> Option<Http> {
        let options = &self.options.http;
        let token = self.secret(
            "http.token",
            &SecretOptions {
                direct: options.token.as_ref(),
                env: options.token_env.as_deref(),
                file: options.token_file.as_deref(),
            },
        );
        if options.address == "off" {
            return None;
        }
        match address::parse_tcp(&options.address) {
            Some((host, port)) => Some(Http { address: ListenAddress::Tcp { host, port }, token }),
            None => {
                let message = format!("`{}` is not an address", options.address);
                self.report("http.address", message, "write \"host:port\" or \"off\"");
                None
            }
        }
    }

    fn budgets(&mut self) -> BTreeMap<UpstreamHost, u32> {
        let mut budgets = BTreeMap::new();
        for (name, slots) in &self.options.budgets {
            let path = places::join("budgets", name);
            match address::parse_host(name) {
                Some(host) => drop(budgets.insert(host, *slots)),
                None => {
                    let message = format!("`{name}` is not the address of a server");
                    self.report(&path, message, "write \"host:port\" or \"/directory:port\"");
                }
            }
            if *slots == 0 {
                self.report(&path, "a budget of 0 slots serves nobody", "give at least 1");
            }
        }
        budgets
    }

    /// The secret at `path`, by whichever of the three ways it is given.
    fn secret(&mut self, path: &str, options: &SecretOptions<'_>) -> Option<Secret> {
        let given = [options.direct.is_some(), options.env.is_some(), options.file.is_some()];
        if given.iter().filter(|given| **given).count() > 1 {
            self.report(path, "the secret is given in more than one way", "keep one of them");
        }
        if let Some(secret) = options.direct {
            return Some(secret.clone());
        }
        if let Some(name) = options.env {
            let value = (self.sources.env)(name);
            if value.is_none() {
                let message = format!("the environment variable `{name}` is not set");
                self.report(format!("{path}_env"), message, "");
            }
            return value.map(Secret::new);
        }
        let name = options.file?;
        match (self.sources.file)(name) {
            Ok(text) => Some(Secret::new(text.trim())),
            Err(why) => {
                self.report(format!("{path}_file"), why, "");
                None
            }
        }
    }
}

fn split_wildcard<T>(mut entries: BTreeMap<String, T>) -> (Option<T>, BTreeMap<String, T>) {
    (entries.remove("*"), entries)
}

/// A limit written as a number, where 0 is none.
fn some(limit: u32) -> Option<u32> {
    (limit > 0).then_some(limit)
}

fn client_tls(options: &Options) -> ClientTls {
    let tls = &options.tls.client;
    ClientTls {
        mode: tls.mode,
        cert: tls.cert.clone(),
        key: tls.key.clone(),
        ca: tls.ca.clone(),
        min_version: tls.min_version,
    }
}

fn server_tls(options: &Options) -> ServerTls {
    let tls = &options.tls.server;
    ServerTls {
        mode: tls.mode,
        ca: tls.ca.clone(),
        cert: tls.cert.clone(),
        key: tls.key.clone(),
        min_version: tls.min_version,
    }
}

fn limits(options: &Options) -> ClientLimits {
    let limits = &options.limits;
    ClientLimits {
        clients_max: limits.clients_max,
        clients_per_user_max: some(limits.clients_per_user_max),
        clients_per_database_max: some(limits.clients_per_database_max),
        clients_per_address_max: some(limits.clients_per_address_max),
        servers_per_user_max: some(limits.servers_per_user_max),
        servers_per_database_max: some(limits.servers_per_database_max),
        queue_max: limits.queue_max,
        prepared_per_client_max: limits.prepared_per_client_max,
        prepared_per_server_max: limits.prepared_per_server_max,
        pins_max: limits.pins_max,
        message_bytes_max: limits.message_size_max.0,
    }
}

fn timeouts(options: &Options) -> Timeouts {
    let timeouts = &options.timeouts;
    Timeouts {
        statement: timeouts.statement.0,
        transaction: timeouts.transaction.0,
        idle_transaction: timeouts.idle_transaction.0,
        client_idle: timeouts.client_idle.0,
        client_login: timeouts.client_login.0,
        cancel_wait: timeouts.cancel_wait.0,
        shutdown_wait: timeouts.shutdown_wait.0,
    }
}

fn session(options: &Options) -> SessionSettings {
    let session = &options.session;
    let lower = |names: &[String]| names.iter().map(|name| name.to_ascii_lowercase()).collect();
    SessionSettings {
        ignore_startup_parameters: lower(&session.ignore_startup_parameters),
        login_notice: session.login_notice.clone(),
        wait_notice_after: session.wait_notice_after.0,
    }
}

fn log(options: &Options) -> Log {
    let log = &options.log;
    Log {
        format: log.format,
        level: log.level,
        connections: log.connections,
        disconnections: log.disconnections,
        pooler_errors: log.pooler_errors,
        stats_every: log.stats_every.0,
    }
}

fn console(options: &Options) -> Console {
    let console = &options.console;
    Console {
        databases: console.databases.clone(),
        admin_users: console.admin_users.clone(),
        stats_users: console.stats_users.clone(),
    }
}
