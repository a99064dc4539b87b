//! What a process costs, as `/proc` tells.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};

/// Its proportional share of memory (`Pss`), in bytes: pages that others map too count in part.
pub(crate) fn memory_bytes(pid: i32) -> Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    pss(&text).with_context(|| format!("no Pss in {path}"))
}

fn pss(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// Seconds of processor time.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Cpu {
    /// Of each thread, by its number.
    threads: BTreeMap<String, f64>,
    /// In user mode and in the kernel, each to a hundredth of a second.
    user: f64,
    system: f64,
}

impl Cpu {
    /// What has been used since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let before = |thread: &String| earlier.threads.get(thread).copied().unwrap_or(0.0);
        let used = |(thread, now): (&String, &f64)| (thread.clone(), now - before(thread));
        Self {
            threads: self.threads.iter().map(used).collect(),
            user: self.user - earlier.user,
            system: self.system - earlier.system,
        }
    }

    pub(crate) fn total(&self) -> f64 {
        self.threads.values().sum()
    }

    /// The thread's share that has used most; `None` when nothing was used.
    pub(crate) fn busiest(&self) -> Option<f64> {
        let total = self.total();
        (total > 0.0).then(|| self.threads.values().copied().fold(0.0, f64::max) / total)
    }

    /// The part of the total that was in user mode.
    pub(crate) fn user(&self) -> f64 {
        let parts = self.user + self.system;
        if parts > 0.0 { self.total() * self.user / parts } else { 0.0 }
    }

    /// The part of the total that was in the kernel.
    pub(crate) fn system(&self) -> f64 {
        self.total() - self.user()
    }
}

/// The time that the process's threads have used so far: as the scheduler counts it, in
/// nanoseconds, and how it splits.
pub(crate) fn cpu(pid: i32) -> Result<Cpu> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    #[expect(clippy::cast_precision_loss, reason = "a hundred")]
    let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
    let (user, system) = ticks(&text).with_context(|| format!("no times in {path}"))?;
    let path = format!("/proc/{pid}/task");
    let mut threads = BTreeMap::new();
    for thread in fs::read_dir(&path).with_context(|| format!("reading {path}"))? {
        let thread = thread?;
        let text = fs::read_to_string(thread.path().join("schedstat"));
        // A thread that has ended meanwhile had little to do.
        let ran = text.ok().as_deref().and_then(ran).unwrap_or(0.0);
        threads.insert(thread.file_name().to_string_lossy().into_owned(), ran);
    }
    Ok(Cpu { threads, user: user / ticks_per_second, system: system / ticks_per_second })
}

/// The first field of `schedstat`, in seconds: nanoseconds on a processor.
fn ran(schedstat: &str) -> Option<f64> {
    let nanos: f64 = schedstat.split_whitespace().next()?.parse().ok()?;
    Some(nanos / 1e9)
}

/// The fields `utime` and `stime`: the 12th and 13th after the name, which is in parentheses.
fn ticks(stat: &str) -> Option<(f64, f64)> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_times_behind_any_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 9 8 7 6 150 25 3 2 20 0 4 0 100 5 6";
        assert_eq!(ticks(stat), Some((150.0, 25.0)));
        assert_eq!(ran("2500000000 7 12\n"), Some(2.5));
    }

    #[test]
    fn the_total_is_split_as_the_ticks_are() {
        let of = |threads: &[(&str, f64)], user, system| {
            let threads = threads.iter().map(|(name, ran)| ((*name).to_owned(), *ran)).collect();
            Cpu { threads, user, system }
        };
        let earlier = of(&[("7", 1.0), ("8", 3.0)], 1.0, 0.0);
        let used = of(&[("7", 1.6), ("9", 0.2)], 1.15, 0.05).since(&earlier);
        assert!((used.user() - 0.6).abs() < 1e-9 && (used.system() - 0.2).abs() < 1e-9);
        assert!((used.busiest().unwrap() - 0.75).abs() < 1e-9);
        assert!(Cpu::default().user().abs() < 1e-9 && Cpu::default().busiest().is_none());
    }

    #[test]
    fn reads_the_proportional_share() {
        let text = "55d0-7ffc ---p 00000000 00:00 0 [rollup]\nRss:    20 kB\nPss:       12 kB\n\
                    Pss_Dirty:  4 kB\n";
        assert_eq!(pss(text), Some(12 << 10));
        assert_eq!(pss("Rss: 20 kB\n"), None);
    }
}
