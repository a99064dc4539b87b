//! What the user can set, in `[tool.weir-lint]` of `pyproject.toml` or on the command line.

use serde::Deserialize;

use crate::finding::Confidence;
use crate::rules;

/// Options of the checker. Every field has a default, so an empty table is valid.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    /// Rules to run instead of those on by default; `all` means every rule.
    pub select: Vec<String>,
    /// Rules not to run.
    pub ignore: Vec<String>,
    /// Paths to leave out: a directory or file name, or a path from the root; `*` matches within
    /// one part.
    pub exclude: Vec<String>,
    /// Check migrations, tests and fixtures too. Default: false, as their findings are noise.
    pub include_tests: bool,
    /// Further names that open a transaction, such as `core.db.traced_atomic`.
    pub atomic: Vec<String>,
    /// The pooler between Django and PostgreSQL, if it is not visible in the settings.
    pub pooler: Pooler,
    /// Connections the server allows the application; with `processes` it turns
    /// `settings-connection-budget` on.
    pub connection_limit: Option<u32>,
    /// Worker processes over all hosts.
    pub processes: Option<u32>,
    /// Threads a process. Default: 1.
    pub threads: u32,
    /// Whether the application is served over ASGI. Default: read from the settings.
    pub asgi: Option<bool>,
    /// Findings below this confidence are not reported. Default: medium.
    pub confidence: Confidence,
}

/// How a pooler in front of the server assigns connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooler {
    /// Not stated: read from the settings (port 6432, a host called `pgbouncer`, …).
    #[default]
    Auto,
    /// No pooler, or one that gives a connection for the whole session.
    Session,
    /// A connection for each transaction.
    Transaction,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            select: Vec::new(),
            ignore: Vec::new(),
            exclude: Vec::new(),
            include_tests: false,
            atomic: Vec::new(),
            pooler: Pooler::Auto,
            connection_limit: None,
            processes: None,
            threads: 1,
            asgi: None,
            confidence: Confidence::Medium,
        }
    }
}

/// A configuration that cannot be used; the message says where and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, or a key or value that is not known.
    #[error("pyproject.toml: {0}")]
    Toml(String),
    /// A rule nobody knows.
    #[error("there is no rule `{name}`{}; `weir lint --list` shows all", suggestion(.nearest))]
    UnknownRule {
        /// The name as written.
        name: String,
        /// The most similar rule.
        nearest: Option<&'static str>,
    },
}

fn suggestion(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |name| format!(", did you mean `{name}`"))
}

#[derive(Deserialize)]
struct PyProject {
    tool: Option<Tool>,
}

#[derive(Deserialize)]
struct Tool {
    #[serde(rename = "weir-lint")]
    weir_lint: Option<Config>,
}

impl Config {
    /// Reads `[tool.weir-lint]` from the text of a `pyproject.toml`; defaults when absent.
    ///
    /// # Errors
    /// When the text is not TOML, a key is unknown or a rule does not exist.
    pub fn from_pyproject(text: &str) -> Result<Self, ConfigError> {
        let parsed: PyProject =
            toml::from_str(text).map_err(|e| ConfigError::Toml(e.to_string().trim().to_owned()))?;
        let config = parsed.tool.and_then(|tool| tool.weir_lint).unwrap_or_default();
        config.check_rules()?;
        Ok(config)
    }

    /// Checks that every rule named exists.
    ///
    /// # Errors
    /// Names the first rule that does not.
    pub fn check_rules(&self) -> Result<(), ConfigError> {
        let unknown = self
            .select
            .iter()
            .chain(&self.ignore)
            .find(|name| *name != "all" && rules::rule_named(name).is_none());
        match unknown {
            Some(name) => {
                Err(ConfigError::UnknownRule { name: name.clone(), nearest: rules::nearest(name) })
            }
            None => Ok(()),
        }
    }

    /// Whether rule `name`, on by default or not, runs.
    pub(crate) fn runs(&self, name: &str, default_on: bool) -> bool {
        let named = |list: &[String]| list.iter().any(|entry| entry == name || entry == "all");
        let selected = if self.select.is_empty() { default_on } else { named(&self.select) };
        selected && !self.ignore.iter().any(|entry| entry == name)
    }

    /// Whether `path` (with `/`, from the root) is left out.
    #[must_use]
    pub fn excludes(&self, path: &str) -> bool {
        let defaults = if self.include_tests { &[][..] } else { &DEFAULT_EXCLUDES[..] };
        let given = self.exclude.iter().map(String::as_str);
        given.chain(defaults.iter().copied()).any(|pattern| path_matches(path, pattern))
            || path.split('/').any(|part| part.len() > 1 && part.starts_with('.') && part != "..")
    }
}

/// Left out unless asked for: nobody's incident starts in a migration or a test, and most raw
/// findings do.
const DEFAULT_EXCLUDES: [&str; 24] = [
    "migrations",
    "south_migrations",
    "data_migrations",
    "tests",
    "test",
    "testing",
    "test_*.py",
    "*_test.py",
    "tests.py",
    "*_tests.py",
    "conftest.py",
    "fixtures",
    "factories.py",
    "node_modules",
    "venv",
    "site-packages",
    "testutils",
    "test_utils",
    "testsuite",
    "benchmarks",
    "*_tests",
    "tests_*",
    "e2e",
    "pytest_plugin.py",
];

fn path_matches(path: &str, pattern: &str) -> bool {
    let pattern = pattern.trim_end_matches('/');
    if pattern.contains('/') {
        let pattern = pattern.trim_start_matches("./");
        let mut parts = path.split('/');
        return pattern.split('/').all(|p| parts.next().is_some_and(|part| glob(part, p)));
    }
    path.split('/').any(|part| glob(part, pattern))
}

/// `*` matches any run of characters.
fn glob(text: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => text == pattern,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            tail.is_empty()
                || rest
                    .char_indices()
                    .map(|(at, _)| at)
                    .chain([rest.len()])
                    .any(|at| glob(&rest[at..], tail))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_parts_or_from_the_root() {
        let config = Config { exclude: vec!["legacy/old".into()], ..Config::default() };
        for (path, out) in [
            ("shop/migrations/0001.py", true),
            ("shop/tests/test_x.py", true),
            ("shop/test_views.py", true),
            ("shop/contest.py", false),
            ("legacy/old/a.py", true),
            ("x/legacy/old/a.py", false),
            (".venv/a.py", true),
            ("../shop/a.py", false),
            ("./shop/a.py", false),
        ] {
            assert_eq!(config.excludes(path), out, "{path}");
        }
    }

    #[test]
    fn unknown_keys_and_rules_are_named() {
        let error = |text| Config::from_pyproject(text).unwrap_err().to_string();
        assert!(error("[tool.weir-lint]\nselekt = []").contains("selekt"));
        let text = error("[tool.weir-lint]\nignore = ['atomic-netwrk']");
        assert!(text.contains("did you mean `atomic-network`"), "{text}");
        assert_eq!(Config::from_pyproject("[tool.ruff]\n"), Ok(Config::default()));
    }
}
