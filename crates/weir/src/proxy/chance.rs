//! Random bytes from the operating system.

use std::io;

use weir_wire::scram::Nonce;

/// Fresh random bytes, fit for keys.
///
/// # Errors
/// When the kernel gives none, which a running Linux does not do.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut out = [0; N];
    getrandom::fill(&mut out).map_err(io::Error::other)?;
    Ok(out)
}

/// Our share of a SCRAM exchange's nonce.
///
/// # Errors
/// As for [`bytes`].
pub fn nonce() -> io::Result<Nonce> {
    Ok(Nonce::from_random(&bytes()?))
}
