//! What `weir up` and `weir demo` start.

use std::time::Duration;

use weir_core::config::settings::Settings;

use crate::cli::ConfigArgs;
use crate::config::{self, Loaded};
use crate::log;
use crate::serve::{self, Proxy};

/// With no limit on the wait for transactions, a stop still ends one day.
const SHUTDOWN_WAIT_MAX: Duration = Duration::from_secs(86_400);

/// Serves until it is told to stop. `args` is read again at each reload.
///
/// # Errors
/// When an address cannot be bound, a thread cannot be started, or a worker fails.
pub fn up(args: &ConfigArgs, loaded: &Loaded) -> anyhow::Result<()> {
    log::start(&loaded.settings.log);
    let grace = loaded.settings.timeouts.shutdown_wait.unwrap_or(SHUTDOWN_WAIT_MAX);
    let proxy = Proxy::start(&loaded.settings)?;
    serve::announce(proxy.addresses(), "off")?;
    proxy.serve(grace, || reload(args))
}

/// Reads the configuration again; a bad one is logged and changes nothing.
fn reload(args: &ConfigArgs) -> Option<Settings> {
    match config::load(args) {
        Ok(loaded) => Some(loaded.settings),
        Err(problems) => {
            for problem in &problems {
                tracing::error!("reload refused, the old configuration stays: {problem}");
            }
            None
        }
    }
}
