//! What settings mean together: contradictions that no single value shows.

use std::collections::BTreeMap;
use std::time::Duration;

use super::address::parse_host;
use crate::config::choices::{AuthMethod, TlsMode};
use crate::config::hba::HbaMethod;
use crate::config::options::Options;
use crate::config::settings::{Database, ListenAddress, Settings, UpstreamHost, UserSecret};
use crate::config::units::TimeSpan;
use crate::config::{Problem, places};

/// Adds every contradiction to `problems`.
pub(super) fn check(settings: &Settings, options: &Options, problems: &mut Vec<Problem>) {
    exposure(settings, options, problems);
    tls(settings, problems);
    identity(settings, options, problems);
    times(settings, options, problems);
    names(settings, problems);
    for (name, database) in entries(settings) {
        pool(name, database, options, problems);
    }
    budgets(settings, options, problems);
    parts(settings, options, problems);
}

/// Pools are spread over the workers, and each has its part of what pools share: it needs at
/// least one slot.
fn parts(settings: &Settings, options: &Options, problems: &mut Vec<Problem>) {
    let workers = u32::from(settings.workers.count);
    let limits = &options.limits;
    let general = [
        ("limits.servers_per_user_max".to_owned(), limits.servers_per_user_max),
        ("limits.servers_per_database_max".to_owned(), limits.servers_per_database_max),
    ];
    let of_hosts =
        options.budgets.iter().map(|(name, &slots)| (places::join("budgets", name), slots));
    let own = |table, name: &str| format!("{}.servers_max", places::join(table, name));
    let of_users = options
        .users
        .iter()
        .filter_map(|(name, user)| Some((own("users", name), user.servers_max?)));
    let of_databases = options
        .databases
        .iter()
        .filter(|(_, database)| database.user.is_none())
        .filter_map(|(name, database)| Some((own("databases", name), database.servers_max?)));
    for (path, slots) in general.into_iter().chain(of_hosts).chain(of_users).chain(of_databases) {
        if (1..workers).contains(&slots) {
            let message =
                format!("{slots} server connections cannot be shared by {workers} workers");
            let help = format!("allow at least {workers}, or lower workers.count");
            problems.push(Problem::new(path, message).help(help));
        }
    }
}

/// The database entries by name, the wildcard among them.
fn entries(settings: &Settings) -> impl Iterator<Item = (&str, &Database)> {
    let wildcard = settings.wildcard.iter().map(|database| ("*", database));
    settings.databases.iter().map(|(name, database)| (name.as_str(), database)).chain(wildcard)
}

fn exposure(settings: &Settings, options: &Options, problems: &mut Vec<Problem>) {
    let trusting = settings.auth.method == AuthMethod::Trust;
    if trusting && !options.auth.trust_beyond_loopback {
        let all = settings.listen.addresses.iter().enumerate();
        problems.extend(all.filter(|(_, address)| !address.is_local()).map(|(index, address)| {
            let message =
                format!("with auth.method \"trust\", anybody who reaches {address} is in");
            Problem::new(format!("listen.addresses[{index}]"), message)
                .help("choose another method, or set auth.trust_beyond_loopback = true")
        }));
    }
    let Some(http) = &settings.http else { return };
    if http.token.is_none() && !http.address.is_local() {
        let message =
            format!("{} can be reached from other machines without a token", http.address);
        problems.push(
            Problem::new("http.address", message)
                .help("set http.token_file, or listen on 127.0.0.1"),
        );
    }
    let same = |address: &ListenAddress| *address == http.address;
    if !matches!(http.address, ListenAddress::Tcp { port: 0, .. })
        && settings.listen.addresses.iter().any(same)
    {
        problems.push(Problem::new("http.address", "clients already connect at this address"));
    }
}

fn tls(settings: &Settings, problems: &mut Vec<Problem>) {
    let client = &settings.client_tls;
    if client.mode != TlsMode::Disable {
        for (key, value) in [("cert", &client.cert), ("key", &client.key)] {
            if value.is_none() {
                let path = format!("tls.client.{key}");
                let message = "TLS towards clients needs a certificate and its key";
                problems.push(Problem::new(path, message).help(format!("set tls.client.{key}")));
            }
        }
    }
    if client.mode.verifies() && client.ca.is_none() {
        let message = "checking clients' certificates needs to know who may sign them";
        problems.push(Problem::new("tls.client.mode", message).help("set tls.client.ca"));
    }
    let server = &settings.server_tls;
    if server.cert.is_some() != server.key.is_some() {
        let key = if server.cert.is_some() { "tls.server.cert" } else { "tls.server.key" };
        let message = "a client certificate needs both `cert` and `key`";
        problems.push(Problem::new(key, message));
    }
    let by_certificate = settings.auth.method == AuthMethod::Cert
        || settings
            .auth
            .hba
            .iter()
            .flat_map(|hba| &hba.rules)
            .any(|rule| rule.method == HbaMethod::Cert);
    if by_certificate && !client.mode.verifies() {
        let message = "clients cannot prove themselves by certificates that nobody checks";
        let help = "set tls.client.mode = \"verify-ca\" or \"verify-full\"";
        problems.push(Problem::new("auth.method", message).help(help));
    }
}

