//! Trust over plain TCP, routing, cancels.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Command;

use weir_core::config::choices::AuthMethod;
use weir_core::config::hba;
use weir_core::config::settings::ListenAddress;
use weir_testkit::{Account, Scratch};

use super::world::{Peer, World, settings};
use crate::proxy::endpoint::Endpoint;
use crate::proxy::login::Access;
use crate::proxy::mail::ToWorker;

#[test]
fn a_trusted_client_arrives_with_what_it_asked_for() {
    let mut world = World::new(settings(AuthMethod::Trust, 1));
    let mut client = world.connect();
    let options = "-c search_path=a -c work_mem=8MB";
    client.startup(&[
        ("user", "u"),
        ("database", "app"),
        ("options", options),
        ("TimeZone", "UTC"),
    ]);
    assert_eq!(client.message(), (b'R', vec![0, 0, 0, 0]));
    let admitted = world.admitted();
    assert_eq!((&*admitted.pool.database, &*admitted.pool.user), ("app", "u"));
    let names: Vec<&str> = admitted.parameters.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["search_path", "work_mem", "TimeZone"]);
    assert_eq!(admitted.minor_version, 0);
    assert_eq!(world.threads.house().admission.total(), 1);
    drop(admitted);
    assert_eq!(world.threads.house().admission.total(), 0);
    client.closed();
}

#[test]
fn an_unknown_database_is_refused_with_a_way_out() {
    let world = World::new(settings(AuthMethod::Trust, 1));
    let mut client = world.connect();
    client.startup(&[("user", "u"), ("database", "nope")]);
    let (code, message, hint) = client.error();
    assert_eq!((code.as_str(), message.as_str()), ("3D000", "database \"nope\" does not exist"));
    assert!(hint.contains("reload"), "{hint}");
    client.closed();
}

#[test]
fn a_cancel_reaches_the_worker_and_its_connection_stays_until_it_is_done() {
    let mut world = World::new(settings(AuthMethod::Trust, 1));
    let mut client = world.connect();
    client.send(b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x07keys");
    let ToWorker::Cancel(request) = world.letter() else { panic!("expected a cancel") };
    assert_eq!((request.pid, &request.secret[..]), (7, &b"keys"[..]));
    drop(request.done);
    client.closed();
}

#[test]
fn a_cancel_for_a_worker_that_does_not_exist_is_void() {
    let world = World::new(settings(AuthMethod::Trust, 1));
    for pid in [1 << 24, -1] {
        let mut client = world.connect();
        let mut packet = Vec::new();
        weir_wire::build::cancel_request(&mut packet, pid, b"keys").unwrap();
        client.send(&packet);
        client.closed();
    }
}

#[test]
fn nobody_comes_in_while_the_proxy_stops_but_cancels_do() {
    let mut world = World::new(settings(AuthMethod::Trust, 1));
    world.threads.refuse_new();
    let mut client = world.connect();
    client.startup(&[("user", "u"), ("database", "app")]);
    assert_eq!(client.error().0, "57P03");
    client.closed();
    let mut client = world.connect();
    client.send(b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x07keys");
    assert!(matches!(world.letter(), ToWorker::Cancel(_)));
}

#[test]
fn a_reload_tells_the_pools_that_exist() {
    let before = settings(AuthMethod::Trust, 1);
    let mut world = World::new(before.clone());
    for database in ["app", "app"] {
        let mut client = world.connect();
        client.startup(&[("user", "u"), ("database", database)]);
        world.admitted();
    }
    let mut changed = before.clone();
    changed.databases.get_mut("app").unwrap().pool.size = 7;
    world.threads.reload(changed).unwrap();
    let ToWorker::Reconfigure { pool, target } = world.letter() else { panic!("no news") };
    assert_eq!((&*pool.database, target.unwrap().pool.size_max), ("app", 7));
    let mut gone = before;
    gone.databases.clear();
    world.threads.reload(gone).unwrap();
    assert!(matches!(world.letter(), ToWorker::Reconfigure { target: None, .. }));
}

#[test]
fn the_console_is_for_those_whom_the_configuration_names() {
    let mut settings = settings(AuthMethod::Trust, 1);
    settings.console.admin_users = vec!["root".into()];
    settings.console.stats_users = vec!["grafana".into()];
    let world = World::new(settings);
    let mut visitors = world.threads.visitors().unwrap();
    for (user, access) in [("root", Access::Admin), ("grafana", Access::Stats)] {
        for database in ["weir", "pgbouncer"] {
            let mut client = world.connect();
            client.startup(&[("user", user), ("database", database)]);
            assert_eq!(client.message().0, b'R');
            let visitor = visitors.blocking_recv().unwrap();
            assert_eq!((&*visitor.user, visitor.access), (user, access));
        }
    }
    let mut client = world.connect();
    client.startup(&[("user", "app"), ("database", "weir")]);
    assert_eq!(client.error().0, "42501");
}

#[test]
fn a_unix_socket_knows_who_is_there() {
    let home = Scratch::new(Account::unprivileged().unwrap()).unwrap();
    let dir = home.path().display().to_string();
    let mut settings = settings(AuthMethod::Hba, 1);
    let rules = hba::parse("local all all peer", "hba", &|_| Err("no files".into())).unwrap();
    settings.auth.hba = Some(rules);
    let address = ListenAddress::Unix { dir, port: 6432 };
    settings.listen.addresses = vec![address];
    settings.listen.unix_socket_mode = 0o700;
    let file = home.path().join(".s.PGSQL.6432");
    // What a crash leaves behind.
    drop(std::os::unix::net::UnixListener::bind(&file).unwrap());
    let mut world = World::new(settings);
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let mut client = Peer { stream: Box::new(UnixStream::connect(&file).unwrap()) };
    client.send(b"\0\0\0\x08\x04\xd2\x16\x2f");
    let mut answer = [0];
    client.stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, *b"N");
    let me = Command::new("id").arg("-un").output().unwrap().stdout;
    let me = String::from_utf8(me).unwrap();
    client.startup(&[("user", me.trim()), ("database", "app")]);
    assert_eq!(client.message().0, b'R');
    assert_eq!(world.admitted().address, Endpoint::Unix);
    // The process's own user is the console's operator without being named.
    for (user, database, tag) in
        [(me.trim(), "weir", b'R'), ("u", "weir", b'E'), ("u", "app", b'E')]
    {
        let mut other = Peer { stream: Box::new(UnixStream::connect(&file).unwrap()) };
        other.startup(&[("user", user), ("database", database)]);
        assert_eq!(other.message().0, tag, "{user} {database}");
    }
    drop(world);
    assert!(!file.exists());
}
