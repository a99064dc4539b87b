//! Where things are kept: a cache that outlives the process, and scratch directories that do not.

use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, process};

use anyhow::{Context, Result};

use crate::account::Account;

/// The cache directory: `WEIR_CACHE_DIR`, else the user's cache, else, for root, one that an
/// account without privileges can read too.
pub(crate) fn cache() -> PathBuf {
    if let Some(dir) = env::var_os("WEIR_CACHE_DIR") {
        return dir.into();
    }
    if rustix::process::geteuid().is_root() {
        return "/var/cache/weir".into();
    }
    let home = || env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    base.unwrap_or_else(env::temp_dir).join("weir")
}

/// Takes the lock named `key` in `dir`, waiting for others; it is freed when the file is dropped.
///
/// # Errors
/// When the lock file cannot be made or locked.
pub(crate) fn lock(dir: &Path, key: &str) -> Result<File> {
    fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    let path = dir.join(format!("{key}.lock"));
    let file = File::create(&path).with_context(|| format!("making {}", path.display()))?;
    file.lock().with_context(|| format!("locking {}", path.display()))?;
    Ok(file)
}

/// A directory of this process, removed with all that is in it when dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes an empty directory under the system's temporary one, owned by `account`, readable by
    /// all. The path is short: a unix socket in it must fit 107 bytes.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn new(account: Account) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = env::temp_dir().join(format!("weir-{}-{number}", process::id()));
            match fs::DirBuilder::new().mode(0o755).create(&path) {
                Ok(()) => {
                    let scratch = Self { path };
                    account.give(&scratch.path)?;
                    return Ok(scratch);
                }
                // Left by an earlier process with our id: not ours to touch, take the next number.
                Err(err) if err.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(err) => {
                    return Err(err).with_context(|| format!("making {}", path.display()));
                }
            }
        }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a directory in it, owned by `account`, open to that account alone.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn private_dir(&self, name: &str, account: Account) -> Result<PathBuf> {
        let path = self.path.join(name);
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("making {}", path.display()))?;
        account.give(&path)?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Best effort: the keeper of a program that ran here may have removed it already.
        let _ = fs::remove_dir_all(&self.path);
    }
}
