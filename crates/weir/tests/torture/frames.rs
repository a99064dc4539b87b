//! Messages that clients send, as bytes. Written by hand: a fault in the proxy's own builder must
//! not hide itself.

/// A tagged message with this body.
pub(crate) fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    out.extend_from_slice(&length(body.len() + 4));
    out.extend_from_slice(body);
    out
}

/// A startup packet of protocol 3.0.
pub(crate) fn startup(parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = (3_i32 << 16).to_be_bytes().to_vec();
    for (name, value) in parameters {
        text(&mut body, name);
        text(&mut body, value);
    }
    body.push(0);
    let mut out = length(body.len() + 4).to_vec();
    out.extend_from_slice(&body);
    out
}

/// A cancel request, sent on a connection of its own.
pub(crate) fn cancel(pid: i32, secret: &[u8]) -> Vec<u8> {
    let mut out = length(12 + secret.len()).to_vec();
    out.extend_from_slice(&80_877_102_i32.to_be_bytes());
    out.extend_from_slice(&pid.to_be_bytes());
    out.extend_from_slice(secret);
    out
}

/// A simple query.
pub(crate) fn query(sql: &str) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, sql);
    frame(b'Q', &body)
}

/// Parse; the server finds the parameters' types.
pub(crate) fn parse(name: &str, sql: &str) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, name);
    text(&mut body, sql);
    body.extend_from_slice(&[0, 0]);
    frame(b'P', &body)
}

/// Bind to the unnamed portal, all as text.
pub(crate) fn bind(statement: &str, values: &[&str]) -> Vec<u8> {
    let mut body = vec![0];
    text(&mut body, statement);
    body.extend_from_slice(&[0, 0]);
    let count = u16::try_from(values.len()).unwrap();
    body.extend_from_slice(&count.to_be_bytes());
    for value in values {
        body.extend_from_slice(&length(value.len()));
        body.extend_from_slice(value.as_bytes());
    }
    body.extend_from_slice(&[0, 0]);
    frame(b'B', &body)
}

/// Execute of the unnamed portal, all rows.
pub(crate) fn execute() -> Vec<u8> {
    frame(b'E', &[0, 0, 0, 0, 0])
}

/// Describe of the unnamed portal.
pub(crate) fn describe() -> Vec<u8> {
    frame(b'D', b"P\0")
}

/// Close of a named statement.
pub(crate) fn close(statement: &str) -> Vec<u8> {
    let mut body = vec![b'S'];
    text(&mut body, statement);
    frame(b'C', &body)
}

/// Sync.
pub(crate) fn sync() -> Vec<u8> {
    frame(b'S', &[])
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

fn length(length: usize) -> [u8; 4] {
    i32::try_from(length).unwrap().to_be_bytes()
}
