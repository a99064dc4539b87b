//! Finds PostgreSQL's programs: where the operator says, on the search path, where distributions
//! put them, among those fetched before; else fetches them.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fmt};

use anyhow::Result;

use crate::fetch;

/// Folders of distributions, with `*` for the one that names the version.
const VERSIONED: [&str; 8] = [
    "/usr/lib/postgresql/*/bin",          // Debian, Ubuntu
    "/usr/pgsql-*/bin",                   // the PostgreSQL project's RPMs
    "/usr/libexec/postgresql*",           // Alpine
    "/usr/lib/postgresql*/bin",           // openSUSE
    "/opt/homebrew/opt/postgresql@*/bin", // Homebrew on Apple silicon
    "/usr/local/opt/postgresql@*/bin",    // Homebrew on Intel
    "/usr/local/pgsql*/bin",              // built from source
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// A PostgreSQL release, `major.minor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// 15 in 15.18.
    pub major: u16,
    /// 18 in 15.18; 0 for releases still in test (`19beta1`).
    pub minor: u16,
}

impl Version {
    /// Reads what `postgres --version` prints: `postgres (PostgreSQL) 15.18 (Debian …)`.
    fn parse(printed: &str) -> Option<Self> {
        let number = printed.strip_prefix("postgres (PostgreSQL) ")?.split_whitespace().next()?;
        let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
        let (major, rest) = number.split_at(digits);
        let minor = rest.strip_prefix('.').and_then(|minor| minor.parse().ok()).unwrap_or(0);
        Some(Self { major: major.parse().ok()?, minor })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What is asked of an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Want {
    /// The major version; `None` takes the first found.
    pub major: Option<u16>,
    /// Whether the server must be able to speak TLS.
    pub tls: bool,
}

impl Want {
    /// Any installation.
    #[must_use]
    pub const fn any() -> Self {
        Self { major: None, tls: false }
    }

    /// One of this major version.
    #[must_use]
    pub const fn major(major: u16) -> Self {
        Self { major: Some(major), tls: false }
    }

    fn accepts(self, found: &Installation) -> bool {
        self.major.is_none_or(|major| major == found.version.major) && (!self.tls || found.tls())
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgreSQL")?;
        if let Some(major) = self.major {
            write!(f, " {major}")?;
        }
        f.write_str(if self.tls { " with TLS" } else { "" })
    }
}

/// A folder with `postgres` and `initdb`, and the version that it said it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The folder.
    pub bin: PathBuf,
    /// What `postgres --version` says.
    pub version: Version,
}

impl Installation {
    /// Finds one that fits `want`, in this order: the folders in `WEIR_POSTGRES_BIN`, the search
    /// path, distributions' folders, `pg_config --bindir`, those fetched earlier; else fetches one.
    ///
    /// # Errors
    /// When there is none and none can be fetched; the message says what to install.
    pub fn find(want: Want) -> Result<Self> {
        match present(want) {
            Some(found) => Ok(found),
            None => fetch::installation(want),
        }
    }

    /// The installation in `bin`, if it holds a server that runs here.
    ///
    /// A `postgres` that is a script is passed over: a wrapper would get the signals meant for the
    /// server, and `initdb` starts the program beside it anyway.
    #[must_use]
    pub fn at(bin: &Path) -> Option<Self> {
        let postgres = fs::canonicalize(bin.join("postgres")).ok()?;
        let bin = postgres.parent()?.to_owned();
        if !bin.join("initdb").is_file() || is_script(&postgres) {
            return None;
        }
        let version = Version::parse(&output_of(&postgres, "--version")?)?;
        Some(Self { bin, version })
    }

    /// The path of one of its programs.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// Whether its server speaks TLS, by what `pg_config` says; without one it is taken to, as
    /// distributions' servers do.
    #[must_use]
    pub fn tls(&self) -> bool {
        output_of(&self.program("pg_config"), "--configure")
            .is_none_or(|flags| flags.contains("--with-openssl") || flags.contains("--with-ssl"))
    }
}

/// The first installation on this machine that fits.
fn present(want: Want) -> Option<Installation> {
    let named = |variable| env::var_os(variable).map_or_else(Vec::new, |list| split(&list));
    named("WEIR_POSTGRES_BIN")
        .into_iter()
        .chain(named("PATH"))
        .chain(VERSIONED.iter().flat_map(|pattern| newest_first(pattern)))
        .chain(output_of(Path::new("pg_config"), "--bindir").map(|dir| dir.trim().into()))
        .chain(fetch::fetched())
        .filter_map(|bin: PathBuf| Installation::at(&bin))
        .find(|found| want.accepts(found))
}

fn split(list: &OsStr) -> Vec<PathBuf> {
    env::split_paths(list).collect()
}

/// The folders that match a pattern with one `*`, by the number in the matched part, highest first.
fn newest_first(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else { return vec![pattern.into()] };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let mut found: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let number = name.strip_prefix(prefix)?.split('.').next()?.parse().unwrap_or(0);
            Some((number, PathBuf::from(format!("{parent}/{name}{after}"))))
        })
        .collect();
    found.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    found.into_iter().map(|(_, path)| path).collect()
}

/// Whether a file begins with `#!`.
fn is_script(path: &Path) -> bool {
    let mut start = [0; 2];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && &start == b"#!"
}

/// What a program prints when given one argument, if it succeeds.
fn output_of(program: &Path, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_versions_that_servers_print() {
        let read = |printed| Version::parse(printed).map(|v| (v.major, v.minor));
        assert_eq!(read("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some((15, 18)));
        assert_eq!(read("postgres (PostgreSQL) 18.6\n"), Some((18, 6)));
        assert_eq!(read("postgres (PostgreSQL) 19beta1\n"), Some((19, 0)));
        assert_eq!(read("pg_ctl (PostgreSQL) 15.18\n"), None);
    }

    #[test]
    fn patterns_match_newest_version_first() {
        let scratch = crate::dirs::Scratch::new(crate::account::Account::own()).unwrap();
        for name in ["pg-9", "pg-18", "pg-15", "other"] {
            fs::create_dir(scratch.path().join(name)).unwrap();
        }
        let pattern = scratch.path().join("pg-*/bin");
        let found = newest_first(pattern.to_str().unwrap());
        let expected = ["pg-18/bin", "pg-15/bin", "pg-9/bin"];
        assert_eq!(found, expected.map(|name| scratch.path().join(name)));
    }

    #[test]
    fn a_wrapper_script_is_no_server() {
        let scratch = crate::dirs::Scratch::new(crate::account::Account::own()).unwrap();
        for name in ["postgres", "initdb"] {
            fs::write(scratch.path().join(name), "#!/bin/sh\nexec real \"$@\"\n").unwrap();
        }
        assert_eq!(Installation::at(scratch.path()), None);
    }
}
