//! The directory for what outlives the process: made, checked, and held by one process at a time.

use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result, bail};

/// The file whose lock says that the directory is in use.
const LOCK: &str = "weir.lock";

/// A directory that is ours until this is dropped.
#[derive(Debug)]
pub struct StateDir {
    _lock: File,
}

impl StateDir {
    /// Makes the directory if it is missing, for its owner alone, and claims it.
    ///
    /// # Errors
    /// When it cannot be made or written to, is no directory, or another process has it.
    pub fn claim(path: &Path) -> Result<Self> {
        let name = path.display();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("cannot make the directory {name} (state_dir)"))?;
        let mode = path.metadata().with_context(|| format!("cannot look at {name}"))?.permissions();
        if mode.mode() & 0o077 != 0 {
            tracing::warn!(state_dir = %name, "others may look into the state directory: chmod 700");
        }
        let lock = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join(LOCK))
            .with_context(|| format!("cannot write in {name} (state_dir)"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                bail!("another weir uses {name}: stop it, or give each a state_dir of its own")
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {name} (state_dir)"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use weir_testkit::{Account, Scratch};

    use super::*;

    #[test]
    fn a_directory_belongs_to_one_at_a_time() {
        let home = Scratch::new(Account::own()).unwrap();
        let path = home.path().join("a/b");
        let first = StateDir::claim(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let second = StateDir::claim(&path).unwrap_err().to_string();
        assert!(second.contains("another weir uses"), "{second}");
        drop(first);
        StateDir::claim(&path).unwrap();
    }

    #[test]
    fn what_is_no_directory_is_refused() {
        let home = Scratch::new(Account::own()).unwrap();
        let path = home.path().join("file");
        std::fs::write(&path, "").unwrap();
        let refusal = format!("{:#}", StateDir::claim(&path).unwrap_err());
        assert!(refusal.contains("state_dir"), "{refusal}");
    }
}
