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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_proportional_share() {
        let text = "55d0-7ffc ---p 00000000 00:00 0 [rollup]\nRss:    20 kB\nPss:       12 kB\n\
                    Pss_Dirty:  4 kB\n";
        assert_eq!(pss(text), Some(12 << 10));
        assert_eq!(pss("Rss: 20 kB\n"), None);
    }
}
