//! The first packets: what is lied, cut short, stuffed, or held back.

use weir_core::config::choices::AuthMethod;
use weir_core::config::limits;
use weir_wire::startup::ProtocolVersion;

use super::world::{World, settings, startup};

const SSL_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x2f";
const GSS_REQUEST: &[u8] = b"\0\0\0\x08\x04\xd2\x16\x30";

fn world() -> World {
    World::new(settings(AuthMethod::Trust, 1))
}

fn hello() -> Vec<u8> {
    startup(ProtocolVersion::V3_0, &[("user", "u"), ("database", "app")])
}

/// Reads one byte: the answer to an encryption request.
fn byte(client: &mut super::world::Peer) -> u8 {
    let mut byte = [0];
    client.stream.read_exact(&mut byte).unwrap();
    byte[0]
}

#[test]
fn encryption_we_do_not_have_is_declined_and_plain_text_goes_on() {
    let mut world = world();
    for requests in [[GSS_REQUEST, SSL_REQUEST], [SSL_REQUEST, GSS_REQUEST]] {
        let mut client = world.connect();
        for request in requests {
            client.send(request);
            assert_eq!(byte(&mut client), b'N');
        }
        client.send(&hello());
        assert_eq!(client.message().0, b'R');
        world.admitted();
    }
}

#[test]
fn each_encryption_is_asked_for_once() {
    let world = world();
    for request in [SSL_REQUEST, GSS_REQUEST] {
        let mut client = world.connect();
        client.send(request);
        assert_eq!(byte(&mut client), b'N');
        client.send(request);
        assert_eq!(client.error().0, "08P01");
        client.closed();
    }
}

/// CVE-2021-23214: what comes with the request, in plain text, must not pass for the client's.
#[test]
fn bytes_behind_an_encryption_request_are_refused() {
    let world = world();
    for request in [SSL_REQUEST, GSS_REQUEST] {
        let mut client = world.connect();
        client.send(&[request, &hello()].concat());
        let (code, message, _) = client.error();
        assert_eq!(code, "08P01");
        assert!(message.starts_with("received unencrypted data after"), "{message}");
    }
}

#[test]
fn a_startup_packet_that_lies_is_refused_by_name() {
    let world = world();
    let check = |packet: &[u8], code: &str| {
        let mut client = world.connect();
        client.send(packet);
        assert_eq!(client.error().0, code, "{packet:?}");
        client.closed();
    };
    check(b"\0\0\0\x07\0\x03\0", "08P01"); // Shorter than a version.
    check(b"\0\x10\0\0\0\x03\0\0", "08P01"); // Longer than any.
    check(b"\xff\xff\xff\xff", "08P01");
    check(b"GET / HTTP/1.1\r\n\r\n", "08P01");
    check(b"\0\0\0\x08\0\x02\0\0", "0A000"); // Version 2.
    check(b"\0\0\0\x09\0\x03\0\0\0", "28000"); // Nobody.
    check(b"\0\0\0\x12\0\x03\0\0user\0\xff\xfe\0\0\0", "08P01"); // Not text.
    let with = |name: &str, value: &str| {
        startup(ProtocolVersion::V3_0, &[("user", "u"), ("database", "app"), (name, value)])
    };
    check(&with("replication", "true"), "0A000");
    check(&with("a; DROP TABLE b", "1"), "42704");
    check(&with("TimeZone", &"x".repeat(limits::PARAMETER_VALUE_BYTES + 1)), "22023");
    check(&with("options", "--single"), "42601");
}

#[test]
fn a_client_that_leaves_at_any_byte_leaves_nothing_behind() {
    let world = world();
    let packet = hello();
    for end in 0..packet.len() {
        let mut client = world.connect();
        client.send(&packet[..end]);
    }
    // The last one is served, so the others have not blocked it; none was let in.
    let mut client = world.connect();
    client.send(&packet);
    assert_eq!(client.message().0, b'R');
    assert_eq!(world.threads.house().admission.total(), 1);
}

