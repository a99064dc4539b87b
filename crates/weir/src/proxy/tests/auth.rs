//! Each method with right and wrong proofs, against secrets of the configuration.

use weir_core::config::choices::AuthMethod;
use weir_core::config::hba;
use weir_core::config::settings::{Secret, ServerLogin};
use weir_wire::md5::Md5Hash;
use weir_wire::scram::{Iterations, Verifier};

use super::client::{Outcome, answer};
use super::world::{World, settings, user};
use crate::proxy::mail::ToWorker;
use crate::proxy::target::Credential;

/// Users by what is stored about them; each one's password is `right`.
fn world(method: AuthMethod) -> World {
    let mut settings = settings(method, 1);
    let hash = Md5Hash::derive(b"hashed", b"right");
    let verifier = Verifier::derive(b"right", b"0123456789abcdef", Iterations::DEFAULT);
    let secrets = [
        ("plain", "right".to_owned()),
        ("hashed", String::from_utf8(hash.as_bytes().to_vec()).unwrap()),
        ("verified", verifier.to_text().to_string()),
    ];
    for (name, secret) in secrets {
        settings.users.insert(name.into(), user(&secret));
    }
    if method == AuthMethod::Hba {
        let rules = hba::parse(HBA, "hba", &|_| Err("no files".into())).unwrap();
        settings.auth.hba = Some(rules);
    }
    World::new(settings)
}

const HBA: &str = "\
host app plain 127.0.0.1/32 trust
host app hashed 127.0.0.1/32 md5
host app verified 10.0.0.0/8 scram-sha-256
host app root_only 127.0.0.1/32 reject
";

fn log_in(world: &World, user: &str, password: &str) -> Outcome {
    let mut client = world.connect();
    client.startup(&[("user", user), ("database", "app")]);
    answer(&mut client, (user, password), None)
}

fn refused(user: &str) -> Option<(String, String)> {
    Some(("28P01".into(), format!("password authentication failed for user \"{user}\"")))
}

#[test]
fn the_method_and_the_stored_secret_decide_what_is_asked() {
    use AuthMethod::{Md5, Passthrough, Password, Scram};
    const SCRAM: &str = "SCRAM-SHA-256";
    let table = [
        (
            Password,
            [("plain", "clear", true), ("hashed", "clear", true), ("verified", "clear", true)],
        ),
        (Md5, [("plain", "md5", true), ("hashed", "md5", true), ("verified", SCRAM, true)]),
        (Scram, [("plain", SCRAM, true), ("hashed", SCRAM, false), ("verified", SCRAM, true)]),
        (Passthrough, [("plain", SCRAM, true), ("hashed", "md5", true), ("verified", SCRAM, true)]),
    ];
    for (method, users) in table {
        let mut world = world(method);
        for (name, asked, serves) in users {
            let right = log_in(&world, name, "right");
            assert_eq!(right.asked, [asked], "{method:?} {name}");
            assert_eq!(right.refused, if serves { None } else { refused(name) }, "{method:?}");
            if serves {
                assert_eq!(&**world.admitted().slot.user(), name);
            }
            let wrong = log_in(&world, name, "wrong");
            assert_eq!((wrong.asked, wrong.refused), (vec![asked], refused(name)), "{method:?}");
        }
    }
}

#[test]
fn nobody_learns_which_users_exist() {
    for method in [AuthMethod::Scram, AuthMethod::Passthrough, AuthMethod::Password] {
        let world = world(method);
        let unknown = log_in(&world, "nobody", "right");
        let wrong = log_in(&world, "verified", "wrong");
        assert_eq!(unknown.asked, wrong.asked);
        assert_eq!(unknown.refused, refused("nobody"));
    }
}

/// The salt of a user who does not exist must not change from try to try.
#[test]
fn an_unknown_user_shows_the_same_salt_each_time() {
    let world = world(AuthMethod::Scram);
    let salt = |name: &str| {
        let mut client = world.connect();
        client.startup(&[("user", name), ("database", "app")]);
        client.message();
        let mut reply = Vec::new();
        let data: Option<&[u8]> = Some(b"n,,n=,r=abc");
        weir_wire::build::sasl_initial_response(&mut reply, b"SCRAM-SHA-256", data).unwrap();
        client.send(&reply);
        let (_, body) = client.message();
        let text = String::from_utf8_lossy(&body[4..]).into_owned();
        text.split(',').find(|part| part.starts_with("s=")).unwrap().to_owned()
    };
    assert_eq!(salt("nobody"), salt("nobody"));
    assert_ne!(salt("nobody"), salt("no one"));
}

