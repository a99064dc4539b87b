//! Properties of frames, builders and views together.

#![cfg(test)]

use proptest::collection::vec;
use proptest::prelude::*;
use weir_wire::build;
use weir_wire::error::{Report, Severity, SqlState};
use weir_wire::frame::{HEADER_LEN, Header};
use weir_wire::message::{
    Authentication, BackendKeyData, Bind, CommandComplete, CopyResponse, ErrorFields, Execute,
    NegotiateProtocolVersion, NotificationResponse, ParameterStatus, Parse, Password, Query,
    ReadyForQuery, SaslInitialResponse, SaslResponse, Target, TargetKind, TransactionStatus, field,
};
use weir_wire::startup::{FirstPacket, ProtocolVersion, split_options};

/// A string as the wire allows it.
fn text() -> impl Strategy<Value = Vec<u8>> {
    vec(1..=u8::MAX, 0..40)
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    vec(1..=u8::MAX, 1..40)
}

/// The name of a parameter without a meaning of its own at the start.
fn ordinary() -> impl Strategy<Value = Vec<u8>> {
    name().prop_map(|name| [&b"x."[..], &name].concat())
}

fn status() -> impl Strategy<Value = TransactionStatus> {
    use TransactionStatus::{Failed, Idle, InTransaction};
    prop::sample::select(vec![Idle, InTransaction, Failed])
}

fn kind() -> impl Strategy<Value = TargetKind> {
    prop::sample::select(vec![TargetKind::Statement, TargetKind::Portal])
}

/// Builds one message and gives back its tag and body, having checked the header.
fn built(write: impl FnOnce(&mut Vec<u8>)) -> (u8, Vec<u8>) {
    let mut out = b"before".to_vec();
    write(&mut out);
    let message = out.strip_prefix(b"before").unwrap();
    let header = Header::parse(message).unwrap().unwrap();
    assert_eq!(header.total_len(), message.len());
    (header.tag, message[HEADER_LEN..].to_vec())
}

/// Takes all whole messages off the front of `buffer`.
fn drain(buffer: &mut Vec<u8>, messages: &mut Vec<Vec<u8>>) {
    while let Ok(Some(header)) = Header::parse(buffer) {
        if buffer.len() < header.total_len() {
            break;
        }
        messages.push(buffer.drain(..header.total_len()).collect());
    }
}

