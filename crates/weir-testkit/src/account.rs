//! Whom PostgreSQL runs as: it refuses root, so root lends it an unprivileged account.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// Accounts that root may lend, the first that exists is taken.
const LENT: [&str; 2] = ["postgres", "nobody"];

/// The account that a server's processes run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// User and group to change to; `None` keeps those of this process.
    change_to: Option<(u32, u32)>,
}

impl Account {
    /// This process's own account.
    #[must_use]
    pub const fn own() -> Self {
        Self { change_to: None }
    }

    /// This process's account, or one without privileges when that is root.
    ///
    /// # Errors
    /// When root finds neither `postgres` nor `nobody` in `/etc/passwd`.
    pub fn unprivileged() -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::own());
        }
        let passwd = fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
        let ids = LENT.iter().find_map(|name| ids_of(&passwd, name)).with_context(|| {
            format!("PostgreSQL refuses to run as root, and none of {LENT:?} exists: add one")
        })?;
        Ok(Self { change_to: Some(ids) })
    }

    /// A short name for it, for files that must not be shared between accounts.
    pub(crate) fn name(self) -> String {
        self.change_to.map_or_else(|| "own".to_owned(), |(user, _)| format!("u{user}"))
    }

    /// Makes `command` start as this account.
    pub fn apply(self, command: &mut Command) {
        if let Some((user, group)) = self.change_to {
            command.uid(user).gid(group);
        }
    }

    /// Gives `path` (not what is in it) to this account.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn give(self, path: &Path) -> Result<()> {
        if let Some((user, group)) = self.change_to {
            chown(path, Some(user), Some(group))
                .with_context(|| format!("giving {} to user {user}", path.display()))?;
        }
        Ok(())
    }
}

/// User and group id of `name` in the text of a passwd file.
fn ids_of(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ids_of_the_named_user_only() {
        let passwd = "root:x:0:0::/:/bin/sh\npostgresql:x:7:8::/:\npostgres:x:101:104:a,b:/:\n";
        assert_eq!(ids_of(passwd, "postgres"), Some((101, 104)));
        assert_eq!(ids_of(passwd, "nobody"), None);
    }
}
