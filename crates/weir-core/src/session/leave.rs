//! A server connection whose client has left it: COPY and pipelines are ended, the transaction is
//! rolled back.

use weir_wire::build;
use weir_wire::message::TransactionStatus;

use crate::session::marks::Marks;
use crate::session::server::{Hidden, Reply, Rest, ServerState, Slot};
use crate::session::state::{Ask, Context, Fault, Local, Pins, Session, Skip};

/// No statement: the server answers with an error, and its log says why.
const ROLLED_BACK: &[u8] = b"refused: the client is gone, or its transaction was evicted";

impl Session {
    /// The client has left. The session finishes what the server connection needs: it ends COPY
    /// and open pipelines, rolls back, discards. Feed it server bytes until it asks for
    /// [`Ask::Release`] or [`Ask::Discard`].
    ///
    /// # Errors
    /// Never in practice: what is sent is short.
    pub fn client_gone(&mut self, cx: &mut Context<'_>) -> Result<Ask, Fault> {
        self.gone = true;
        self.count_pins(cx);
        self.local = Local::Idle;
        self.skip = Skip::No;
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Ask::Nothing) };
        if self.rest.left > 0 && self.rest.forward {
            // Half a message is on its way to the server: nothing can follow it.
            return Ok(Ask::Discard);
        }
        self.rest = Rest::default();
        if server.lease.suspects.any() {
            self.pins.insert(Pins::OTHER);
        }
        self.take_over(cx)
    }

    /// Goes on with [`Self::client_gone`]'s work for a session made by [`Self::evict`].
    ///
    /// # Errors
    /// Never in practice: what is sent is short.
    pub fn take_over(&mut self, cx: &mut Context<'_>) -> Result<Ask, Fault> {
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Ask::Nothing) };
        let out = cx.to_server.own(&[]);
        if server.lease.marks.has(Marks::COPY_IN) && !server.copy_ended() {
            server.end_copy(out)?;
        }
        if server.lease.marks.has(Marks::UNSYNCED) {
            server.fail_pipeline(out)?;
            server.sync(out, Reply::Ready);
        }
        if server.replies.is_empty() { self.tidy(cx, &[]) } else { Ok(Ask::Nothing) }
    }
}

impl ServerState {
    /// Makes the pipeline under way fail: a Sync alone would commit what it has done so far, unless
    /// a transaction block is open, which ROLLBACK ends.
    pub(super) fn fail_pipeline(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        if self.lease.marks.has(Marks::SKIPPING) || self.status != TransactionStatus::Idle {
            return Ok(());
        }
        build::parse(out, b"", ROLLED_BACK, b"")?;
        self.unnamed = None;
        self.replies.push_back(Reply::Hidden(Hidden::Parse(Slot::Unnamed)));
        Ok(())
    }

    /// Ends the pipeline under way.
    pub(super) fn sync(&mut self, out: &mut Vec<u8>, reply: Reply) {
        build::sync(out);
        self.replies.push_back(reply);
        self.lease.marks.clear(Marks::UNSYNCED);
        self.lease.marks.clear(Marks::SKIPPING);
    }

    /// Ends the COPY under way for a client that is gone, or was evicted.
    pub(super) fn end_copy(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        if self.copy_ended() {
            return Ok(());
        }
        build::copy_fail(out, b"the client is gone, or its transaction was evicted")?;
        let at = 1.min(self.replies.len());
        self.replies.insert(at, Reply::CopyEnd);
        if self.lease.marks.has(Marks::UNSYNCED) {
            self.sync(out, Reply::Ready);
        }
        Ok(())
    }
}
