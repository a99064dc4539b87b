//! What `weir up` and `weir demo` start.

use crate::cli::ConfigArgs;
use crate::config::Loaded;

/// Serves until it is told to stop. `args` is read again at each reload.
///
/// # Errors
/// Always: serving is not wired to the command line yet.
pub fn up(args: &ConfigArgs, loaded: &Loaded) -> anyhow::Result<()> {
    let addresses = loaded.settings.listen.addresses.len();
    anyhow::bail!(
        "`weir up` is not wired yet: the configuration {} is good, {addresses} addresses would be \
         served",
        args.config.as_deref().unwrap_or("from flags")
    )
}

/// Shows what Weir does, on this machine alone.
///
/// # Errors
/// Always: the demonstration is not wired to the command line yet.
pub fn demo() -> anyhow::Result<()> {
    anyhow::bail!("`weir demo` is not wired yet")
}