#[test]
fn random_bytes_never_get_in() {
    let world = world();
    // A linear congruential generator: any bytes will do, the same each time.
    let mut state = 0x5eed_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    };
    for round in 0..200 {
        let mut client = world.connect();
        let mut bytes: Vec<u8> = (0..64).map(|_| next()).collect();
        if round % 2 == 0 {
            // A right length and version, so that the fuzz reaches the parameters.
            bytes[..8].copy_from_slice(b"\0\0\0\x40\0\x03\0\0");
        }
        // The server may have closed before it has read all.
        let _ = client.stream.write_all(&bytes);
        drop(client);
    }
    assert_eq!(world.threads.house().admission.total(), 0);
    let mut client = world.connect();
    client.send(&hello());
    assert_eq!(client.message().0, b'R');
}

#[test]
fn a_version_from_the_future_is_negotiated_down() {
    let mut world = world();
    let mut client = world.connect();
    let asked = ProtocolVersion::new(3, 9999);
    client.send(&startup(asked, &[("user", "u"), ("database", "app"), ("_pq_.shine", "on")]));
    let (tag, body) = client.message();
    assert_eq!((tag, &body[..]), (b'v', &b"\0\x03\0\x02\0\0\0\x01_pq_.shine\0"[..]));
    assert_eq!(client.message().0, b'R');
    assert_eq!(world.admitted().minor_version, 2);
}

/// It is read where the client is accepted if all of it has come by then, and by a task otherwise.
#[test]
fn a_startup_packet_is_read_however_it_comes() {
    let mut world = world();
    let long = "x".repeat(limits::PARAMETER_VALUE_BYTES);
    let names: Vec<String> = (0..8).map(|index| format!("my.long{index}")).collect();
    let mut parameters = vec![("user", "u"), ("database", "app")];
    parameters.extend(names.iter().map(|name| (name.as_str(), long.as_str())));
    let long = startup(ProtocolVersion::V3_0, &parameters);
    assert!(long.len() > 2048, "more than is read at the door");
    for packet in [hello(), long] {
        for pieces in [1, 2, 3] {
            let mut client = world.connect();
            let bytes = [&packet[..], b"what follows"].concat();
            for piece in bytes.chunks(bytes.len().div_ceil(pieces)) {
                client.send(piece);
            }
            assert_eq!(client.message().0, b'R');
            let admitted = world.admitted();
            assert!(b"what follows".starts_with(&admitted.leftover));
            assert!(pieces > 1 || bytes.len() > 1024 || admitted.leftover == b"what follows");
        }
    }
}

#[test]
fn a_flood_of_silent_connections_keeps_nobody_out() {
    raise_descriptor_limit();
    let mut world = world();
    let silent: Vec<_> = (0..limits::HALF_OPEN_LOGINS + 50).map(|_| world.connect()).collect();
    let mut client = world.connect();
    client.send(&hello());
    assert_eq!(client.message().0, b'R');
    world.admitted();
    drop(silent);
}

/// Both ends of a thousand connections are in this process.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

#[test]
fn a_login_that_takes_too_long_is_told_so() {
    let mut settings = settings(AuthMethod::Scram, 1);
    settings.timeouts.client_login = Some(std::time::Duration::from_millis(50));
    let world = World::new(settings);
    let mut client = world.connect();
    client.send(&hello());
    assert_eq!(client.message().0, b'R');
    assert_eq!(client.error().1, "canceling authentication due to timeout");
    client.closed();
    // One that says nothing at all is closed without a word.
    world.connect().closed();
}

#[test]
fn limits_and_notices_of_the_configuration_reach_the_client() {
    let mut settings = settings(AuthMethod::Trust, 1);
    settings.limits.clients_per_user_max = Some(1);
    settings.session.login_notice = Some("be kind".into());
    settings.databases.get_mut("app").unwrap().pool.application_name_add_host = true;
    let mut world = World::new(settings);
    let mut first = world.connect();
    first.send(&hello());
    assert_eq!(first.message().0, b'R');
    let (tag, body) = first.message();
    assert!(tag == b'N' && body.windows(7).any(|seven| seven == b"be kind"));
    let admitted = world.admitted();
    let (name, value) = &admitted.parameters[0];
    assert_eq!((name.as_str(), value), ("application_name", &admitted.address.to_string()));
    let mut second = world.connect();
    second.send(&hello());
    assert_eq!(second.error().0, "53300");
    drop(admitted);
    let mut third = world.connect();
    third.send(&hello());
    assert_eq!(third.message().0, b'R');
}
