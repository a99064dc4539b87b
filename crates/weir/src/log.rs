//! The log on standard error.

mod line;

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use weir_core::config::choices::{LogFormat, LogLevel};
use weir_core::config::settings::Log;

use line::Line;

/// Starts logging. Later calls change nothing.
pub fn start(log: &Log) {
    begin(log, EnvFilter::new(level(log)));
}

/// The same without what is said under this target, because it is said elsewhere.
pub fn start_without(log: &Log, target: &str) {
    begin(log, EnvFilter::new(format!("{},{target}=off", level(log))));
}

fn level(log: &Log) -> &'static str {
    match log.level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    }
}

fn begin(log: &Log, filter: EnvFilter) {
    let coloured = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(coloured)
        .with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first one's form.
    let _ = match log.format {
        LogFormat::Text if coloured => builder.with_target(false).try_init(),
        LogFormat::Text => builder.event_format(Line).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
