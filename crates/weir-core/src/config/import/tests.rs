//! A usual file, what it leaves out, what it gets wrong, and what is softened.

use std::time::Duration;

use super::*;
use crate::config::choices::{AuthMethod, HostBalance, LogLevel, PoolMode, Rotation, ServerReset};
use crate::config::{Settings, Sources, resolve};

fn files(name: &str) -> Result<String, String> {
    match name {
        "more.ini" => Ok("reserve_pool_size = 3\n[users]\nann = pool_mode=session".into()),
        "loop.ini" => Ok("%include loop.ini".into()),
        "userlist.txt" => Ok("\"ann\" \"secret\"\n\"dba\" \"secret\"".into()),
        other => Err(format!("cannot read `{other}`")),
    }
}

fn imported(text: &str) -> Imported {
    import(text, "pgbouncer.ini", &files).unwrap()
}

fn settings(text: &str) -> Settings {
    let sources = Sources { file: &files, env: &|_| None };
    resolve(&imported(text).options, &sources).unwrap()
}

/// What `[pgbouncer]` with these lines warns of or refuses: `line: key: message`.
fn complaints(lines: &str) -> Vec<String> {
    let text = format!("[databases]\ndb = host=h\n[pgbouncer]\n{lines}");
    let problems = match import(&text, "f", &files) {
        Ok(imported) => imported.warnings,
        Err(problems) => problems,
    };
    let line = |problem: &Problem| problem.place.as_ref().map_or(0, |place| place.line);
    problems.iter().map(|it| format!("{}: {}: {}", line(it), it.path, it.message)).collect()
}

#[test]
fn a_usual_file_becomes_the_settings_it_means() {
    let text = "\
;; comment
[databases]
shop = host=10.0.0.5 port=5433 dbname=shop_production pool_size=40 user=app password='it''s'
\"a.b\" = host=/run/pg auth_user=dba timezone=UTC connect_query='SELECT 1'
* = host=10.0.0.6,10.0.0.7 load_balance_hosts=disable
local =

[pgbouncer]
listen_addr = 127.0.0.1, ::1
listen_port = 6543
unix_socket_dir =
auth_type = scram-sha-256
auth_file = userlist.txt
pool_mode = transaction
max_client_conn = 500
default_pool_size = 25
server_round_robin = 1
server_reset_query_always = yes
server_check_delay = 0.5
query_wait_timeout = 0
tcp_user_timeout = 1500
tcp_keepidle = 0
max_prepared_statements = 50
ignore_startup_parameters = extra_float_digits, options
admin_users = dba
verbose = 1
stats_period = 30
%include more.ini
";
    let settings = settings(text);
    let addresses: Vec<String> =
        settings.listen.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["127.0.0.1:6543", "[::1]:6543"]);
    assert_eq!(settings.listen.keepalive.user_timeout, Some(Duration::from_millis(1500)));
    assert_eq!(settings.listen.keepalive.idle, None);
    assert_eq!(settings.auth.method, AuthMethod::Scram);
    assert_eq!(settings.limits.clients_max, 500);
    assert_eq!(settings.limits.prepared_per_server_max, 50);
    assert_eq!(settings.session.ignore_startup_parameters, ["extra_float_digits", "options"]);
    assert_eq!(settings.console.admin_users, ["dba"]);
    assert_eq!(settings.log.level, LogLevel::Debug);
    assert_eq!(settings.log.stats_every, Some(Duration::from_secs(30)));

    let plan = settings.plan("shop", "ann").unwrap();
    assert_eq!(plan.dbname, "shop_production");
    assert_eq!((plan.pool.mode, plan.pool.size), (PoolMode::Session, 40));
    assert_eq!(plan.pool.reserve_size, 3);
    assert_eq!(plan.pool.rotation, Rotation::RoundRobin);
    assert_eq!(plan.pool.server_reset, ServerReset::Always);
    assert_eq!(plan.pool.check_delay, Duration::from_millis(500));
    assert_eq!(plan.pool.query_wait_timeout, None);
    assert_eq!(plan.database.hosts[0].to_string(), "10.0.0.5:5433");
    assert_eq!(settings.users["app"].secret.plain().unwrap().reveal(), "it's");

    let dotted = settings.database("a.b").unwrap();
    assert_eq!(dotted.hosts[0].to_string(), "/run/pg/.s.PGSQL.5432");
    assert_eq!(dotted.auth_query.as_ref().unwrap().user, "dba");
    assert_eq!(dotted.parameters["timezone"], "UTC");
    let other = settings.plan("other", "bob").unwrap();
    assert_eq!((other.dbname.as_str(), other.pool.mode), ("other", PoolMode::Transaction));
    assert_eq!(other.database.host_balance, HostBalance::FirstUp);
    assert_eq!(settings.databases["local"].hosts[0].to_string(), "/tmp/.s.PGSQL.5432");
}