proptest! {
    #[test]
    fn what_clients_send_reads_back(
        a in text(), b in text(), types in vec(any::<u32>(), 0..5), limit in any::<i32>(),
        kind in kind(),
    ) {
        let (tag, body) = built(|out| build::query(out, &a).unwrap());
        prop_assert_eq!((tag, Query::parse(&body)), (b'Q', Ok(Query { text: &a })));

        let types: Vec<u8> = types.into_iter().flat_map(u32::to_be_bytes).collect();
        let (tag, body) = built(|out| build::parse(out, &a, &b, &types).unwrap());
        let expected = Parse { name: &a, text: &b, types: &types };
        prop_assert_eq!((tag, Parse::parse(&body)), (b'P', Ok(expected)));

        let (tag, body) = built(|out| {
            build::bind_head(out, &a, &b, types.len()).unwrap();
            out.extend(&types);
        });
        let expected = Bind { portal: &a, statement: &b, rest: &types };
        prop_assert_eq!((tag, Bind::parse(&body)), (b'B', Ok(expected)));

        let expected = Target { kind, name: &a };
        let (tag, body) = built(|out| build::describe(out, kind, &a).unwrap());
        prop_assert_eq!((tag, Target::parse(&body)), (b'D', Ok(expected)));
        let (tag, body) = built(|out| build::close(out, kind, &a).unwrap());
        prop_assert_eq!((tag, Target::parse(&body)), (b'C', Ok(expected)));

        let expected = Execute { portal: &a, row_limit: limit };
        let (tag, body) = built(|out| build::execute(out, &a, limit).unwrap());
        prop_assert_eq!((tag, Execute::parse(&body)), (b'E', Ok(expected)));
    }

    #[test]
    fn what_clients_answer_to_a_login_reads_back(a in text(), data in any::<Option<Vec<u8>>>()) {
        let (tag, body) = built(|out| build::password(out, &a).unwrap());
        let expected = Password { password: &a };
        prop_assert!(tag == b'p' && Password::parse(&body) == Ok(expected));

        let data = data.as_deref();
        let (tag, body) = built(|out| build::sasl_initial_response(out, &a, data).unwrap());
        let expected = SaslInitialResponse { mechanism: &a, data };
        prop_assert!(tag == b'p' && SaslInitialResponse::parse(&body) == Ok(expected));

        let (tag, body) = built(|out| build::sasl_response(out, &a).unwrap());
        prop_assert!(tag == b'p' && SaslResponse::parse(&body).data == a);
    }

    #[test]
    fn what_servers_send_reads_back(
        a in text(), b in text(), pid in any::<i32>(), key in vec(any::<u8>(), 4..=256),
        status in status(),
    ) {
        let (tag, body) = built(|out| build::command_complete(out, &a).unwrap());
        let expected = CommandComplete { tag: &a };
        prop_assert_eq!((tag, CommandComplete::parse(&body)), (b'C', Ok(expected)));

        let (tag, body) = built(|out| build::parameter_status(out, &a, &b).unwrap());
        let expected = ParameterStatus { name: &a, value: &b };
        prop_assert_eq!((tag, ParameterStatus::parse(&body)), (b'S', Ok(expected)));

        let (tag, body) = built(|out| build::backend_key_data(out, pid, &key).unwrap());
        let expected = BackendKeyData { pid, key: &key };
        prop_assert!(tag == b'K' && BackendKeyData::parse(&body) == Ok(expected));

        let (tag, body) = built(|out| build::ready_for_query(out, status));
        let expected = ReadyForQuery { status };
        prop_assert_eq!((tag, ReadyForQuery::parse(&body)), (b'Z', Ok(expected)));
    }

    #[test]
    fn offers_read_back(names in vec(name(), 0..4), minor in any::<u16>()) {
        let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
        let (_, body) = built(|out| build::authentication_sasl(out, &names).unwrap());
        let found = match Authentication::parse(&body) {
            Ok(Authentication::Sasl { mechanisms }) => mechanisms.collect(),
            other => vec![&b"not SASL"[..]; usize::from(other.is_ok()) + 9],
        };
        prop_assert_eq!(&found, &names);

        let version = ProtocolVersion::new(3, minor);
        let (_, body) =
            built(|out| build::negotiate_protocol_version(out, version, &names).unwrap());
        let view = NegotiateProtocolVersion::parse(&body).unwrap();
        prop_assert_eq!(view.version, version);
        prop_assert_eq!(view.options().collect::<Vec<_>>(), names);
    }

    #[test]
    fn reports_read_back(
        message in "[^\0]{0,30}", detail in proptest::option::of("[^\0]{0,30}"),
        hint in proptest::option::of("[^\0]{0,30}"), fatal in any::<bool>(),
    ) {
        let severity = if fatal { Severity::Fatal } else { Severity::Error };
        let report = Report {
            severity, sqlstate: SqlState::TOO_MANY_CONNECTIONS, message: &message,
            detail: detail.as_deref(), hint: hint.as_deref(),
        };
        let (tag, body) = built(|out| build::error_response(out, &report));
        let fields = ErrorFields::parse(&body).unwrap();
        prop_assert_eq!(tag, b'E');
        prop_assert_eq!(fields.is_fatal(), fatal);
        prop_assert_eq!(fields.sqlstate(), Some(report.sqlstate));
        prop_assert_eq!(fields.message(), Some(message.as_bytes()));
        prop_assert_eq!(fields.detail(), detail.as_deref().map(str::as_bytes));
        prop_assert_eq!(fields.hint(), hint.as_deref().map(str::as_bytes));
        prop_assert_eq!(fields.get(field::SEVERITY), fields.get(field::SEVERITY_RAW));
    }

    #[test]
    fn startups_read_back(
        user in name(), database in name(), params in vec((ordinary(), text()), 0..4),
    ) {
        let mut all = vec![(&b"user"[..], &user[..]), (b"database", &database)];
        all.extend(params.iter().map(|(name, value)| (&name[..], &value[..])));
        let mut out = Vec::new();
        build::startup(&mut out, ProtocolVersion::V3_0, all).unwrap();
        let (packet, taken) = FirstPacket::parse(&out).unwrap().unwrap();
        prop_assert_eq!(taken, out.len());
        let FirstPacket::Startup(startup) = packet else { panic!("a startup packet") };
        prop_assert_eq!((startup.user, startup.database), (user, database));
        let found: Vec<_> = startup.params.into_iter().map(|s| (s.name, s.value)).collect();
        prop_assert_eq!(found, params);
    }

    /// However the network cuts a stream, the same messages come out.
    #[test]
    fn any_split_frames_the_same(
        bodies in vec(text(), 0..8), cuts in vec(1_usize..20, 1..80),
    ) {
        let message = |body: &Vec<u8>| {
            let mut out = Vec::new();
            build::query(&mut out, body).unwrap();
            out
        };
        let messages: Vec<Vec<u8>> = bodies.iter().map(message).collect();
        let stream = messages.concat();
        let (mut buffer, mut found, mut rest) = (Vec::new(), Vec::new(), &stream[..]);
        for cut in cuts.iter().cycle().take(stream.len()) {
            let (piece, after) = rest.split_at(*cut.min(&rest.len()));
            buffer.extend_from_slice(piece);
            rest = after;
            drain(&mut buffer, &mut found);
        }
        prop_assert!(buffer.is_empty() && rest.is_empty());
        prop_assert_eq!(found, messages);
    }

    /// What a prefix of a Bind says is what the whole says.
    #[test]
    fn a_bind_prefix_never_contradicts_the_whole(body in vec(0_u8..4, 0..30)) {
        let whole = Bind::parse_prefix(&body).unwrap();
        for end in 0..body.len() {
            if let Some(bind) = Bind::parse_prefix(&body[..end]).unwrap() {
                let whole = whole.unwrap();
                prop_assert_eq!((bind.portal, bind.statement), (whole.portal, whole.statement));
                prop_assert!(whole.rest.starts_with(bind.rest));
            }
        }
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in vec(any::<u8>(), 0..200)) {
        every_parser(&bytes);
    }

    /// Few values and many zeros get further into a parser than even noise.
    #[test]
    fn no_structured_bytes_make_a_parser_panic(
        bytes in vec(prop::sample::select(&b"\0\0\0\x01\x0a\xffSPa=-\\ "[..]), 0..60),
    ) {
        every_parser(&bytes);
    }
}

