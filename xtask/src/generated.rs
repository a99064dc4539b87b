//! Files that are made from definitions in the code: `cargo xtask gen` writes them, and a test
//! fails when one differs from what would be written.

use std::fs;

use anyhow::Context;
use weir_core::config::{import, reference, sample, schema};
use weir_core::console;

use crate::root;

/// Every generated file: its path from the top of the tree, and its content.
fn files() -> [(&'static str, String); 6] {
    [
        ("docs/using/console.md", console::reference()),
        ("docs/using/metrics.md", console::metrics_page()),
        ("docs/using/configuration.md", reference()),
        ("docs/using/pgbouncer.md", import::reference()),
        ("docs/using/weir.schema.json", format!("{:#}\n", schema())),
        ("docs/using/weir.toml", sample()),
    ]
}

/// Writes all of them.
///
/// # Errors
/// When one cannot be written.
pub(crate) fn write() -> anyhow::Result<()> {
    for (name, content) in files() {
        let path = root().join(name);
        let dir = path.parent().unwrap_or(&path);
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        fs::write(&path, content).with_context(|| format!("cannot write {name}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_generated_is_up_to_date() {
        for (name, content) in files() {
            let found = fs::read_to_string(root().join(name)).unwrap_or_default();
            assert!(found == content, "{name} is stale: run `cargo xtask gen`");
        }
    }
}