fn identity(settings: &Settings, options: &Options, problems: &mut Vec<Problem>) {
    let fetches = entries(settings).any(|(_, database)| database.auth_query.is_some());
    let stored = settings.users.values().any(|user| user.secret != UserSecret::None);
    match settings.auth.method {
        AuthMethod::Trust | AuthMethod::Cert | AuthMethod::Hba => {}
        AuthMethod::Passthrough if fetches || options.auth.file.is_some() => {}
        AuthMethod::Passthrough => {
            let message = "passing logins through needs to know what PostgreSQL stores of them";
            let help = "set auth.user (and a password for it), or auth.file";
            problems.push(Problem::new("auth.method", message).help(help));
        }
        AuthMethod::Password | AuthMethod::Md5 | AuthMethod::Scram if fetches || stored => {}
        AuthMethod::Password | AuthMethod::Md5 | AuthMethod::Scram => {
            let help = "add [users.NAME] with a password, or auth.file, or auth.user; on loopback \
                        auth.method = \"trust\" asks nobody";
            problems.push(Problem::new("auth.method", "no user could log in").help(help));
        }
    }
}

fn times(settings: &Settings, options: &Options, problems: &mut Vec<Problem>) {
    let timeouts = &settings.timeouts;
    let longer = |limit: Option<Duration>| {
        timeouts.transaction.zip(limit).is_some_and(|(transaction, limit)| limit > transaction)
    };
    let inner = [
        ("timeouts.statement", timeouts.statement),
        ("timeouts.idle_transaction", timeouts.idle_transaction),
    ];
    let pool = &options.pool;
    let positive = [
        ("pool.connect_timeout", pool.connect_timeout),
        ("pool.settle_timeout", pool.settle_timeout),
        ("pool.retry_min", pool.retry_min),
        ("pool.retry_max", pool.retry_max),
    ];
    for (path, _) in positive.iter().filter(|(_, TimeSpan(span))| span.is_zero()) {
        problems.push(Problem::new(*path, "this must be longer than 0"));
    }
    for (path, _) in inner.iter().filter(|(_, limit)| longer(*limit)) {
        let message = "this is longer than timeouts.transaction, and so never reached";
        problems.push(Problem::new(*path, message).help("shorten it, or set it to \"off\""));
    }
}

fn names(settings: &Settings, problems: &mut Vec<Problem>) {
    if entries(settings).next().is_none() {
        let help = "add [databases.NAME] with upstream = \"postgres://…\", or give --upstream";
        problems.push(Problem::new("databases", "no database is served").help(help));
    }
    for name in settings.databases.keys().filter(|name| settings.console.answers_to(name)) {
        let message = "this name belongs to the console";
        problems.push(
            Problem::new(places::join("databases", name), message)
                .help("rename the entry, or take the name out of console.databases"),
        );
    }
}

fn pool(name: &str, database: &Database, options: &Options, problems: &mut Vec<Problem>) {
    let entry = places::join("databases", name);
    let own = options.databases.get(name);
    let path = |own_key: &str, general_key: &str, is_own: bool| {
        if is_own { format!("{entry}.{own_key}") } else { format!("pool.{general_key}") }
    };
    let pool = &database.pool;
    let min_path = path(
        "pool_size_min",
        "size_min",
        own.is_some_and(|own| own.pool_size_min.is_some() || own.pool_size.is_some()),
    );
    if pool.size_min > pool.size {
        let message = format!("keeps {} connections open in {} slots", pool.size_min, pool.size);
        add(problems, Problem::new(&min_path, message).help("lower it, or raise the pool's size"));
    }
    if database.servers_max.is_some_and(|max| pool.size_min > max) {
        let message = format!("keeps {} connections open, more than servers_max", pool.size_min);
        add(problems, Problem::new(&min_path, message));
    }
    let reserve_never = pool.query_wait_timeout.is_some_and(|limit| limit <= pool.reserve_after);
    if pool.reserve_size > 0 && reserve_never {
        let is_own = own.is_some_and(|own| own.query_wait_timeout.is_some());
        let wait_path = path("query_wait_timeout", "query_wait_timeout", is_own);
        let message = "clients give up before pool.reserve_after: the reserve is never used";
        add(problems, Problem::new(wait_path, message).help("shorten pool.reserve_after"));
    }
    if pool.retry_min > pool.retry_max {
        let message = "the first pause is longer than pool.retry_max, the longest";
        add(problems, Problem::new("pool.retry_min", message));
    }
}

/// Adds a problem that several databases may share once.
fn add(problems: &mut Vec<Problem>, problem: Problem) {
    if !problems.contains(&problem) {
        problems.push(problem);
    }
}

fn budgets(settings: &Settings, options: &Options, problems: &mut Vec<Problem>) {
    let mut on_host: BTreeMap<&UpstreamHost, Vec<(&str, &Database)>> = BTreeMap::new();
    for entry in entries(settings) {
        for host in &entry.1.hosts {
            on_host.entry(host).or_default().push(entry);
        }
    }
    for (name, slots) in &options.budgets {
        let Some(host) = parse_host(name) else { continue };
        let path = places::join("budgets", name);
        let Some(databases) = on_host.get(&host) else {
            problems.push(Problem::new(path, format!("no database is at {host}")));
            continue;
        };
        for (name, database) in databases.iter().filter(|(_, it)| it.pool.size > *slots) {
            let message = format!(
                "a pool of {} is larger than the {slots} slots of {host}",
                database.pool.size
            );
            let path = places::join("databases", name);
            problems.push(Problem::new(path, message).help("lower its pool_size"));
        }
        let kept: u64 = databases.iter().map(|(_, it)| u64::from(it.pool.size_min)).sum();
        if kept > u64::from(*slots) {
            let message = format!("pools keep {kept} connections open, beyond these {slots} slots");
            problems.push(Problem::new(path, message).help("lower their pool_size_min"));
        }
    }
}
