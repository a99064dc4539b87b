//! What a client hears, judged by itself, whatever has happened to it: a transaction that was taken
//! from it ends with an error or with ROLLBACK, and each request has its `ReadyForQuery`.

use weir_wire::frame::{HEADER_LEN, Header};

/// What one client has heard.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    /// The beginning of a message.
    partial: Vec<u8>,
    /// Its transaction was taken from it, and it has not ended it yet.
    lost: bool,
    ready: usize,
    requests: usize,
    /// It has used COPY from the client, where the server ignores a Sync at times.
    copies: bool,
}

impl Hearing {
    /// The client says this, in whole messages.
    pub(super) fn asked(&mut self, mut bytes: &[u8]) {
        self.copies |= bytes.windows(10).any(|part| part == b"from stdin");
        while let Some(header) = Header::parse(bytes).unwrap() {
            self.requests += usize::from(matches!(header.tag, b'Q' | b'S'));
            bytes = &bytes[header.total_len()..];
        }
    }

    /// Its transaction is being taken from it, or was not after all.
    pub(super) fn lost(&mut self, lost: bool) {
        self.lost = lost;
    }

    pub(super) fn hears(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        let heard = std::mem::take(&mut self.partial);
        let mut at = 0;
        while let Some(header) = Header::parse(&heard[at..]).unwrap() {
            let Some(message) = heard.get(at..at + header.total_len()) else { break };
            self.message(header.tag, &message[HEADER_LEN..]);
            at += header.total_len();
        }
        self.partial = heard[at..].to_vec();
    }

    fn message(&mut self, tag: u8, body: &[u8]) {
        match (tag, body) {
            (b'C', b"ROLLBACK\0") => self.lost = false,
            (b'C', tag) => {
                let tag = String::from_utf8_lossy(tag);
                assert!(!self.lost, "{tag} in a transaction that was taken away");
            }
            (b'Z', status) => {
                self.ready += 1;
                assert!(!self.lost || status != b"T", "in a transaction that was taken away");
                self.lost &= status != b"I";
            }
            _ => {}
        }
    }

    /// Nothing is under way any more.
    pub(super) fn check_all_answered(&self) {
        assert!(self.partial.is_empty(), "half a message");
        assert!(self.copies || self.ready == self.requests, "{self:?}");
    }
}
