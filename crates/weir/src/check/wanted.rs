//! From the command line to settings.

use weir_core::config::options::{GuardOptions, Part};
use weir_core::config::settings::{Secret, Settings};
use weir_core::config::{Options, Place, Problem, parse_upstream};

use super::args::Wanted;
use crate::cli::ConfigArgs;
use crate::config::{self, Loaded};

/// The flag of the URL.
const URL: &str = "--url";

/// The configuration that says what to look at, and how. Its settings have the URL and the
/// environment in them.
///
/// # Errors
/// Every problem of that part of the configuration, and a URL that is none.
pub(super) fn load(wanted: &Wanted, part: Part) -> Result<Loaded, Vec<Problem>> {
    let args = ConfigArgs {
        config: wanted.config.clone(),
        upstream: wanted.url.clone(),
        ..ConfigArgs::default()
    };
    let url = wanted.url.as_deref();
    let change = |options: Options| match url {
        Some(url) => only(options, url).only(part),
        None => options.only(part),
    };
    let mut loaded = config::load_as(&args, change).map_err(as_url)?;
    if let Some(url) = url {
        environment(&mut loaded.settings, url, |name| std::env::var(name).ok());
        if !names_a_role(&loaded.settings, url) {
            let problem = Problem::new("", "nobody is named to log in as").at(Place::flag(URL));
            let help = "write postgres://ROLE@host:port/dbname, or set PGUSER";
            return Err(vec![problem.help(help)]);
        }
    }
    Ok(loaded)
}

/// What is wrong with the URL is told of the flag that it was given by here.
fn as_url(mut problems: Vec<Problem>) -> Vec<Problem> {
    for problem in &mut problems {
        if problem.place == Some(Place::flag("--upstream")) {
            problem.place = Some(Place::flag(URL));
            problem.path.clear();
        }
    }
    problems
}

fn names_a_role(settings: &Settings, url: &str) -> bool {
    settings.guard.user.is_some() || parse_upstream(url).is_ok_and(|url| url.user.is_some())
}

/// Leaves only the database of the URL, looked at as the role of the URL: the file's others are
/// not asked about.
fn only(mut options: Options, url: &str) -> Options {
    let name = parse_upstream(url).ok().and_then(|upstream| upstream.dbname);
    let name = name.as_deref().unwrap_or("*");
    options.databases.retain(|known, _| known == name);
    let guard = options.guard;
    options.guard = GuardOptions {
        user: None,
        password: None,
        password_env: None,
        password_file: None,
        ..guard
    };
    options
}

/// Takes from the environment what the URL leaves out, as libpq does.
fn environment(settings: &mut Settings, url: &str, get: impl Fn(&str) -> Option<String>) {
    let Ok(upstream) = parse_upstream(url) else { return };
    if upstream.user.is_none() || upstream.password.is_none() {
        settings.guard.user = upstream.user.or_else(|| get("PGUSER"));
        settings.guard.password = upstream.password.or_else(|| get("PGPASSWORD").map(Secret::new));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, user: Option<&str>, password: Option<&str>) {
        let mut settings = Settings::default();
        environment(&mut settings, url, |name| Some(format!("from {name}")));
        assert_eq!(settings.guard.user.as_deref(), user, "{url}");
        let found = settings.guard.password.as_ref().map(Secret::reveal);
        assert_eq!(found, password, "{url}");
    }

    #[test]
    fn the_environment_fills_what_the_url_leaves_out() {
        check("postgres://u:p@h/d", None, None);
        check("postgres://u@h/d", Some("u"), Some("from PGPASSWORD"));
        check("postgres://h/d", Some("from PGUSER"), Some("from PGPASSWORD"));
    }

    #[test]
    fn a_url_is_enough_and_the_only_server_asked() {
        let url = Some("postgres://u:p@h:1/d".to_owned());
        let loaded = load(&Wanted { url, config: None }, Part::Look).unwrap();
        assert_eq!(loaded.settings.databases.keys().collect::<Vec<_>>(), ["d"]);
        let wrong = Wanted { url: Some("mysql://h".into()), config: None };
        let problem = load(&wrong, Part::Look).unwrap_err()[0].to_string();
        assert!(problem.starts_with("--url: the URL does not begin with postgres://"), "{problem}");
    }
}
