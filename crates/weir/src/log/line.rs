//! Lines of text without colours, as `tracing_subscriber` writes them, for less: each login writes
//! two.

use std::cell::Cell;
use std::fmt::{Debug, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::{Event, Level};

/// A thread keeps no longer line than that for its next one.
const KEPT_BYTES: usize = 4096;

thread_local! {
    static DESK: Cell<Desk> = const { Cell::new(Desk::new()) };
}

/// What a thread writes its lines with.
struct Desk {
    stamp: Stamp,
    line: String,
}

impl Desk {
    const fn new() -> Self {
        Self { stamp: Stamp::new(), line: String::new() }
    }
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

/// Hands on an event as `2026-11-22T20:25:43.790618Z  INFO what happened name=value` with the end
/// of the line, control characters escaped.
pub(super) fn with(event: &Event<'_>, write: impl FnOnce(&str)) {
    // Taken, not borrowed: what is shown may log something itself. A thread that ends has none.
    let mut desk = DESK.try_with(Cell::take).unwrap_or_default();
    let Desk { stamp, line } = &mut desk;
    line.push_str(stamp.show(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()));
    line.push_str(level(event.metadata().level()));
    let from = line.len();
    event.record(&mut Fields(line));
    escape(line, from);
    line.push('\n');
    write(line);
    line.clear();
    line.shrink_to(KEPT_BYTES);
    let _ = DESK.try_with(|place| place.set(desk));
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

/// The time of a line in UTC, in years up to 9999. All but the fraction is kept for the lines of
/// the same second.
#[derive(Debug, Clone, Copy)]
struct Stamp {
    second: u64,
    text: [u8; 27],
}

impl Stamp {
    const fn new() -> Self {
        Self { second: 0, text: *b"1970-01-01T00:00:00.000000Z" }
    }

    /// The time since 1970, as text.
    fn show(&mut self, since_1970: Duration) -> &str {
        if self.second != since_1970.as_secs() {
            self.turn_to(since_1970.as_secs());
        }
        put(&mut self.text[20..26], since_1970.subsec_micros().into());
        // Digits and what was there before them.
        str::from_utf8(&self.text).unwrap_or_default()
    }

    fn turn_to(&mut self, second: u64) {
        self.second = second;
        let (year, month, day) = date(second / 86_400);
        let time = second % 86_400;
        let parts = [(0, 4, year), (5, 2, month), (8, 2, day), (11, 2, time / 3600)];
        let rest = [(14, 2, time / 60 % 60), (17, 2, time % 60)];
        for (at, digits, value) in parts.into_iter().chain(rest) {
            put(&mut self.text[at..at + digits], value);
        }
    }
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
struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.begin(field);
        // Writing to a string fails only where a value cannot be shown.
        let _ = write!(self.0, "{value:?}");
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.begin(field);
        let _ = write!(self.0, "{value}");
    }
}

impl Fields<'_> {
    fn begin(&mut self, field: &Field) {
        self.0.push(' ');
        let name = field.name();
        if name != "message" {
            self.0.push_str(name);
            self.0.push('=');
        }
    }
}

/// Escapes control characters from a place on: what clients sent cannot end a line or command a
/// terminal.
fn escape(line: &mut String, from: usize) {
    // Looked at byte by byte without a branch, nearly all text is plain.
    let odd = |odd, &byte: &u8| odd | !matches!(byte, b' '..=b'~');
    if !line.as_bytes()[from..].iter().fold(false, odd) {
        return;
    }
    let raw = line.split_off(from);
    for letter in raw.chars() {
        if letter.is_control() {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing::level_filters::LevelFilter;

    use crate::log::text::Text;

    #[test]
    fn times_are_written_as_rfc_3339_does() {
        let mut stamp = Stamp::new();
        let mut check = |seconds, micros, expected: &str| {
            let time = Duration::from_secs(seconds) + Duration::from_micros(micros);
            assert_eq!(stamp.show(time), expected);
        };
        check(0, 0, "1970-01-01T00:00:00.000000Z");
        check(951_782_400, 1, "2000-02-29T00:00:00.000001Z");
        check(951_782_400, 120_000, "2000-02-29T00:00:00.120000Z");
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
        if own {
            let out = move |_: &Level, line: &str| {
                io::Write::write_all(&mut writer.clone(), line.as_bytes()).unwrap();
            };
            let subscriber = Text::new(LevelFilter::INFO, None, out);
            tracing::subscriber::with_default(subscriber, events);
        } else {
            let subscriber = tracing_subscriber::fmt()
                .with_ansi(false)
                .with_target(false)
                .with_writer(move || writer.clone());
            tracing::subscriber::with_default(subscriber.finish(), events);
        }
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| line[27..].to_owned()).collect()
    }

    #[test]
    fn lines_are_as_tracing_subscriber_writes_them() {
        let events = || {
            let (user, none) = ("app", None::<u8>);
            tracing::info!(client = %"10.0.0.1:5", user = %user, age_s = 7_u64, "gone: {}", 1);
            tracing::warn!(?none, quoted = user, late = true, share = 0.5, low = -3, "slow");
            tracing::error!("no fields");
            tracing::debug!("not wanted");
        };
        assert_eq!(lines(true, events), lines(false, events));
        assert_eq!(lines(true, events).len(), 3);
    }

    #[test]
    fn what_clients_send_stays_in_its_line() {
        let user = "a\n2026 ERROR forged\x1b[2J\u{9b} \u{fc}";
        let written = lines(true, || tracing::info!(user = %user, "refused"));
        assert_eq!(written, ["  INFO refused user=a\\n2026 ERROR forged\\u{1b}[2J\\u{9b} \u{fc}"]);
    }
}
