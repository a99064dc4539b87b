//! Both peers in bytes: a client's messages, and a server that answers each at once.

/// A column of one row, as `SELECT abalance` gives.
const ROW_DESCRIPTION: &[u8] =
    b"\0\x01abalance\0\0\0\x40\0\0\x04\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0";
const ROW: &[u8] = b"\0\x01\0\0\0\x010";

fn message(out: &mut Vec<u8>, tag: u8, parts: &[&[u8]]) {
    let body: usize = parts.iter().map(|part| part.len()).sum();
    out.push(tag);
    out.extend_from_slice(&u32::try_from(body + 4).unwrap().to_be_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
}

pub(crate) fn query(out: &mut Vec<u8>, sql: &str) {
    message(out, b'Q', &[sql.as_bytes(), b"\0"]);
}

pub(crate) fn parse(out: &mut Vec<u8>, name: &str, sql: &str) {
    message(out, b'P', &[name.as_bytes(), b"\0", sql.as_bytes(), b"\0\0\0"]);
}

pub(crate) fn sync(out: &mut Vec<u8>) {
    message(out, b'S', &[]);
}

/// Bind, Describe, Execute and Sync of a statement with one parameter.
pub(crate) fn execute(out: &mut Vec<u8>, name: &str) {
    message(out, b'B', &[b"\0", name.as_bytes(), b"\0\0\0\0\x01\0\0\0\x044711\0\0"]);
    message(out, b'D', &[b"P\0"]);
    message(out, b'E', &[b"\0\0\0\0\0"]);
    sync(out);
}

/// A server: reads whole messages, answers each.
#[derive(Debug)]
pub(crate) struct Server {
    status: u8,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self { status: b'I' }
    }

    /// Appends the answers to `input`, which ends with a message.
    pub(crate) fn answer(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let mut rest = input;
        while let Some((tag, after)) = rest.split_first() {
            let length = u32::from_be_bytes(*after.first_chunk().unwrap()) as usize;
            self.reply(*tag, &after[4..length], out);
            rest = &after[length..];
        }
    }

    fn reply(&mut self, tag: u8, body: &[u8], out: &mut Vec<u8>) {
        match tag {
            b'Q' => {
                self.run(body.strip_suffix(b"\0").unwrap(), out);
                self.ready(out);
            }
            b'P' => message(out, b'1', &[]),
            b'B' => message(out, b'2', &[]),
            b'C' => message(out, b'3', &[]),
            b'D' => message(out, b'T', &[ROW_DESCRIPTION]),
            b'E' => rows(out),
            b'S' => self.ready(out),
            other => panic!("the proxy sent {:?}", char::from(other)),
        }
    }

    fn run(&mut self, sql: &[u8], out: &mut Vec<u8>) {
        // Statements that the proxy joins come as one query.
        let statements = sql.split(|byte| *byte == b';').filter(|text| !text.is_empty());
        for statement in statements {
            match statement {
                b"BEGIN" => {
                    self.status = b'T';
                    message(out, b'C', &[b"BEGIN\0"]);
                }
                b"COMMIT" => {
                    self.status = b'I';
                    message(out, b'C', &[b"COMMIT\0"]);
                }
                _ => {
                    message(out, b'T', &[ROW_DESCRIPTION]);
                    rows(out);
                }
            }
        }
    }

    fn ready(&self, out: &mut Vec<u8>) {
        message(out, b'Z', &[&[self.status]]);
    }
}

fn rows(out: &mut Vec<u8>) {
    message(out, b'D', &[ROW]);
    message(out, b'C', &[b"SELECT 1\0"]);
}

/// Whether whole messages end with `ReadyForQuery`.
pub(crate) fn ends_a_reply(bytes: &[u8]) -> bool {
    matches!(bytes, [.., b'Z', 0, 0, 0, 5, _])
}
