//! What a process costs, as `/proc` tells.

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
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Cpu {
    pub(crate) user: f64,
    pub(crate) system: f64,
}

impl Cpu {
    /// What has been used since `earlier`, to a hundredth of a second: a run of a second and more
    /// that uses a good part of it is known to a few percent.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self { user: self.user - earlier.user, system: self.system - earlier.system }
    }

    pub(crate) fn total(self) -> f64 {
        self.user + self.system
    }
}

/// The time that the process has used so far, all its threads together.
pub(crate) fn cpu(pid: i32) -> Result<Cpu> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    #[expect(clippy::cast_precision_loss, reason = "a hundred")]
    let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
    let (user, system) = ticks(&text).with_context(|| format!("no times in {path}"))?;
    Ok(Cpu { user: user / ticks_per_second, system: system / ticks_per_second })
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
    }

    #[test]
    fn reads_the_proportional_share() {
        let text = "55d0-7ffc ---p 00000000 00:00 0 [rollup]\nRss:    20 kB\nPss:       12 kB\n\
                    Pss_Dirty:  4 kB\n";
        assert_eq!(pss(text), Some(12 << 10));
        assert_eq!(pss("Rss: 20 kB\n"), None);
    }
}
