//! Secrets that PostgreSQL keeps: fetched with the authentication query, proved by the client,
//! and used to log in as it.

use weir_core::config::choices::AuthMethod;
use weir_core::config::settings::AuthQuery;

use super::client::{Outcome, answer};
use super::server::{PASSWORD, server};
use super::world::{World, settings};
use crate::proxy::mail::{FromWorker, ToWorker};
use weir_core::ids::DialId;

const QUERY: &str = "SELECT rolname, rolpassword FROM pg_authid WHERE rolname=$1 AND rolcanlogin";

fn world(query: &str) -> World {
    let mut settings = settings(AuthMethod::Passthrough, server().pg.port());
    let entry = settings.databases.get_mut("app").unwrap();
    entry.dbname = Some("postgres".into());
    entry.auth_query = Some(AuthQuery {
        query: query.into(),
        user: "postgres".into(),
        password: None,
        database: "postgres".into(),
    });
    World::new(settings)
}

fn log_in(world: &World, user: &str, password: &str) -> Outcome {
    let mut client = world.connect();
    client.startup(&[("user", user), ("database", "app")]);
    answer(&mut client, (user, password), None)
}

#[test]
fn a_client_is_known_by_postgresqls_secret_and_dials_with_its_own_proof() {
    let mut world = world(QUERY);
    for (user, asked) in [("by_scram", "SCRAM-SHA-256"), ("by_md5", "md5")] {
        let outcome = log_in(&world, user, PASSWORD);
        assert_eq!((outcome.asked, outcome.refused), (vec![asked], None));
        let spec = world.admitted().target.dial.clone();
        world.ask(FromWorker::Dial { worker: 0, dial: DialId(1), spec });
        match world.letter() {
            ToWorker::Dialled(dialled) => assert_eq!(dialled.dial, DialId(1)),
            other => panic!("{user}: {other:?}"),
        }
        assert_eq!(log_in(&world, user, "wrong").refused.unwrap().0, "28P01");
    }
    assert_eq!(log_in(&world, "nobody_we_know", PASSWORD).refused.unwrap().0, "28P01");
    assert_eq!(log_in(&world, "x' OR true --", PASSWORD).refused.unwrap().0, "28P01");
}

#[test]
fn one_kept_connection_serves_all_questions() {
    let world = world(QUERY);
    for user in ["by_scram", "by_md5", "nobody_1", "nobody_2", "by_scram"] {
        log_in(&world, user, "wrong");
    }
    // The next test's connections may be there as well, so this world is told by its own.
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'weir auth_query' \
               AND state = 'idle' AND query LIKE 'SELECT rolname%'";
    let count: u32 = server().pg.session("postgres").unwrap().value(sql).unwrap().parse().unwrap();
    assert!((1..=2).contains(&count), "{count} connections");
}

#[test]
fn a_question_that_fails_is_our_trouble_not_a_wrong_password() {
    let world = world("SELECT nonsense FROM nowhere WHERE x = $1");
    let (code, message) = log_in(&world, "by_scram", PASSWORD).refused.unwrap();
    assert_eq!(code, "57P03");
    assert!(message.contains("cannot check passwords"), "{message}");
}
