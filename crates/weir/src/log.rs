//! The log on standard error.

mod gather;
mod line;
mod text;

use std::io::IsTerminal;

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use weir_core::config::choices::{LogFormat, LogLevel};
use weir_core::config::settings::Log;

pub use gather::Gathering;

use text::Text;

/// Starts logging. Later calls change nothing.
pub fn start(log: &Log) {
    begin(log, None);
}

/// The same without what is said under this target, because it is said elsewhere.
pub fn start_without(log: &Log, target: &'static str) {
    begin(log, Some(target));
}

const fn level(log: &Log) -> LevelFilter {
    LevelFilter::from_level(match log.level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    })
}

fn begin(log: &Log, without: Option<&'static str>) {
    let coloured = std::io::stderr().is_terminal();
    // A second start in one process (tests) keeps the first one's form.
    if log.format == LogFormat::Text && !coloured {
        let text = Text::new(level(log), without, gather::put);
        let _ = tracing::subscriber::set_global_default(text);
        return;
    }
    let silenced = without.map_or_else(String::new, |target| format!(",{target}=off"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(format!("{}{silenced}", level(log))))
        .with_ansi(coloured)
        .with_writer(std::io::stderr);
    let _ = match log.format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
