//! Dialling a real PostgreSQL: every method, right and wrong, and TLS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use weir_core::config::choices::AuthMethod;
use weir_core::ids::DialId;

use super::server::{PASSWORD, server};
use super::world::{World, settings};
use crate::proxy::mail::{DialFailure, Dialled, FromWorker, ToWorker};
use crate::proxy::target::{Credential, DialSpec, Others, ServerAddress, ServerTls};

pub(super) fn spec(user: &str, credential: Credential) -> DialSpec {
    DialSpec {
        address: ServerAddress::Tcp { host: "127.0.0.1".into(), port: server().pg.port() },
        others: Others::default(),
        database: "postgres".into(),
        user: user.into(),
        credential,
        tls: ServerTls::Disable,
        parameters: vec![("application_name".into(), "weir-test".into())],
        connect_query: None,
        timeout: Duration::from_secs(20),
    }
}

pub(super) fn password(text: &str) -> Credential {
    Credential::Password(text.into())
}

pub(super) fn dial(world: &mut World, spec: DialSpec) -> Result<Box<Dialled>, DialFailure> {
    world.ask(FromWorker::Dial { worker: 0, dial: DialId(7), spec: Arc::new(spec) });
    match world.letter() {
        ToWorker::Dialled(dialled) => {
            assert_eq!(dialled.dial, DialId(7));
            Ok(dialled)
        }
        ToWorker::DialFailed { dial: DialId(7), failure } => Err(failure),
        other => panic!("unexpected {other:?}"),
    }
}

pub(super) fn world() -> World {
    World::new(settings(AuthMethod::Trust, server().pg.port()))
}

#[test]
fn every_method_logs_in_with_the_right_password_and_not_with_a_wrong_one() {
    let mut world = world();
    for user in ["by_scram", "by_md5", "by_clear"] {
        let dialled = dial(&mut world, spec(user, password(PASSWORD))).expect(user);
        assert!(dialled.key.pid > 0 && dialled.key.secret.len() >= 4, "{user}");
        let failure = dial(&mut world, spec(user, password("wrong"))).expect_err(user);
        assert_eq!((&failure.sqlstate, failure.permanent), (b"28P01", true), "{failure:?}");
        let failure = dial(&mut world, spec(user, Credential::None)).expect_err(user);
        assert!(failure.permanent && failure.message.contains("known here"), "{failure:?}");
    }
    dial(&mut world, spec("by_trust", Credential::None)).expect("by_trust");
}

#[test]
fn the_server_is_known_by_what_it_reported() {
    let dialled = dial(&mut world(), spec("by_trust", Credential::None)).unwrap();
    let value = |name: &str| {
        dialled.parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    };
    assert_eq!(value("application_name"), Some("weir-test"));
    assert_eq!(value("server_encoding"), Some("UTF8"));
    assert!(value("server_version").is_some());
}

#[test]
fn what_cannot_work_says_so_and_what_may_work_later_is_not_permanent() {
    let mut world = world();
    let mut nowhere = spec("by_trust", Credential::None);
    nowhere.database = "nowhere".into();
    let failure = dial(&mut world, nowhere).unwrap_err();
    assert_eq!((&failure.sqlstate, failure.permanent), (b"3D000", true), "{failure:?}");

    let failure = dial(&mut world, spec("nobody_we_know", Credential::None)).unwrap_err();
    assert_eq!((&failure.sqlstate, failure.permanent), (b"28000", true), "{failure:?}");

    let mut silent = spec("by_trust", Credential::None);
    silent.address = closed();
    let failure = dial(&mut world, silent).unwrap_err();
    assert_eq!((&failure.sqlstate, failure.permanent), (b"08001", false), "{failure:?}");
    assert!(failure.message.contains("is PostgreSQL running"), "{failure:?}");
}

#[test]
fn a_connect_query_runs_first_and_its_failure_is_the_dials() {
    let mut world = world();
    let mut good = spec("by_trust", Credential::None);
    good.connect_query = Some("SET application_name = 'from connect_query'; SELECT 1".into());
    let dialled = dial(&mut world, good).unwrap();
    let name = dialled.parameters.iter().find(|(name, _)| name == "application_name");
    assert_eq!(name.map(|(_, value)| value.as_str()), Some("from connect_query"));
    let mut bad = spec("by_trust", Credential::None);
    bad.connect_query = Some("SELECT nonsense".into());
    let failure = dial(&mut world, bad).unwrap_err();
    assert!(failure.message.starts_with("connect_query failed"), "{failure:?}");
}

#[test]
fn a_unix_socket_serves_as_well() {
    let mut spec = spec("by_trust", Credential::None);
    let pg = &server().pg;
    spec.address = ServerAddress::Unix(pg.socket_dir().join(format!(".s.PGSQL.{}", pg.port())));
    dial(&mut world(), spec).unwrap();
}

#[test]
fn a_cancel_is_delivered_before_it_is_reported() {
    let mut world = world();
    let dialled = dial(&mut world, spec("by_trust", Credential::None)).unwrap();
    let mut stream = TcpStream::from(dialled.socket);
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut query = Vec::new();
    weir_wire::build::query(&mut query, b"SELECT pg_sleep(600)").unwrap();
    stream.write_all(&query).unwrap();
    wait_until_running(dialled.key.pid);
    world.ask(FromWorker::Cancel {
        worker: 0,
        token: 9,
        tls: ServerTls::Disable,
        key: dialled.key,
    });
    assert!(matches!(world.letter(), ToWorker::Cancelled { token: 9 }));
    let mut reply = Vec::new();
    let mut chunk = [0; 512];
    while !reply.windows(5).any(|five| five == b"57014") {
        let count = stream.read(&mut chunk).unwrap();
        assert!(count > 0, "the server went away: {reply:?}");
        reply.extend_from_slice(&chunk[..count]);
    }
}

/// A cancel that comes before the statement would be void.
fn wait_until_running(pid: i32) {
    let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE pid={pid} AND state='active'");
    let mut session = server().pg.session("postgres").unwrap();
    while session.value(&sql).unwrap() != "1" {}
}

/// A place where nobody listens.
fn closed() -> ServerAddress {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    ServerAddress::Tcp { host: "127.0.0.1".into(), port }
}

#[test]
fn the_next_place_serves_when_the_first_does_not() {
    let mut world = world();
    let good = spec("by_trust", Credential::None);
    for take_turns in [false, true] {
        let others =
            Others { addresses: vec![good.address.clone()], take_turns, dials: Arc::default() };
        let spec = DialSpec { address: closed(), others, ..good.clone() };
        for _ in 0..3 {
            let dialled = dial(&mut world, spec.clone()).unwrap();
            assert_eq!(dialled.key.at.address, good.address);
        }
    }
}

#[test]
fn dials_take_turns_where_that_is_wanted() {
    let mut spec = spec("u", Credential::None);
    let (first, second) = (spec.address.clone(), closed());
    spec.others.addresses = vec![second.clone()];
    assert_eq!((spec.places(), spec.places()), (vec![&first, &second], vec![&first, &second]));
    spec.others.take_turns = true;
    assert_eq!((spec.places(), spec.places()), (vec![&first, &second], vec![&second, &first]));
}
