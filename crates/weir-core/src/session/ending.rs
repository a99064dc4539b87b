//! The usual end of a pipeline, taken in one go: what nearly every driver sends behind its Bind is
//! always the same bytes. Walked message by message, they come to the same.

use weir_wire::frame::frontend;

use crate::session::marks::Marks;
use crate::session::server::Reply;
use crate::session::state::Context;

/// Describe of the unnamed portal. Some drivers leave it out.
const DESCRIBE: [u8; 7] = [frontend::DESCRIBE, 0, 0, 0, 6, b'P', 0];

/// Execute of the unnamed portal with all its rows, and Sync.
const EXECUTE_SYNC: [u8; 15] =
    [frontend::EXECUTE, 0, 0, 0, 9, 0, 0, 0, 0, 0, frontend::SYNC, 0, 0, 0, 4];

/// Relays the usual end of a pipeline where the input goes on with it, behind a Bind that was
/// relayed up to `at`. Returns how many bytes it is; 0 if anything else is there.
#[inline]
pub(super) fn usual_end(cx: &mut Context<'_>, input: &[u8], at: usize) -> usize {
    let (behind, described) = match input[at..].strip_prefix(&DESCRIBE) {
        Some(behind) => (behind, true),
        None => (&input[at..], false),
    };
    let Some(server) = cx.server.as_deref_mut() else { return 0 };
    // Sync counts even if the server was reading COPY data: the Bind has ended that.
    if !behind.starts_with(&EXECUTE_SYNC) {
        return 0;
    }
    if described {
        server.replies.push_back(Reply::Describe);
    }
    server.replies.push_back(Reply::Execute);
    server.replies.push_back(Reply::Ready);
    server.lease.marks.clear(Marks::UNSYNCED);
    cx.tally.queries += 1;
    let end = input.len() - behind.len() + EXECUTE_SYNC.len();
    cx.to_server.forward(input, at..end);
    end - at
}
