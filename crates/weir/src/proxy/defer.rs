//! Connections are accepted when their first bytes are there, not before: whoever accepts one can
//! read it at once. Neither rustix nor socket2 has this option, so it is set by hand.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd};

/// How long the kernel keeps a client that says nothing, in seconds. Then it is accepted all the
/// same, and bounded as one that says nothing.
const SILENCE: libc::c_int = 1;

/// Has a listening TCP socket keep its clients until they speak (`TCP_DEFER_ACCEPT` in `tcp(7)`).
///
/// # Errors
/// When the kernel refuses.
pub(super) fn accept_speakers_only(listener: BorrowedFd<'_>) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<libc::c_int>()).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open as long as it is borrowed; the value is one C int, as the
    // option takes it, its length is given, and the kernel only reads it during the call.
    let outcome = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            std::ptr::from_ref(&SILENCE).cast(),
            length,
        )
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
