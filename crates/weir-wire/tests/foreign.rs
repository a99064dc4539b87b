//! Our bytes beside those of `postgres-protocol`, an independent implementation.

#![cfg(test)]

use std::io;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use weir_wire::build::{self, Column};
use weir_wire::error::{Report, SqlState};
use weir_wire::message::{TargetKind, TransactionStatus};
use weir_wire::startup::ProtocolVersion;

/// Both sides write the same bytes.
fn same(ours: impl Fn(&mut Vec<u8>), theirs: impl Fn(&mut BytesMut) -> io::Result<()>) {
    let (mut a, mut b) = (Vec::new(), BytesMut::new());
    ours(&mut a);
    theirs(&mut b).unwrap();
    assert_eq!(a, b);
}

/// For what cannot fail.
fn fine(write: impl Fn(&mut BytesMut)) -> impl Fn(&mut BytesMut) -> io::Result<()> {
    move |out| {
        write(out);
        Ok(())
    }
}

#[test]
fn messages_of_clients_are_byte_for_byte_a_foreign_clients() {
    same(|o| build::query(o, b"select 1").unwrap(), |o| frontend::query("select 1", o));
    let types = 23_u32.to_be_bytes();
    same(
        |o| build::parse(o, b"s", b"select $1", &types).unwrap(),
        |o| frontend::parse("s", "select $1", [23], o),
    );
    same(
        |o| build::describe(o, TargetKind::Statement, b"s").unwrap(),
        |o| frontend::describe(b'S', "s", o),
    );
    same(|o| build::close(o, TargetKind::Portal, b"p").unwrap(), |o| frontend::close(b'P', "p", o));
    same(|o| build::execute(o, b"p", 10).unwrap(), |o| frontend::execute("p", 10, o));
    same(|o| build::copy_fail(o, b"no").unwrap(), |o| frontend::copy_fail("no", o));
    same(build::sync, fine(frontend::sync));
    same(build::flush, fine(frontend::flush));
    same(build::terminate, fine(frontend::terminate));
}

#[test]
fn packets_of_a_login_are_byte_for_byte_a_foreign_clients() {
    let params = [(&b"user"[..], &b"app"[..]), (b"database", b"shop")];
    same(
        |o| build::startup(o, ProtocolVersion::V3_0, params).unwrap(),
        |o| frontend::startup_message([("user", "app"), ("database", "shop")], o),
    );
    same(
        |o| build::cancel_request(o, 7, &9_i32.to_be_bytes()).unwrap(),
        fine(|o| frontend::cancel_request(7, 9, o)),
    );
    same(build::ssl_request, fine(frontend::ssl_request));
    same(|o| build::password(o, b"x").unwrap(), |o| frontend::password_message(b"x", o));
    same(
        |o| build::sasl_initial_response(o, b"M", Some(b"data")).unwrap(),
        |o| frontend::sasl_initial_response("M", b"data", o),
    );
    same(|o| build::sasl_response(o, b"data").unwrap(), |o| frontend::sasl_response(b"data", o));
}

/// Reads one message of ours with the foreign parser, to its last byte.
fn read(write: impl FnOnce(&mut Vec<u8>)) -> Message {
    let mut out = Vec::new();
    write(&mut out);
    let mut buffer = BytesMut::from(&out[..]);
    let message = Message::parse(&mut buffer).unwrap().unwrap();
    assert!(buffer.is_empty());
    message
}

#[test]
fn a_foreign_client_reads_our_result_set() {
    let columns = [Column::text("name"), Column::int8("count")];
    let Message::RowDescription(body) = read(|o| build::row_description(o, &columns).unwrap())
    else {
        panic!("a row description")
    };
    let fields = body.fields().map(|f| Ok((f.name().to_owned(), f.type_oid(), f.type_size())));
    let fields: Vec<_> = fields.collect().unwrap();
    assert_eq!(fields, [("name".into(), 25, -1), ("count".into(), 20, 8)]);

    let row = [Some(&b"pool"[..]), None];
    let Message::DataRow(body) = read(|o| build::data_row(o, row.into_iter()).unwrap()) else {
        panic!("a row")
    };
    let ranges: Vec<_> = body.ranges().collect().unwrap();
    let values: Vec<_> = ranges.into_iter().map(|r| r.map(|r| &body.buffer()[r])).collect();
    assert_eq!(values, row);

    let tag = read(|o| build::command_complete(o, b"SHOW").unwrap());
    assert!(matches!(tag, Message::CommandComplete(body) if body.tag().unwrap() == "SHOW"));
    let ready = read(|o| build::ready_for_query(o, TransactionStatus::Failed));
    assert!(matches!(ready, Message::ReadyForQuery(body) if body.status() == b'E'));
}

#[test]
fn a_foreign_client_reads_our_error() {
    let report = Report::error(SqlState::TOO_MANY_CONNECTIONS, "full").with_hint("wait");
    let Message::ErrorResponse(body) = read(|o| build::error_response(o, &report)) else {
        panic!("an error")
    };
    let fields = body.fields().map(|f| Ok((char::from(f.type_()), f.value_bytes().to_vec())));
    let fields: Vec<_> = fields.collect().unwrap();
    let expected = [('S', "ERROR"), ('V', "ERROR"), ('C', "53300"), ('M', "full"), ('H', "wait")];
    assert_eq!(fields, expected.map(|(code, text)| (code, text.as_bytes().to_vec())));
    let notice = read(|o| build::notice_response(o, &Report::notice("hello")));
    assert!(matches!(notice, Message::NoticeResponse(_)));
}

#[test]
fn a_foreign_client_reads_our_login() {
    assert!(matches!(read(build::authentication_ok), Message::AuthenticationOk));
    let request = read(build::authentication_cleartext);
    assert!(matches!(request, Message::AuthenticationCleartextPassword));
    let request = read(|o| build::authentication_md5(o, *b"salt"));
    assert!(matches!(request, Message::AuthenticationMd5Password(b) if b.salt() == *b"salt"));
    let Message::AuthenticationSasl(body) =
        read(|o| build::authentication_sasl(o, &[b"A", b"B"]).unwrap())
    else {
        panic!("SASL")
    };
    assert_eq!(body.mechanisms().collect::<Vec<_>>().unwrap(), ["A", "B"]);
    let key = read(|o| build::backend_key_data(o, 7, &9_i32.to_be_bytes()).unwrap());
    assert!(
        matches!(key, Message::BackendKeyData(b) if (b.process_id(), b.secret_key()) == (7, 9))
    );
    let status = read(|o| build::parameter_status(o, b"a", b"b").unwrap());
    assert!(matches!(status, Message::ParameterStatus(b) if b.value().unwrap() == "b"));
}
