//! What `weir up` and `weir demo` start.

use weir_core::config::config_rows;

use crate::cli::ConfigArgs;
use crate::config::{self, Loaded};
use crate::log;
use crate::serve::{self, Proxy, Reloaded};

/// Serves until it is told to stop. `args` is read again at each reload.
///
/// # Errors
/// When an address cannot be bound, a thread cannot be started, or a worker fails.
pub fn up(args: &ConfigArgs, loaded: &Loaded) -> anyhow::Result<()> {
    log::start(&loaded.settings.log);
    let proxy = Proxy::start(&loaded.settings, config_rows(&loaded.options))?;
    let addresses = proxy.addresses().to_vec();
    let http = proxy.http();
    proxy.serve(|| serve::announce(&addresses, http), || reload(args))
}

/// Reads the configuration again.
fn reload(args: &ConfigArgs) -> Result<Reloaded, String> {
    match config::load(args) {
        Ok(Loaded { settings, options, warnings: _ }) => {
            Ok(Reloaded { settings, config: config_rows(&options) })
        }
        Err(problems) => {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Err(lines.join("\n"))
        }
    }
}
