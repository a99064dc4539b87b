//! Logins that clients give up once the proxy has told them its salt: all that a login with SCRAM
//! costs the proxy before the proof, and none of the key that each client would derive for that,
//! milliseconds of a processor.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::deadline::Deadline;
use crate::load::messages::{sasl_first, startup};
use crate::pgbench::{DATABASE, USER};

/// The codes of AuthenticationSASL and AuthenticationSASLContinue.
const SASL: u32 = 10;
const CONTINUE: u32 = 11;

/// So many a second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Knocks {
    pub(crate) port: u16,
    /// Clients, each with one login at a time.
    pub(crate) clients: u32,
    /// Of all of them together, as far as the proxy keeps up.
    pub(crate) rate: u32,
    pub(crate) length: Duration,
    pub(crate) deadline: Deadline,
}

impl Knocks {
    /// Returns how many a second there were.
    pub(crate) fn run(self) -> Result<f64> {
        let began = Instant::now();
        let threads: Vec<_> =
            (0..self.clients).map(|at| thread::spawn(move || self.client(at, began))).collect();
        let mut all = 0;
        for thread in threads {
            all += thread.join().ok().context("a client's thread broke")??;
        }
        Ok(f64::from(all) / began.elapsed().as_secs_f64())
    }

    /// One client's logins, each at its time or, when it is late, at once.
    fn client(self, number: u32, began: Instant) -> Result<u32> {
        let every = Duration::from_secs(1) * self.clients / self.rate;
        let (mut due, mut count) = (every * number / self.clients, 0);
        while due < self.length && began.elapsed() < self.length {
            thread::sleep(due.saturating_sub(began.elapsed()));
            self.knock()?;
            (due, count) = (due + every, count + 1);
        }
        Ok(count)
    }

    fn knock(self) -> Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).context("connecting")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(self.deadline.left()))?;
        let mut out = Vec::new();
        startup(&mut out, USER, DATABASE);
        stream.write_all(&out).context("sending")?;
        asked(&mut stream, SASL)?;
        out.clear();
        sasl_first(&mut out);
        stream.write_all(&out).context("sending")?;
        asked(&mut stream, CONTINUE)
    }
}

/// Reads one authentication request, which is to have this code.
fn asked(stream: &mut impl Read, code: u32) -> Result<()> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).context("waiting for the proxy's part of a login")?;
    let [tag, l0, l1, l2, l3, c0, c1, c2, c3] = head;
    let said = u32::from_be_bytes([c0, c1, c2, c3]);
    ensure!(tag == b'R' && said == code, "the proxy answered a login with {tag} {said}");
    let rest = u64::from(u32::from_be_bytes([l0, l1, l2, l3])).saturating_sub(8);
    std::io::copy(&mut stream.take(rest), &mut std::io::sink())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_an_authentication_request_whole() {
        let mut bytes: &[u8] = b"R\0\0\0\x0d\0\0\0\x0br=abcZ";
        asked(&mut bytes, CONTINUE).unwrap();
        assert_eq!(bytes, b"Z");
        let err = asked(&mut &b"R\0\0\0\x08\0\0\0\0"[..], SASL).unwrap_err();
        assert!(err.to_string().contains("82 0"), "{err:#}");
        let err = asked(&mut &b"R\0"[..], SASL).unwrap_err();
        assert!(err.to_string().contains("waiting for"), "{err:#}");
    }
}
