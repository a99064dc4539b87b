//! Data directories: initdb is run once per version and kept in the cache; each server gets a copy.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::account::Account;
use crate::dirs;
use crate::find::Installation;
use crate::run::run;

/// The superuser of every cluster made here.
pub(crate) const SUPERUSER: &str = "postgres";

/// Part of the template's name: change it with the arguments of initdb below.
const RECIPE: &str = "utf8-wal1";

#[cfg(target_os = "linux")]
const LOCALE: &str = "C.UTF-8";
#[cfg(not(target_os = "linux"))]
const LOCALE: &str = "C";

/// Makes a fresh data directory `data` (which must not exist) for `installation`, owned by
/// `account`.
pub(crate) fn create(installation: &Installation, account: Account, data: &Path) -> Result<()> {
    let template = template(installation, account)?;
    let mut copy = Command::new("cp");
    copy.arg("-R").arg(template).arg(data);
    run_as(account, &mut copy)
}

/// The template for this version, made under a lock when absent.
fn template(installation: &Installation, account: Account) -> Result<PathBuf> {
    let store = dirs::cache().join("clusters");
    let name = format!("{}-{RECIPE}-{}", installation.version, account.name());
    let _lock = dirs::lock(&store, &name)?;
    let home = store.join(&name);
    let template = home.join("data");
    if template.join("PG_VERSION").exists() {
        return Ok(template);
    }
    if home.exists() {
        fs::remove_dir_all(&home).with_context(|| format!("removing {}", home.display()))?;
    }
    fs::create_dir(&home).with_context(|| format!("making {}", home.display()))?;
    account.give(&home)?;
    let partial = home.join("partial");
    let mut initdb = Command::new(installation.program("initdb"));
    initdb
        .args(["--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8"])
        .args(["--locale", LOCALE, "--wal-segsize", "1", "--no-sync"])
        .arg("--pgdata")
        .arg(&partial);
    run_as(account, &mut initdb)?;
    fs::rename(&partial, &template).with_context(|| format!("making {}", template.display()))?;
    Ok(template)
}

/// Runs as `account`, whom our own working directory may be closed to.
fn run_as(account: Account, command: &mut Command) -> Result<()> {
    account.apply(command);
    run(command.current_dir("/"))
}

/// Writes a file of settings or secrets into a data directory, closed to all but its owner.
pub(crate) fn write(data: &Path, name: &str, text: &str) -> Result<PathBuf> {
    use std::os::unix::fs::{OpenOptionsExt, chown};
    let path = data.join(name);
    let write = || {
        use std::io::Write;
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&path)?.write_all(text.as_bytes())?;
        let owner = fs::metadata(data)?;
        chown(&path, Some(owner.uid()), Some(owner.gid()))
    };
    write().with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}
