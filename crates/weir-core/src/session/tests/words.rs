//! Messages as short words, both ways, so that stories can be read.
//!
//! A message is its tag and its fields: `P s1 select 1`, `B s1`, `E`, `S`; `-` is the empty name.
//! Messages are separated by ` | `.

use weir_wire::build;
use weir_wire::error::{Report, Severity, SqlState};
use weir_wire::frame::{HEADER_LEN, Header};
use weir_wire::message::{
    Bind, CommandComplete, ErrorFields, Parse, Query, Target, TargetKind, TransactionStatus,
};

/// What clients say.
pub(super) fn client_bytes(words: &str) -> Vec<u8> {
    let mut out = Vec::new();
    words.split(" | ").for_each(|word| client_message(&mut out, word));
    out
}

fn client_message(out: &mut Vec<u8>, word: &str) {
    let (tag, rest) = split(word);
    let (first, second) = split(rest);
    let kind = if first == "S" { TargetKind::Statement } else { TargetKind::Portal };
    match tag {
        "Q" => build::query(out, rest.as_bytes()).unwrap(),
        "P" => build::parse(out, name(first), second.as_bytes(), b"").unwrap(),
        "B" => {
            build::bind_head(out, name(second), name(first), 6).unwrap();
            out.extend_from_slice(&[0; 6]);
        }
        "D" => build::describe(out, kind, name(second)).unwrap(),
        "C" => build::close(out, kind, name(second)).unwrap(),
        "E" => build::execute(out, name(rest), 0).unwrap(),
        "d" => raw(out, b'd', rest.as_bytes()),
        "f" => build::copy_fail(out, rest.as_bytes()).unwrap(),
        "S" | "H" | "c" | "X" => raw(out, tag.as_bytes()[0], b""),
        other => panic!("no client message {other:?}"),
    }
}

/// What servers say.
pub(super) fn server_bytes(words: &str) -> Vec<u8> {
    let mut out = Vec::new();
    words.split(" | ").for_each(|word| server_message(&mut out, word));
    out
}

fn server_message(out: &mut Vec<u8>, word: &str) {
    let (tag, rest) = split(word);
    let (first, second) = split(rest);
    match tag {
        "Z" => {
            build::ready_for_query(out, TransactionStatus::from_byte(rest.as_bytes()[0]).unwrap());
        }
        "C" => build::command_complete(out, rest.as_bytes()).unwrap(),
        "E" | "F" => {
            let severity = if tag == "E" { Severity::Error } else { Severity::Fatal };
            let code = SqlState::parse(first.as_bytes()).unwrap();
            build::error_response(out, &Report::new(severity, code, second));
        }
        "N" => build::notice_response(out, &Report::notice(rest)),
        "S" => build::parameter_status(out, first.as_bytes(), second.as_bytes()).unwrap(),
        "A" => raw(out, b'A', &[&[0; 4], rest.as_bytes(), b"\0\0"].concat()),
        "D" => build::data_row(out, [Some(rest.as_bytes())].into_iter()).unwrap(),
        "R" => {
            let (name, value) = split(second);
            let columns = [first, name, value].map(|text| Some(text.as_bytes()));
            build::data_row(out, columns.into_iter()).unwrap();
        }
        "T" => build::row_description(out, &[build::Column::text("column")]).unwrap(),
        "t" => raw(out, b't', &[0, 0]),
        "G" | "H" => raw(out, tag.as_bytes()[0], &[0, 0, 0]),
        "d" => raw(out, b'd', rest.as_bytes()),
        "1" | "2" | "3" | "n" | "I" | "s" | "c" => raw(out, tag.as_bytes()[0], b""),
        other => panic!("no server message {other:?}"),
    }
}

/// Takes the complete messages out of `bytes` and says them in words.
pub(super) fn take(bytes: &mut Vec<u8>, describe: fn(u8, &[u8]) -> String) -> String {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(header) = Header::parse(&bytes[at..]).unwrap() {
        let Some(message) = bytes.get(at..at + header.total_len()) else { break };
        words.push(describe(header.tag, &message[HEADER_LEN..]));
        at += header.total_len();
    }
    bytes.drain(..at);
    words.join(" | ")
}

/// A client's message in words; questions of our own are named only.
pub(super) fn describe_client(tag: u8, body: &[u8]) -> String {
    match tag {
        b'Q' => {
            let text = text(Query::parse(body).unwrap().text);
            let asks = |mark: &str, word| if text.contains(mark) { word } else { "" };
            let asked = asks("'S', ''", "?settings ").to_owned() + asks("'T', ''", "?state ");
            if asked.is_empty() { format!("Q {text}") } else { format!("Q {}", asked.trim()) }
        }
        b'P' => {
            let parse = Parse::parse(body).unwrap();
            format!("P {} {}", shown(parse.name), text(parse.text)).trim_end().to_owned()
        }
        b'B' => {
            let bind = Bind::parse(body).unwrap();
            let portal = if bind.portal.is_empty() { "" } else { " " };
            format!("B {}{portal}{}", shown(bind.statement), text(bind.portal))
        }
        b'D' | b'C' => {
            let target = Target::parse(body).unwrap();
            let kind = char::from(target.kind.as_byte());
            format!("{} {kind} {}", char::from(tag), shown(target.name))
        }
        b'd' => format!("d {}", text(body)),
        tag => char::from(tag).to_string(),
    }
}

/// A server's message in words.
pub(super) fn describe_server(tag: u8, body: &[u8]) -> String {
    let letter = char::from(tag);
    match tag {
        b'Z' => format!("Z {}", char::from(body[0])),
        b'C' => format!("C {}", text(CommandComplete::parse(body).unwrap().tag)),
        b'E' => {
            let fields = ErrorFields::parse(body).unwrap();
            let letter = if fields.is_fatal() { 'F' } else { 'E' };
            format!("{letter} {} {}", text(&body_code(&fields)), text(fields.message().unwrap()))
        }
        b'S' => text(body).trim_end_matches('\0').replace('\0', " ").replacen("", "S ", 1),
        b'A' => format!("A {}", text(&body[4..]).trim_end_matches('\0')),
        b'D' => format!("D {}", text(&body[6..])),
        b'd' => format!("d {}", text(body)),
        _ => letter.to_string(),
    }
}

fn body_code(fields: &ErrorFields<'_>) -> [u8; 5] {
    *fields.sqlstate().unwrap().as_bytes()
}

fn raw(out: &mut Vec<u8>, tag: u8, body: &[u8]) {
    out.push(tag);
    out.extend_from_slice(&u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    out.extend_from_slice(body);
}

fn split(word: &str) -> (&str, &str) {
    word.split_once(' ').unwrap_or((word, ""))
}

fn name(word: &str) -> &[u8] {
    if word == "-" { b"" } else { word.as_bytes() }
}

fn shown(name: &[u8]) -> String {
    if name.is_empty() { "-".to_owned() } else { text(name) }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