#[test]
fn what_is_left_out_is_as_in_pgbouncer() {
    let settings = settings("[databases]\ndb = user=u password=p\n");
    assert_eq!(settings.databases["db"].pool.mode, PoolMode::Session);
    assert_eq!(settings.auth.method, AuthMethod::Md5);
    assert_eq!(settings.limits.clients_max, 100);
    assert_eq!(settings.listen.addresses[0].to_string(), "unix:/tmp/.s.PGSQL.6432");
}

#[test]
fn keys_without_a_counterpart_are_warnings_and_broken_values_are_problems() {
    let left_out = "this key has no counterpart and is left out";
    let cases = [
        ("pidfile = /x", format!("4: pidfile: {left_out}")),
        ("\nresolv_conf = x", format!("5: resolv_conf: {left_out}")),
        ("pool_sise = 5", "4: pool_sise: PgBouncer knows no such key; it is left out".into()),
        ("default_pool_size = many", "4: default_pool_size: `many` is not a whole number".into()),
        ("default_pool_size = 99999", "4: pool.size: 99999 is not a number from 1 to 10000".into()),
        ("query_timeout = soon", "4: query_timeout: `soon` is not a time".into()),
        ("so_reuseport = maybe", "4: so_reuseport: `maybe` is not 0 or 1".into()),
        (
            "max_prepared_statements = x",
            "4: max_prepared_statements: `x` is not a whole number".into(),
        ),
        ("%include loop.ini", "1: : `%include loop.ini` is one too many".into()),
        ("%include none.ini", "4: : cannot read `none.ini`".into()),
        ("nonsense", "4: : this is not `key = value`".into()),
        ("[section", "4: : the section has no closing `]`".into()),
        ("[other]\nx = 1", "5: : `x` is in the unknown section [other]".into()),
        ("[peers]\n1 = host=/tmp", "5: : peer `1` is left out".into()),
        ("[databases]\nx = host", "5: databases.x: this is not a list of key=value".into()),
        ("[databases]\nx = password='p", "5: databases.x: a quote is not closed".into()),
    ];
    for (lines, expected) in cases {
        assert_eq!(complaints(lines), [expected], "{lines}");
    }
    let ldap = complaints("auth_type = ldap");
    assert!(ldap[0].contains("`ldap` is not one of trust, any, plain"), "{ldap:?}");
    assert_eq!(complaints("auth_type = md5\npool_mode = session"), [""; 0]);
}

#[test]
fn what_pgbouncer_accepts_is_softened_with_a_warning() {
    let text = "[databases]\ndb = pool_size=2\n[pgbouncer]\nlisten_addr = *\nauth_type = any\n\
                min_pool_size = 5\nquery_timeout = 60\ntransaction_timeout = 30\n\
                auth_hba_file = x\nserver_login_retry = 0\nserver_reset_query =\n";
    let found = imported(text);
    let paths: Vec<&str> = found.warnings.iter().map(|it| it.path.as_str()).collect();
    let expected = [
        "databases.db.pool_size_min",
        "auth.method",
        "timeouts.statement",
        "auth.hba_file",
        "pool.retry_max",
        "server_reset_query",
    ];
    assert_eq!(paths, expected);
    let settings = settings(text);
    assert_eq!(settings.timeouts.statement, Some(Duration::from_secs(30)));
    assert_eq!(settings.databases["db"].pool.size_min, 2);
}

#[test]
fn every_counterpart_is_a_setting_there_is() {
    let root = crate::config::schema();
    let exists = |start: &Value, path: &str| {
        let mut schema = Some(start.clone());
        for key in path.split('.') {
            schema = schema.and_then(|it| crate::config::schema::property(&it, key).cloned());
        }
        schema.is_some()
    };
    let databases = &root["properties"]["databases"]["additionalProperties"];
    let users = &root["properties"]["users"]["additionalProperties"];
    for (table, start) in [(GENERAL, &root), (DATABASE, databases), (USER, users)] {
        for (key, fate) in table {
            match fate {
                Fate::Is(path, _) | Fate::Special(path) => {
                    assert!(exists(start, path), "{key} -> {path}");
                }
                Fate::Dropped(instead) => assert!(!instead.is_empty(), "{key}"),
            }
        }
    }
}