fn every_parser(bytes: &[u8]) {
    let _ = Header::parse(bytes).map(|header| header.map(Header::check_frontend));
    let _ =
        (Query::parse(bytes), Parse::parse(bytes), Bind::parse(bytes), Bind::parse_prefix(bytes));
    let _ = (Target::parse(bytes), Execute::parse(bytes), CommandComplete::parse(bytes));
    let _ =
        (ReadyForQuery::parse(bytes), ParameterStatus::parse(bytes), CopyResponse::parse(bytes));
    let _ = (BackendKeyData::parse(bytes).is_ok(), NotificationResponse::parse(bytes));
    let _ = (Password::parse(bytes).is_ok(), SaslInitialResponse::parse(bytes).is_ok());
    let _ = FirstPacket::parse(bytes).map(|_| ());
    if let Ok(settings) = split_options(bytes) {
        assert!(settings.iter().all(|setting| !setting.name.is_empty()));
    }
    if let Ok(fields) = ErrorFields::parse(bytes) {
        let len: usize = fields.iter().map(|(_, value)| value.len() + 2).sum();
        assert_eq!(len + 1, bytes.len());
        let _ = (fields.sqlstate(), fields.is_fatal(), fields.position());
    }
    if let Ok(Authentication::Sasl { mechanisms }) = Authentication::parse(bytes) {
        let len: usize = mechanisms.map(|name| name.len() + 1).sum();
        assert_eq!(4 + len + 1, bytes.len());
    }
    if let Ok(view) = NegotiateProtocolVersion::parse(bytes) {
        let len: usize = view.options().map(|name| name.len() + 1).sum();
        assert_eq!(8 + len, bytes.len());
    }
}
