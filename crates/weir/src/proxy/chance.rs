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

/// Random bytes in store: the kernel is asked for many at once, not at each login.
#[derive(Default)]
pub struct Stock {
    bytes: Vec<u8>,
}

impl std::fmt::Debug for Stock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stock")
    }
}

impl Stock {
    /// Bytes taken from the kernel at once.
    const SIZE: usize = 1024;

    /// The next bytes; they are nowhere else from then on.
    ///
    /// # Errors
    /// As for [`bytes()`].
    pub fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        const { assert!(N <= Self::SIZE) };
        if self.bytes.len() < N {
            self.bytes = bytes::<{ Self::SIZE }>()?.into();
        }
        let mut out = [0; N];
        let from = self.bytes.len() - N;
        out.swap_with_slice(&mut self.bytes[from..]);
        self.bytes.truncate(from);
        Ok(out)
    }
}

/// Our share of a SCRAM exchange's nonce.
///
/// # Errors
/// As for [`bytes`].
pub fn nonce() -> io::Result<Nonce> {
    Ok(Nonce::from_random(&bytes()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_given_twice_and_nothing_is_left() {
        let mut stock = Stock::default();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..200 {
            assert!(seen.insert(stock.take::<32>().unwrap()));
        }
        assert!(stock.take::<{ Stock::SIZE }>().unwrap() != [0; Stock::SIZE]);
        assert!(stock.bytes.is_empty());
    }
}
