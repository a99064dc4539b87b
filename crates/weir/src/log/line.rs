//! Lines of text without colours, as `tracing_subscriber` writes them, at half the cost: each login
//! writes two.

use std::fmt::{self, Debug, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// `2026-11-22T20:25:43.790618Z  INFO what happened name=value`, control characters escaped.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        stamp(now, &mut writer)?;
        writer.write_str(level(event.metadata().level()))?;
        let mut fields = Fields { out: Plain(&mut writer), outcome: Ok(()) };
        event.record(&mut fields);
        fields.outcome?;
        writer.write_char('\n')
    }
}

const fn level(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => " ERROR",
        Level::WARN => "  WARN",
        Level::INFO => "  INFO",
        Level::DEBUG => " DEBUG",
        Level::TRACE => " TRACE",
    }
}

/// The time since 1970 in UTC, in years up to 9999.
fn stamp(now: Duration, out: &mut impl Write) -> fmt::Result {
    let (second, micros) = (now.as_secs(), u64::from(now.subsec_micros()));
    let (year, month, day) = date(second / 86_400);
    let time = second % 86_400;
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let parts = [(0, 4, year), (5, 2, month), (8, 2, day), (11, 2, time / 3600)];
    let rest = [(14, 2, time / 60 % 60), (17, 2, time % 60), (20, 6, micros)];
    for (at, digits, value) in parts.into_iter().chain(rest) {
        put(&mut text[at..at + digits], value);
    }
    out.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
}

fn put(digits: &mut [u8], mut value: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
}

/// Year, month and day of a day since 1970-01-01. Algorithm: Howard Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms", `civil_from_days`.
const fn date(day: u64) -> (u64, u64, u64) {
    let shifted = day + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year + (month <= 2) as u64;
    (year, month, of_year - (153 * from_march + 2) / 5 + 1)
}

/// Writes fields behind each other. The message is the first of them and has no name.
struct Fields<'a, W> {
    out: Plain<'a, W>,
    outcome: fmt::Result,
}

impl<W: Write> Visit for Fields<'_, W> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if self.outcome.is_ok() {
            self.outcome = self.write(field.name(), value);
        }
    }
}

impl<W: Write> Fields<'_, W> {
    fn write(&mut self, name: &str, value: &dyn Debug) -> fmt::Result {
        self.out.0.write_char(' ')?;
        if name != "message" {
            self.out.0.write_str(name)?;
            self.out.0.write_char('=')?;
        }
        write!(self.out, "{value:?}")
    }
}

/// Escapes control characters: what clients sent cannot end a line or command a terminal.
struct Plain<'a, W>(&'a mut W);

impl<W: Write> Write for Plain<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Looked at byte by byte, nearly all text is plain.
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return self.0.write_str(text);
        }
        let mut rest = text;
        while let Some(at) = rest.find(char::is_control) {
            let (before, from) = rest.split_at(at);
            self.0.write_str(before)?;
            let mut left = from.chars();
            if let Some(control) = left.next() {
                write!(self.0, "{}", control.escape_default())?;
            }
            rest = left.as_str();
        }
        self.0.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    #[test]
    fn times_are_written_as_rfc_3339_does() {
        let check = |seconds, micros, expected: &str| {
            let mut text = String::new();
            stamp(Duration::from_secs(seconds) + Duration::from_micros(micros), &mut text).unwrap();
            assert_eq!(text, expected);
        };
        check(0, 0, "1970-01-01T00:00:00.000000Z");
        check(951_782_400, 1, "2000-02-29T00:00:00.000001Z");
        check(1_709_251_199, 999_999, "2024-02-29T23:59:59.999999Z");
        check(4_107_542_400, 20, "2100-03-01T00:00:00.000020Z");
    }

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that these events make, without their times.
    fn lines(own: bool, events: impl FnOnce()) -> Vec<String> {
        let kept = Kept::default();
        let writer = kept.clone();
        let builder = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_target(false)
            .with_writer(move || writer.clone());
        if own {
            tracing::subscriber::with_default(builder.event_format(Line).finish(), events);
        } else {
            tracing::subscriber::with_default(builder.finish(), events);
        }
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| line[27..].to_owned()).collect()
    }

    #[test]
    fn lines_are_as_tracing_subscriber_writes_them() {
        let events = || {
            let (user, none) = ("app", None::<u8>);
            tracing::info!(client = %"10.0.0.1:5", user = %user, age_s = 7_u64, "gone: {}", 1);
            tracing::warn!(?none, quoted = user, late = true, share = 0.5, "slow");
            tracing::error!("no fields");
        };
        assert_eq!(lines(true, events), lines(false, events));
        assert_eq!(lines(true, events).len(), 3);
    }

    #[test]
    fn what_clients_send_stays_in_its_line() {
        let user = "a\n2026 ERROR forged\x1b[2J\u{9b}";
        let written = lines(true, || tracing::info!(user = %user, "refused"));
        assert_eq!(written, ["  INFO refused user=a\\n2026 ERROR forged\\u{1b}[2J\\u{9b}"]);
    }
}
