//! Values with units: times ("30s", "500ms", "15min", "off") and sizes ("256KiB").

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The schema format of a [`TimeSpan`].
pub(super) const SPAN_FORMAT: &str = "weir-time";
/// The schema format of a [`TimeLimit`].
pub(super) const LIMIT_FORMAT: &str = "weir-time-limit";
/// The schema format of a [`ByteSize`].
pub(super) const SIZE_FORMAT: &str = "weir-size";

/// Names and lengths in milliseconds; the first name of a length is how it is written back.
const TIME_UNITS: &[(&str, u64)] =
    &[("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

const SIZE_UNITS: &[(&str, u64)] =
    &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// A length of time in whole milliseconds, for example `"15s"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeSpan(pub Duration);

/// A time limit: a length of time, or `"off"` (also `"0"`) for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeLimit(pub Option<Duration>);

/// A number of bytes, for example `"256KiB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ByteSize(pub u64);

impl TryFrom<String> for TimeSpan {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let millis = parse(&text, TIME_UNITS, "a time", "30s")?;
        Ok(Self(Duration::from_millis(millis)))
    }
}

impl TryFrom<String> for TimeLimit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if matches!(text.trim(), "off" | "0") {
            return Ok(Self(None));
        }
        let TimeSpan(span) = text.try_into()?;
        Ok(Self((!span.is_zero()).then_some(span)))
    }
}

impl TryFrom<String> for ByteSize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse(&text, SIZE_UNITS, "a size", "256KiB").map(Self)
    }
}

impl From<TimeSpan> for String {
    fn from(TimeSpan(span): TimeSpan) -> Self {
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        if millis == 0 { "0s".into() } else { write(millis, TIME_UNITS) }
    }
}

impl From<TimeLimit> for String {
    fn from(TimeLimit(limit): TimeLimit) -> Self {
        limit.map_or_else(|| "off".into(), |span| TimeSpan(span).into())
    }
}

impl From<ByteSize> for String {
    fn from(ByteSize(bytes): ByteSize) -> Self {
        if bytes == 0 { "0B".into() } else { write(bytes, SIZE_UNITS) }
    }
}

fn parse(text: &str, units: &[(&str, u64)], what: &str, example: &str) -> Result<u64, String> {
    let text = text.trim();
    let names = || units.iter().rev().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim());
    if number.is_empty() {
        return Err(format!("`{text}` is not {what}: write it like \"{example}\""));
    }
    if unit.is_empty() && number != "0" {
        let meant = example.trim_start_matches(|c: char| c.is_ascii_digit());
        return Err(format!("`{text}` has no unit: did you mean \"{text}{meant}\"?"));
    }
    let factor = match units.iter().find(|(name, _)| *name == unit) {
        Some((_, factor)) => *factor,
        None if unit.is_empty() => 1,
        None => return Err(format!("`{unit}` is not a unit here: use {}", names())),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| format!("`{text}` is too large"))
}

/// The value in its largest unit that leaves no rest.
fn write(value: u64, units: &[(&str, u64)]) -> String {
    let (name, factor) =
        units.iter().find(|(_, factor)| value.is_multiple_of(*factor)).unwrap_or(&("", 1));
    format!("{}{name}", value / factor)
}

/// The schema of a type that is written as text, of this format where it has one.
macro_rules! string_schema {
    ($name:ident $(, $format:expr)?) => {
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string" $(, "format": $format)? })
            }
        }
    };
}
pub(super) use string_schema;

string_schema!(TimeSpan, SPAN_FORMAT);
string_schema!(TimeLimit, LIMIT_FORMAT);
string_schema!(ByteSize, SIZE_FORMAT);

#[cfg(test)]
mod tests {
    use super::*;

    fn span(text: &str) -> Result<u128, String> {
        TimeSpan::try_from(text.to_owned()).map(|TimeSpan(span)| span.as_millis())
    }

    #[test]
    fn times_and_sizes_are_read_with_their_units() {
        let cases = [("30s", 30_000), ("500ms", 500), ("15min", 900_000), ("2 h", 7_200_000)];
        for (text, millis) in cases {
            assert_eq!(span(text), Ok(millis), "{text}");
        }
        assert_eq!(ByteSize::try_from("256KiB".to_owned()), Ok(ByteSize(262_144)));
        for off in ["off", "0", "0s"] {
            assert_eq!(TimeLimit::try_from(off.to_owned()), Ok(TimeLimit(None)), "{off}");
        }
    }

    #[test]
    fn a_value_that_is_not_understood_says_what_to_write() {
        let cases = [
            ("30", "did you mean \"30s\"?"),
            ("soon", "write it like \"30s\""),
            ("30sec", "use ms, s, m, min, h, d"),
            ("-3s", "write it like \"30s\""),
            ("99999999999999999999s", "too large"),
            ("18446744073709551615d", "too large"),
        ];
        for (text, part) in cases {
            let message = span(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
        let message = ByteSize::try_from("64".to_owned()).unwrap_err();
        assert!(message.contains("\"64KiB\""), "{message}");
    }

    #[test]
    fn what_is_written_reads_back() {
        for millis in [0, 1, 999, 1_000, 60_000, 90_000, 3_600_000, 86_400_000] {
            let text = String::from(TimeSpan(Duration::from_millis(millis)));
            assert_eq!(span(&text), Ok(u128::from(millis)), "{text}");
        }
        assert_eq!(String::from(TimeSpan(Duration::from_secs(900))), "15min");
        assert_eq!(String::from(ByteSize(65_536)), "64KiB");
    }
}
