//! What a client does in one transaction, over and over.

use std::fmt;

use crate::load::messages::{execute, parse, query, sync};
use crate::pgbench::Protocol;

/// pgbench's scale: the tables have 100,000 accounts, 10 tellers and 1 branch for each unit.
pub(crate) const SCALE: u32 = 10;

const SELECT: &str = "SELECT abalance FROM pgbench_accounts WHERE aid = ";
const PREPARED: &str = "P0_1";

/// A transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Script {
    /// pgbench's `-S`.
    Select(Protocol),
    /// pgbench's default, "TPC-B (sort of)", as simple queries.
    TpcB,
    /// The first use of a prepared statement: it is prepared, then executed.
    PrepareFirst,
    /// A statement that lasts 10 ms and costs nothing.
    Sleep,
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Select(protocol) => f.write_str(protocol.name()),
            Self::TpcB => f.write_str("TPC-B-like"),
            Self::PrepareFirst => f.write_str("first use of a prepared statement"),
            Self::Sleep => f.write_str("10 ms statement"),
        }
    }
}

impl Script {
    /// Requests in a transaction, each answered before the next is sent.
    pub(crate) const fn requests(self) -> usize {
        match self {
            Self::Select(_) | Self::Sleep => 1,
            Self::PrepareFirst => 2,
            Self::TpcB => 7,
        }
    }

    /// What a client sends once, before its first transaction; empty for nothing.
    pub(crate) fn opening(self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Select(Protocol::Prepared) => {
                prepare(&mut out);
            }
            Self::Select(Protocol::Simple | Protocol::Extended)
            | Self::TpcB
            | Self::PrepareFirst
            | Self::Sleep => {}
        }
        out
    }

    /// Appends a request to `out`. `numbers` are those of its transaction.
    pub(crate) fn write(self, request: usize, numbers: Numbers, out: &mut Vec<u8>) {
        let Numbers { account, teller, branch, delta } = numbers;
        match self {
            Self::Select(Protocol::Simple) => query(out, &format!("{SELECT}{account};")),
            Self::Select(Protocol::Extended) => {
                parse(out, "", &format!("{SELECT}$1;"));
                execute(out, "", &account.to_string());
            }
            Self::PrepareFirst if request == 0 => prepare(out),
            Self::Select(Protocol::Prepared) | Self::PrepareFirst => {
                execute(out, PREPARED, &account.to_string());
            }
            Self::Sleep => query(out, "SELECT pg_sleep(0.01)"),
            Self::TpcB => query(
                out,
                &match request {
                    0 => "BEGIN;".to_owned(),
                    1 => format!(
                        "UPDATE pgbench_accounts SET abalance = abalance + {delta} \
                         WHERE aid = {account};"
                    ),
                    2 => format!("{SELECT}{account};"),
                    3 => format!(
                        "UPDATE pgbench_tellers SET tbalance = tbalance + {delta} \
                         WHERE tid = {teller};"
                    ),
                    4 => format!(
                        "UPDATE pgbench_branches SET bbalance = bbalance + {delta} \
                         WHERE bid = {branch};"
                    ),
                    5 => format!(
                        "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) \
                         VALUES ({teller}, {branch}, {account}, {delta}, CURRENT_TIMESTAMP);"
                    ),
                    _ => "END;".to_owned(),
                },
            ),
        }
    }
}

fn prepare(out: &mut Vec<u8>) {
    parse(out, PREPARED, &format!("{SELECT}$1;"));
    sync(out);
}

/// The random numbers of one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Numbers {
    account: u32,
    teller: u32,
    branch: u32,
    delta: u32,
}

/// Random numbers (SplitMix64); the same in every run, so that all contenders get the same work.
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn up_to(&mut self, max: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        #[expect(clippy::cast_possible_truncation, reason = "the remainder is below a u32")]
        let below = ((z ^ (z >> 31)) % u64::from(max)) as u32;
        below + 1
    }

    pub(crate) fn numbers(&mut self) -> Numbers {
        Numbers {
            account: self.up_to(SCALE * 100_000),
            teller: self.up_to(SCALE * 10),
            branch: self.up_to(SCALE),
            delta: self.up_to(5_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_has_its_requests_and_the_same_numbers_each_run() {
        let mut chance = Chance::new(7);
        let numbers = chance.numbers();
        assert_eq!(Chance::new(7).numbers(), numbers);
        assert_ne!(chance.numbers(), numbers);
        let text = |request| {
            let mut out = Vec::new();
            Script::TpcB.write(request, numbers, &mut out);
            String::from_utf8_lossy(&out[5..]).into_owned()
        };
        assert_eq!(text(0), "BEGIN;\0");
        assert!(text(1).contains(&format!("aid = {}", numbers.account)));
        assert_eq!(text(Script::TpcB.requests() - 1), "END;\0");
    }
}
