//! Where lines go: to standard error, at once or with others of the same turn of a worker.

use std::cell::RefCell;
use std::io::{self, Write as _};
use std::marker::PhantomData;

use tracing::Level;

/// Lines that are gathered are written before they are more than that.
const GATHERED_BYTES: usize = 16 << 10;

thread_local! {
    /// `None` where each line is written at once.
    static LINES: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// As long as it lives, lines of its thread are gathered: one system call writes those of a turn.
/// Warnings and errors do not wait. Dropping it writes what is left, also in a panic.
#[derive(Debug)]
pub struct Gathering {
    /// It belongs to its thread.
    _thread: PhantomData<*const ()>,
}

impl Gathering {
    /// Begins.
    #[must_use]
    pub fn begin() -> Self {
        LINES.set(Some(Vec::new()));
        Self { _thread: PhantomData }
    }

    /// Writes what was gathered.
    #[inline]
    pub fn write_out(&self) {
        LINES.with_borrow_mut(|lines| lines.as_mut().map(write_out));
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        self.write_out();
        LINES.set(None);
    }
}

/// Writes a line, or gathers it.
pub(super) fn put(level: &Level, line: &str) {
    let gathered = LINES.try_with(|lines| {
        let mut lines = lines.try_borrow_mut().ok()?;
        let lines = lines.as_mut()?;
        if lines.len() + line.len() > GATHERED_BYTES {
            write_out(lines);
        }
        lines.extend_from_slice(line.as_bytes());
        if *level <= Level::WARN {
            write_out(lines);
        }
        Some(())
    });
    if gathered.ok().flatten().is_none() {
        write(line.as_bytes());
    }
}

fn write_out(lines: &mut Vec<u8>) {
    if !lines.is_empty() {
        write(lines);
        lines.clear();
    }
}

/// Nobody can be told that the log is not written.
fn write(bytes: &[u8]) {
    let _ = io::stderr().write_all(bytes);
}
