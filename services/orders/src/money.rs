//! Exact money.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// An amount in cents. Shown and serialised with two decimals, as text (`"12.30"`), because a JSON
/// number is a float to most readers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i128);

/// Not an amount with at most two decimals.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an amount with at most two decimals")]
pub struct NotMoney(String);

impl Money {
    /// From cents.
    #[must_use]
    pub const fn from_cents(cents: i128) -> Self {
        Self(cents)
    }

    /// In cents.
    #[must_use]
    pub const fn cents(self) -> i128 {
        self.0
    }
}

impl std::ops::AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        // 128 bits of cents: a server's numeric(14, 2) lines cannot overflow it.
        self.0 += other.0;
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let cents = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

/// Reads what PostgreSQL writes for `numeric(…, 2)`.
impl FromStr for Money {
    type Err = NotMoney;

    fn from_str(text: &str) -> Result<Self, NotMoney> {
        let wrong = || NotMoney(text.to_owned());
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "00"));
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !plain(whole) || !plain(fraction) || fraction.len() > 2 || whole.len() > 30 {
            return Err(wrong());
        }
        let joined = format!("{whole}{fraction:0<2}");
        let cents: i128 = joined.parse().map_err(|_| wrong())?;
        Ok(Self(if negative { -cents } else { cents }))
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_the_server_writes() {
        for (text, cents) in
            [("12.30", 1230), ("-0.05", -5), ("7", 700), ("7.5", 750), ("00.10", 10)]
        {
            assert_eq!(text.parse(), Ok(Money::from_cents(cents)), "{text}");
        }
        for text in ["", ".", "1.", ".5", "1.234", "+1", "1e3", "NaN", "--1", "1.-5"] {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(cents in -(10i128.pow(25))..10i128.pow(25)) {
            let money = Money::from_cents(cents);
            prop_assert_eq!(money.to_string().parse(), Ok(money));
        }
    }
}
