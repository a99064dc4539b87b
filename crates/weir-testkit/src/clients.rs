//! Environments for real clients, made once from pinned versions and used again: a Python one with
//! the PostgreSQL drivers, a Node.js one with `pg`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::dirs;
use crate::run::run;

const REQUIREMENTS: &str = include_str!("../clients/requirements.txt");
const PACKAGE: &str = include_str!("../clients/package.json");

/// What makes pip ask a registry that does not answer well again, more often than by itself.
pub const PIP_PATIENCE: [&str; 4] = ["--retries", "10", "--timeout", "60"];

/// The same for npm.
pub(crate) const NPM_PATIENCE: &str = "--fetch-retries=6";

/// A Python virtual environment.
#[derive(Debug, Clone)]
pub struct Python {
    home: PathBuf,
}

impl Python {
    /// The environment with the drivers of the client tests, in `under`; made there when absent or
    /// made from other versions.
    ///
    /// # Errors
    /// When `python3` or its `venv` module is missing, or pip cannot get the packages.
    pub fn drivers(under: &Path) -> Result<Self> {
        Self::with(under, "drivers", REQUIREMENTS)
    }

    /// The environment called `name` in `under` with what `requirements` (a pip requirements file's
    /// text) lists.
    ///
    /// # Errors
    /// As [`Python::drivers`].
    pub fn with(under: &Path, name: &str, requirements: &str) -> Result<Self> {
        let home = made_once(under, &format!("python-{name}"), requirements, |home| {
            let mut venv = Command::new("python3");
            venv.args(["-m", "venv"]).arg(home);
            run(&mut venv)
                .context("no virtual environment (Debian: apt-get install python3-venv)")?;
            let list = home.join("requirements.txt");
            fs::write(&list, requirements)?;
            let mut pip = Command::new(home.join("bin/python"));
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(PIP_PATIENCE);
            run(pip.arg("--requirement").arg(&list))
                .context("pip could not install the Python drivers; it must reach a registry once")
        })?;
        Ok(Self { home })
    }

    /// A command that runs `script` in this environment and in nothing of the caller's Python.
    #[must_use]
    pub fn script(&self, script: &Path) -> Command {
        let mut command = Command::new(self.interpreter());
        command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("PYTHONPATH").arg(script);
        command
    }

    /// The path of its interpreter.
    #[must_use]
    pub fn interpreter(&self) -> PathBuf {
        self.home.join("bin/python")
    }
}

/// A folder with Node.js packages.
#[derive(Debug, Clone)]
pub struct Node {
    home: PathBuf,
}

impl Node {
    /// The folder with the packages of the client tests, in `under`; made there when absent or made
    /// from other versions.
    ///
    /// # Errors
    /// When `npm` is missing or cannot get the packages.
    pub fn drivers(under: &Path) -> Result<Self> {
        let home = made_once(under, "node-drivers", PACKAGE, |home| {
            fs::create_dir_all(home)?;
            fs::write(home.join("package.json"), PACKAGE)?;
            let mut npm = Command::new("npm");
            npm.args(["install", "--silent", "--no-audit", "--no-fund", NPM_PATIENCE])
                .current_dir(home);
            run(&mut npm).context(
                "npm could not install the Node.js driver; it must reach a registry once \
                 (Debian: apt-get install nodejs npm)",
            )
        })?;
        Ok(Self { home })
    }

    /// A command that runs `script` with these packages.
    #[must_use]
    pub fn script(&self, script: &Path) -> Command {
        let mut command = Command::new("node");
        command.env("NODE_PATH", self.home.join("node_modules")).arg(script);
        command
    }
}

/// The folder `name` in `under`, made by `make` when there is none of this `recipe`. Others who
/// want it at the same time wait; one that was left half made is made anew.
fn made_once(
    under: &Path,
    name: &str,
    recipe: &str,
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let _lock = dirs::lock(under, name)?;
    let home = under.join(name);
    let marker = home.join("made-from");
    if fs::read_to_string(&marker).is_ok_and(|made| made == recipe) {
        return Ok(home);
    }
    if home.exists() {
        fs::remove_dir_all(&home).with_context(|| format!("removing {}", home.display()))?;
    }
    make(&home).with_context(|| format!("making {}", home.display()))?;
    fs::write(&marker, recipe).with_context(|| format!("writing {}", marker.display()))?;
    Ok(home)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Account;
    use crate::dirs::Scratch;

    #[test]
    fn is_made_again_only_for_another_recipe_or_after_a_failure() {
        let scratch = Scratch::new(Account::own()).unwrap();
        let mut made = 0;
        let mut once = |recipe: &str, works: bool| {
            made_once(scratch.path(), "thing", recipe, |home| {
                made += 1;
                fs::create_dir(home)?;
                anyhow::ensure!(works, "broken");
                Ok(())
            })
            .is_ok()
        };
        let outcomes =
            [once("a", true), once("a", true), once("b", false), once("b", true), once("b", true)];
        assert_eq!(outcomes, [true, true, false, true, true]);
        assert_eq!(made, 3);
    }
}
