//! Runs a foreign project's test suite directly and through a proxy, and compares test by test. A
//! suite that is green through a pool proves little by itself: only the difference tells.

mod outcome;
mod report;
mod stand;
mod suite;

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::root;
use outcome::Results;
use report::Report;
use stand::{Route, Stand};
use suite::Suite;

/// What `cargo xtask compat` is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    suite: Suite,
    route: Route,
    postgres: u16,
    /// Tests to run instead of the suite's usual ones.
    labels: Vec<String>,
}

pub(crate) const USAGE: &str = "\
  compat --suite django|sqlalchemy|asyncpg
         --weir PROGRAM | --url postgres://user@host:port/ | --pgbouncer | --direct
         [--postgres MAJOR] [LABEL…]
           a foreign test suite directly and through a proxy, compared test by test
           (--direct: twice directly, which shows the tests that differ by themselves)";

impl Request {
    /// Reads the arguments after `compat`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let mut words = words.iter().copied();
        let (mut suite, mut route) = (None, None);
        let mut request =
            Self { suite: Suite::Django, route: Route::Direct, postgres: 15, labels: Vec::new() };
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value"));
            match word {
                "--suite" => suite = Some(Suite::named(value()?)?),
                "--weir" => route = Some(Route::Weir(value()?.into())),
                "--url" => route = Some(Route::url(value()?)?),
                "--pgbouncer" => route = Some(Route::PgBouncer),
                "--direct" => route = Some(Route::Direct),
                "--postgres" => request.postgres = value()?.parse().context("--postgres 15")?,
                label if !label.starts_with('-') => request.labels.push(label.to_owned()),
                other => bail!("unknown option {other}"),
            }
        }
        request.suite = suite.context("which suite? --suite django|sqlalchemy|asyncpg")?;
        request.route = route.context("through what? --weir, --url, --pgbouncer or --direct")?;
        Ok(request)
    }
}

/// Runs both ways, saves and prints the comparison.
///
/// # Errors
/// When the suite cannot be run, or a test that passes directly does not through the proxy.
pub(crate) fn run(request: &Request) -> Result<()> {
    let made_in = root().join("target/compat");
    let direct = once(request, &Route::Direct, &request.labels, &made_in)?;
    if direct.passed() * 2 < direct.tests.len() {
        bail!("most tests fail directly: something is wrong here, and a comparison says nothing");
    }
    let mut through = once(request, &request.route, &request.labels, &made_in)?;
    again(request, &direct, &mut through, &made_in)?;
    let report = Report {
        suite: request.suite.title(),
        route: request.route.to_string(),
        postgres: request.postgres,
        direct,
        through,
    };
    let saved = report.save(&made_in, request.suite.name())?;
    println!("{}\nsaved as {} and .json", report.markdown(), saved.display());
    match report.regressions() {
        0 => Ok(()),
        count => bail!("{count} tests pass directly and not {}", report.route),
    }
}

/// Most tests that are run once more because they fail through the proxy alone; more than these
/// are no accident.
const AGAIN_MAX: usize = 40;

/// Runs the tests that pass directly alone once more, by themselves. Those that pass then are
/// `unsteady`: shown, but no regression.
fn again(request: &Request, direct: &Results, through: &mut Results, made_in: &Path) -> Result<()> {
    let failed: Vec<String> = direct
        .differences(through)
        .iter()
        .filter(|difference| difference.regression() && difference.through.is_some())
        .map(|difference| difference.test.to_owned())
        .collect();
    if failed.is_empty() || failed.len() > AGAIN_MAX {
        return Ok(());
    }
    println!("--- once more: {} tests", failed.len());
    let second = once(request, &request.route, &failed, made_in)?;
    through.mark_unsteady(&second);
    Ok(())
}

/// One run of the tests that `labels` name against a server of its own.
fn once(request: &Request, route: &Route, labels: &[String], made_in: &Path) -> Result<Results> {
    println!("--- {} {route}", request.suite.title());
    let stand = Stand::new(request.postgres, route, request.suite.preparation())?;
    let file = made_in.join("results");
    let took = request.suite.run(made_in, &stand, labels, &file)?;
    let results = Results::read(&file, took)?;
    println!("{}", results.summary());
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_arguments() {
        let words = ["--suite", "django", "--weir", "bin", "--postgres", "18", "basic", "queries"];
        let request = Request::parse(&words).unwrap();
        assert_eq!(request.route, Route::Weir("bin".into()));
        assert_eq!((request.suite, request.postgres), (Suite::Django, 18));
        assert_eq!(request.labels, ["basic", "queries"]);
    }

    #[test]
    fn says_what_is_missing() {
        for (words, expected) in [
            (&["--weir", "bin"][..], "which suite"),
            (&["--suite", "django"], "through what"),
            (&["--suite", "rails", "--direct"], "rails"),
            (&["--suite"], "needs a value"),
            (&["--suite", "django", "--slow"], "--slow"),
        ] {
            let err = Request::parse(words).unwrap_err().to_string();
            assert!(err.contains(expected), "{err}");
        }
    }
}
