//! Finds and reads Python files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use weir_lint::{Config, FILE_BYTES_MAX, Source};

/// Deepest directory that is entered; deeper ones are a loop or a mistake.
const DEPTH_MAX: usize = 64;

/// Most source text that is checked as one project, in bytes. A tree takes about twelve times its
/// source in memory.
const TOTAL_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The Python files under `paths`, sorted, each once. A file named directly is taken even if a
/// pattern excludes it.
pub(super) fn find(paths: &[PathBuf], config: &Config) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        let meta = fs::metadata(path).with_context(|| {
            format!(
                "cannot read {}: check the path, or run it from the project's root",
                path.display()
            )
        })?;
        if meta.is_dir() {
            walk(path, path, config, DEPTH_MAX, &mut found)?;
        } else {
            found.push(path.clone());
        }
    }
    found.sort();
    found.dedup();
    let sizes = found.iter().filter_map(|path| fs::metadata(path).ok());
    let total: u64 = sizes.map(|meta| meta.len().min(FILE_BYTES_MAX as u64)).sum();
    if total > TOTAL_BYTES_MAX {
        bail!(
            "{total} bytes of Python are more than {TOTAL_BYTES_MAX}; check parts of it separately"
        );
    }
    Ok(found)
}

fn walk(
    root: &Path,
    dir: &Path,
    config: &Config,
    depth: usize,
    found: &mut Vec<PathBuf>,
) -> anyhow::Result<()> {
    if depth == 0 {
        bail!("{} is nested deeper than {DEPTH_MAX} directories; exclude it", dir.display());
    }
    let entries = fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", dir.display()))?;
        let path = entry.path();
        let inner = path.strip_prefix(root).unwrap_or(&path);
        if config.excludes(&slashes(inner)) {
            continue;
        }
        // Links are not followed, so that a loop cannot be entered.
        let kind = entry.file_type().with_context(|| format!("cannot read {}", path.display()))?;
        if kind.is_dir() {
            walk(root, &path, config, depth - 1, found)?;
        } else if kind.is_file() && path.extension().is_some_and(|e| e == "py") {
            found.push(path);
        }
    }
    Ok(())
}

/// Reads one file. Bytes that are not UTF-8 are replaced, as old files have Latin-1 comments; of a
/// file that is too long only its length matters, so it is not read.
pub(super) fn read(path: &Path) -> io::Result<Source> {
    let length = fs::metadata(path)?.len();
    let text = if length > FILE_BYTES_MAX as u64 {
        " ".repeat(FILE_BYTES_MAX + 1)
    } else {
        String::from_utf8_lossy(&fs::read(path)?).into_owned()
    };
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    Ok(Source { path: slashes(path), text })
}

fn slashes(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    text.strip_prefix("./").map(str::to_owned).unwrap_or(text)
}
