//! The suites: where their sources come from, what they need, how they are run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use weir_testkit::{PIP_PATIENCE, Python, output_within, run};

use super::stand::{Preparation, Stand};
use crate::root;

/// The longest that a run may take; what it has not reached by then counts as not run.
const RUN_MAX: Duration = Duration::from_secs(40 * 60);

/// A foreign test suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suite {
    Django,
    SqlAlchemy,
    Asyncpg,
}

/// What differs between the suites.
struct Facts {
    name: &'static str,
    title: &'static str,
    /// What pip calls the source distribution.
    source: &'static str,
    /// What the tests import.
    requirements: &'static str,
    preparation: Preparation,
    /// The tests that are run when none are named.
    labels: &'static [&'static str],
}

const DJANGO: Facts = Facts {
    name: "django",
    title: "Django 5.2.19",
    source: "Django==5.2.19",
    requirements: "Django==5.2.19\npsycopg[binary]==3.3.9\ntblib==3.1.0\nJinja2==3.1.6\n",
    // Made directly, so that the comparison is of tests, not of database creation through a pool.
    preparation: Preparation {
        databases: &["suite", "suite_other", "test_suite", "test_suite_other"],
        statements: "SELECT",
    },
    labels: &[
        "basic",
        "transactions",
        "transaction_hooks",
        "backends",
        "db_utils",
        "queries",
        "select_for_update",
        "get_or_create",
        "bulk_create",
        "async",
        "servers",
    ],
};

const SQLALCHEMY: Facts = Facts {
    name: "sqlalchemy",
    title: "SQLAlchemy 2.1.9",
    source: "SQLAlchemy==2.1.9",
    requirements: "greenlet==3.5.6\npsycopg[binary]==3.3.9\npytest==8.4.2\ntyping_extensions\n",
    preparation: Preparation {
        databases: &["suite"],
        statements: "CREATE SCHEMA test_schema; CREATE SCHEMA test_schema_2;
            CREATE EXTENSION hstore; CREATE EXTENSION citext",
    },
    labels: &["test/dialect/postgresql", "test/engine/test_transaction.py"],
};

const ASYNCPG: Facts = Facts {
    name: "asyncpg",
    title: "asyncpg 0.32.0",
    source: "asyncpg==0.32.0",
    requirements: "asyncpg==0.32.0\npytest==8.4.2\npytest-timeout==2.4.0\ndistro==1.9.0\n",
    preparation: Preparation { databases: &["suite"], statements: "SELECT" },
    labels: &["tests"],
};

impl Suite {
    pub(crate) fn named(name: &str) -> Result<Self> {
        let all = [Self::Django, Self::SqlAlchemy, Self::Asyncpg];
        let found = all.into_iter().find(|suite| suite.name() == name);
        found.with_context(|| format!("no suite {name}: say django, sqlalchemy or asyncpg"))
    }

    fn facts(self) -> &'static Facts {
        match self {
            Self::Django => &DJANGO,
            Self::SqlAlchemy => &SQLALCHEMY,
            Self::Asyncpg => &ASYNCPG,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        self.facts().name
    }

    pub(crate) fn title(self) -> &'static str {
        self.facts().title
    }

    pub(crate) fn preparation(self) -> Preparation {
        self.facts().preparation
    }

    /// Runs it against `stand` and says how long that took; `results` then has a line for each
    /// test. Sources and environments are made in `made_in` and used again.
    pub(crate) fn run(
        self,
        made_in: &Path,
        stand: &Stand,
        labels: &[String],
        results: &Path,
    ) -> Result<Duration> {
        let Facts { name, source, requirements, labels: usual, .. } = self.facts();
        let python = Python::with(made_in, name, requirements)?;
        let source = unpacked(&python, made_in, source)?;
        fs::write(results, "").with_context(|| format!("writing {}", results.display()))?;
        let mut command = match self {
            Self::Django => django(&python, &source),
            Self::SqlAlchemy => sqlalchemy(&python, &source, stand),
            Self::Asyncpg => asyncpg(&python, &source),
        };
        if labels.is_empty() {
            command.args(*usual);
        } else {
            command.args(labels);
        }
        command
            .env("PYTHONPATH", root().join("xtask/compat"))
            .env("RESULTS", results)
            .env("PGHOST", &stand.host)
            .env("PGPORT", stand.port.to_string())
            .env("PGUSER", &stand.user)
            .env("PGDATABASE", "suite");
        let began = Instant::now();
        let ran = output_within(RUN_MAX, &mut command);
        // A suite with failed tests fails; only one that ran no test at all is a failure of ours.
        if fs::read_to_string(results).is_ok_and(|lines| lines.is_empty()) {
            let said = ran.err().map_or_else(String::new, |err| format!("{err:#}"));
            bail!("{} ran no test. {said}", self.title());
        }
        Ok(began.elapsed())
    }
}

/// One process: parallel runs clone databases, which a pool's idle connections forbid.
fn django(python: &Python, source: &Path) -> Command {
    let mut command = python.script(Path::new("runtests.py"));
    command.current_dir(source.join("tests"));
    command.args([
        "--settings=weir_django",
        "--parallel=1",
        "--noinput",
        "--keepdb",
        "--verbosity=0",
    ]);
    command
}

fn pytest(python: &Python, source: &Path) -> Command {
    let mut command = Command::new(python.interpreter());
    command.current_dir(source).env("PYTHONDONTWRITEBYTECODE", "1");
    command.args(["-m", "pytest", "-q", "-p", "weir_pytest", "-p", "no:cacheprovider"]);
    command
}

fn sqlalchemy(python: &Python, source: &Path, stand: &Stand) -> Command {
    let mut command = pytest(python, source);
    let url = format!("postgresql+psycopg://{}@{}:{}/suite", stand.user, stand.host, stand.port);
    command.args(["--maxfail=100000", "--dburi", &url]);
    command
}

/// The tests are run away from the sources, so that they import the built package.
fn asyncpg(python: &Python, source: &Path) -> Command {
    let mut command = pytest(python, &source.join("apart"));
    command.args(["--timeout=60", "--rootdir=."]).env_remove("USE_UVLOOP");
    command
}

/// The folder of the unpacked source distribution, fetched through pip when absent.
fn unpacked(python: &Python, made_in: &Path, requirement: &str) -> Result<PathBuf> {
    let home = made_in.join(requirement.replace("==", "-"));
    let source =
        || fs::read_dir(&home).ok()?.flatten().map(|entry| entry.path()).find(|p| p.is_dir());
    if let Some(found) = source() {
        return Ok(found);
    }
    fs::create_dir_all(&home).with_context(|| format!("making {}", home.display()))?;
    let name = requirement.split("==").next().unwrap_or(requirement);
    let mut pip = Command::new(python.interpreter());
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", name])
        .args(PIP_PATIENCE)
        .arg("--dest");
    run(pip.arg(&home).arg(requirement)).context("pip could not fetch the suite's sources")?;
    let archives = fs::read_dir(&home)?.flatten().map(|entry| entry.path());
    for archive in archives.filter(|path| path.is_file()) {
        run(Command::new("tar").arg("xzf").arg(archive).arg("-C").arg(&home))?;
    }
    let found = source().with_context(|| format!("no folder in {}", home.display()))?;
    let tests = found.join("tests");
    if name == "asyncpg" {
        let apart = found.join("apart");
        fs::create_dir(&apart)?;
        fs::rename(tests, apart.join("tests"))?;
    }
    Ok(found)
}
