//! Waiting for a condition: asked again with growing pauses until it holds or a limit passes.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const PAUSE_FIRST: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// Asks `probe` until it answers with a value, at most for `limit`.
///
/// # Errors
/// What `probe` fails with, at once; or a message naming `what` when `limit` has passed.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let began = Instant::now();
    let mut pause = PAUSE_FIRST;
    loop {
        if let Some(found) = probe()? {
            return Ok(found);
        }
        if began.elapsed() >= limit {
            bail!("waited {limit:?} in vain for {what}");
        }
        thread::sleep(pause);
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_as_soon_as_the_probe_does() {
        let mut left = 3;
        let found = until("three", Duration::from_secs(60), || {
            left -= 1;
            Ok((left == 0).then_some("there"))
        });
        assert_eq!(found.unwrap(), "there");
    }

    #[test]
    fn names_what_it_waited_for() {
        let err = until::<()>("the rain", Duration::ZERO, || Ok(None)).unwrap_err();
        assert!(err.to_string().contains("the rain"), "{err}");
    }
}
