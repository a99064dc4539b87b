//! What a failed request costs, as the operator says.

use std::fmt;

/// An amount of money for each request that failed or was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// Millionths of the currency.
    pub micros: u64,
    /// The currency as it is written: `CNY`.
    pub currency: String,
}

impl Price {
    /// Reads `AMOUNT CURRENCY`, for example `26.5 CNY`. Up to six decimals.
    ///
    /// # Errors
    /// A message when it has another form.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not an amount and a currency: write it like \"26.5 CNY\"");
        let (amount, currency) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let (whole, part) = amount.split_once('.').unwrap_or((amount, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 6 || currency.trim().is_empty() {
            return Err(wrong());
        }
        let part: u64 = format!("{part:0<6}").parse().map_err(|_| wrong())?;
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let micros = whole.checked_mul(1_000_000).and_then(|micros| micros.checked_add(part));
        let micros = micros.ok_or_else(|| format!("`{text}` is too large"))?;
        Ok(Self { micros, currency: currency.trim().to_owned() })
    }

    /// What so many failed requests cost.
    #[must_use]
    pub fn times(&self, requests: u64) -> Loss<'_> {
        Loss { micros: u128::from(self.micros) * u128::from(requests), currency: &self.currency }
    }
}

/// A sum of money, estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss<'a> {
    micros: u128,
    currency: &'a str,
}

impl fmt::Display for Loss<'_> {
    /// In whole units with groups of three digits: `1,200,000 CNY`; below 100 with two decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.micros / 1_000_000;
        if whole < 100 {
            return write!(f, "{whole}.{:02} {}", self.micros % 1_000_000 / 10_000, self.currency);
        }
        write!(f, "{} {}", grouped(whole), self.currency)
    }
}

/// A number with a comma after each three digits.
#[must_use]
pub(super) fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_read_and_multiplied() {
        let check = |price: &str, requests, expected: &str| {
            assert_eq!(Price::parse(price).unwrap().times(requests).to_string(), expected);
        };
        check("26.5 CNY", 45_283, "1,199,999 CNY");
        check("0.05 EUR", 3, "0.15 EUR");
        check("1 USD", 0, "0.00 USD");
        for wrong in
            ["", "5", "CNY 5", "1.2.3 CNY", "-1 CNY", "1.1234567 CNY", "99999999999999999 X"]
        {
            assert!(Price::parse(wrong).is_err(), "{wrong}");
        }
    }
}
