//! Spreads independent work over threads, keeping the order of results.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Stack of a worker, in bytes: parsing recurses with the nesting of the source, which the checker
/// bounds.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// How many items a worker takes at a time.
const CHUNK: usize = 16;

/// Threads to use for `jobs` as given on the command line.
pub(super) fn threads(jobs: usize) -> usize {
    if jobs > 0 { jobs.min(64) } else { thread::available_parallelism().map_or(1, NonZero::get) }
}

/// `work(0) … work(count - 1)` on `jobs` threads, results in order.
///
/// # Errors
/// When a thread cannot be started.
pub(super) fn map<T: Send>(
    count: usize,
    jobs: usize,
    work: impl Fn(usize) -> T + Sync,
) -> std::io::Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let run = || {
        let mut done = Vec::new();
        loop {
            let start = next.fetch_add(CHUNK, Ordering::Relaxed);
            if start >= count {
                return done;
            }
            done.extend((start..count.min(start + CHUNK)).map(|at| (at, work(at))));
        }
    };
    let mut results: Vec<(usize, T)> = thread::scope(|scope| {
        let workers = (0..jobs.max(1))
            .map(|_| thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, run))
            .collect::<std::io::Result<Vec<_>>>()?;
        let joined = workers.into_iter().map(|worker| match worker.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        Ok::<_, std::io::Error>(joined.flatten().collect())
    })?;
    results.sort_by_key(|(at, _)| *at);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}