#[test]
fn what_a_login_reveals_logs_in_to_the_server() {
    let mut world = world(AuthMethod::Passthrough);
    let mut credential = |name: &str| {
        assert_eq!(log_in(&world, name, "right").refused, None);
        world.admitted().target.dial.credential.clone()
    };
    assert!(matches!(credential("plain"), Credential::Password(word) if word == "right"));
    assert!(matches!(credential("hashed"), Credential::Md5(_)));
    assert!(matches!(credential("verified"), Credential::ScramKeys(_)));
}

#[test]
fn the_first_matching_line_of_the_hba_file_decides() {
    let world = world(AuthMethod::Hba);
    assert_eq!(log_in(&world, "plain", "").asked, Vec::<&str>::new());
    assert_eq!(log_in(&world, "hashed", "right").asked, ["md5"]);
    for user in ["verified", "root_only", "nobody"] {
        let outcome = log_in(&world, user, "right");
        let message = format!(
            "no pg_hba.conf entry for host \"127.0.0.1\", user \"{user}\", database \"app\", no \
             encryption"
        );
        assert_eq!(outcome.refused, Some(("28000".into(), message)));
    }
}

#[test]
fn anything_but_an_answer_ends_the_login() {
    let world = world(AuthMethod::Scram);
    let mut query = Vec::new();
    weir_wire::build::query(&mut query, b"SELECT 1").unwrap();
    let huge = [&b"p\x7f\xff\xff\xff"[..], &[0; 100]].concat();
    let second_startup = super::world::startup(
        weir_wire::startup::ProtocolVersion::V3_0,
        &[("user", "plain"), ("database", "app")],
    );
    for bytes in [query, huge, second_startup] {
        let mut client = world.connect();
        client.startup(&[("user", "plain"), ("database", "app")]);
        client.message();
        client.send(&bytes);
        assert_eq!(client.error().0, "08P01");
        client.closed();
    }
}

#[test]
fn users_of_a_database_with_a_fixed_login_share_a_pool_in_peace() {
    let mut settings = settings(AuthMethod::Scram, 1);
    for (name, salt) in [("one", b"0123456789abcdef"), ("two", b"fedcba9876543210")] {
        let verifier = Verifier::derive(b"right", salt, Iterations::DEFAULT);
        settings.users.insert(name.into(), user(&verifier.to_text()));
    }
    settings.databases.get_mut("app").unwrap().login =
        ServerLogin::Fixed { user: "owner".into(), password: Some(Secret::new("theirs")) };
    let mut world = World::new(settings);
    for name in ["one", "two", "one"] {
        assert_eq!(log_in(&world, name, "right").refused, None);
        // Nothing but clients: no letter says that the pool has changed.
        let admitted = world.admitted();
        assert_eq!((&**admitted.slot.user(), &*admitted.pool.user), (name, "owner"));
        let dial = &admitted.target.dial;
        assert_eq!(dial.user, "owner");
        assert_eq!(dial.credential, Credential::Password("theirs".into()));
    }
}

#[test]
fn a_changed_password_changes_the_pool() {
    let secret = |salt: &[u8; 16]| Verifier::derive(b"right", salt, Iterations::DEFAULT).to_text();
    let mut settings = settings(AuthMethod::Scram, 1);
    settings.users.insert("u".into(), user(&secret(b"0123456789abcdef")));
    let mut world = World::new(settings.clone());
    assert_eq!(log_in(&world, "u", "right").refused, None);
    world.admitted();
    settings.users.insert("u".into(), user(&secret(b"fedcba9876543210")));
    world.threads.reload(settings).unwrap();
    assert!(matches!(world.letter(), ToWorker::Reconfigure { .. }));
    assert_eq!(log_in(&world, "u", "right").refused, None);
    let ToWorker::Reconfigure { target: Some(target), .. } = world.letter() else {
        panic!("the pool keeps the old keys")
    };
    assert_eq!(world.admitted().target.dial.credential, target.dial.credential);
}
