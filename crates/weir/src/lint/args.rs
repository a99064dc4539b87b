//! The command line of `weir lint`.

use std::path::PathBuf;

/// Options of `weir lint`; they win over `[tool.weir-lint]` of `pyproject.toml`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Exit status: 0 nothing found, 1 findings, 2 wrong use or nothing readable."
)]
pub struct LintArgs {
    /// Files and directories to check, as one project.
    #[arg(default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,

    /// Output for people (text) or machines.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub(crate) format: OutputFormat,

    /// Run only these rules; `all` means every rule.
    #[arg(long, value_delimiter = ',', value_name = "RULE")]
    pub(crate) select: Vec<String>,

    /// Do not run these rules.
    #[arg(long, value_delimiter = ',', value_name = "RULE")]
    pub(crate) ignore: Vec<String>,

    /// Leave out paths that match, besides those of the configuration.
    #[arg(long, value_delimiter = ',', value_name = "PATTERN")]
    pub(crate) exclude: Vec<String>,

    /// Check tests, migrations and fixtures too.
    #[arg(long)]
    pub(crate) include_tests: bool,

    /// Report findings from this confidence on.
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(crate) confidence: Option<Level>,

    /// Read the configuration from this pyproject.toml.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Report only findings that this file does not accept.
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,

    /// Accept all present findings in this file, and exit.
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    pub(crate) write_baseline: Option<PathBuf>,

    /// Repair what can be repaired without changing behaviour.
    #[arg(long)]
    pub(crate) fix: bool,

    /// Show the page of a rule, and exit.
    #[arg(long, value_name = "RULE")]
    pub(crate) explain: Option<String>,

    /// List all rules, and exit.
    #[arg(long)]
    pub(crate) list: bool,

    /// Threads to use; 0 means one for each core.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) jobs: usize,

    /// Colours in text output.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// Names of the output formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OutputFormat {
    /// With source excerpts.
    Text,
    /// One JSON document.
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// GitHub Actions annotations.
    Github,
    /// GitLab code quality.
    Gitlab,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// When standard output is a terminal and `NO_COLOR` is not set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How sure a finding must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Level {
    /// Guesses too.
    Low,
    /// The default.
    Medium,
    /// Only what was seen whole.
    High,
}
