//! The report: a table on the terminal, Markdown, JSON, and one HTML page that needs nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::figures::Figures;
use crate::plan::Plan;

pub mod claims;
pub mod html;
pub mod plot;
pub mod rows;
#[cfg(test)]
mod tests;
pub mod text;

/// A load that was sent this late is not the load of the plan.
const LATE_S: f64 = 0.5;

/// All set-ups of one replay, and how to repeat it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The command that made it.
    pub command: String,
    /// PostgreSQL's version.
    pub server: String,
    /// Processors of the machine, shared by load, service, poolers and server.
    pub cores: usize,
    /// Whether the replay was built with optimisation.
    pub optimised_build: bool,
    /// Orders in the shop before the run.
    pub orders_seeded: u64,
    /// The scale of the phases.
    pub scale: f64,
    /// A statement or transaction is long from here.
    pub long_s: f64,
    /// The course.
    pub plan: Plan,
    /// The figures, the first being what the others are compared with.
    pub set_ups: Vec<Figures>,
}

impl Report {
    /// What the figures hang on, in one sentence.
    #[must_use]
    pub fn circumstances(&self) -> String {
        let build = if self.optimised_build { "optimised" } else { "debug (no figures to quote)" };
        let late_s = self.set_ups.iter().map(|figures| figures.lag_max_s).fold(0.0, f64::max);
        let busy =
            if late_s >= LATE_S { ": this machine was busy, repeat it on a quiet one" } else { "" };
        format!(
            "PostgreSQL {}, max_connections 100 and one for the sampler; {} processors shared by \
             load, service, pooler and server; {} orders; seed {}; scale {}; long from {} s; build: \
             {build}; requests sent at most {late_s:.2} s late{busy}.",
            self.server, self.cores, self.orders_seeded, self.plan.seed, self.scale, self.long_s
        )
    }
}

/// What a replay leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Every figure, sample and second.
    pub json: PathBuf,
    /// The table and the claims as text.
    pub markdown: PathBuf,
    /// The page, with plots.
    pub page: PathBuf,
}

/// Writes `replay.json`, `replay.md` and `replay.html` into `dir`, and returns their paths in full.
///
/// # Errors
/// When the directory cannot be made or written.
pub fn save(report: &Report, dir: &Path) -> Result<Files> {
    fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    let dir = dir.canonicalize().with_context(|| format!("finding {}", dir.display()))?;
    let write = |name: &str, content: String| {
        let path = dir.join(name);
        fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
        Ok::<_, anyhow::Error>(path)
    };
    Ok(Files {
        json: write("replay.json", serde_json::to_string_pretty(report)?)?,
        markdown: write("replay.md", text::markdown(report))?,
        page: write("replay.html", html::page(report))?,
    })
}
