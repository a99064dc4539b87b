//! What the configuration amounts to, beyond single values.

use proptest::prelude::*;
use weir_core::config::choices::PoolMode;
use weir_core::config::options::UpstreamUrl;
use weir_core::config::settings::{ServerLogin, Settings, UserSecret};
use weir_core::config::{Options, Problem, Sources, import, parse_upstream, read, resolve, sample};
use weir_core::dispatch::{Advises, Criticality};
use weir_core::healing::{Mode, Step};
use weir_core::ledger::ClassKind;

const LEAST: &str = "[databases.shop]\nupstream = \"postgres://app:secret@10.0.0.5/shop\"\n";

fn settings(text: &str) -> Result<Settings, Vec<Problem>> {
    let nothing = |_: &str| Err("no files here".to_owned());
    let (options, places) = read(text, "weir.toml")?;
    let sources = Sources { file: &nothing, env: &|_| None };
    resolve(&options, &sources).map_err(|problems| places.locate(problems))
}

#[test]
fn the_defaults_of_the_file_are_the_defaults_of_the_settings() {
    let mut found = settings(LEAST).unwrap();
    found.databases.clear();
    found.users.clear();
    assert_eq!(found, Settings::default());
}

#[test]
fn the_sample_file_is_the_defaults_exactly() {
    let (options, _) = read(&sample(), "weir.toml").unwrap();
    assert_eq!(options, Options::default());
}

/// The example of every key is taken for that key, all at once: comments made into settings.
#[test]
fn the_sample_file_is_still_read_with_its_examples_in_force() {
    let is_setting = |line: &str| {
        line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
    };
    let text: String = sample()
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| is_setting(rest)).unwrap_or(line))
        .map(|line| format!("{line}\n"))
        .collect();
    let (options, _) = read(&text, "weir.toml").unwrap_or_else(|problems| {
        panic!("{text}\n{}", problems.iter().map(|it| format!("{it}\n")).collect::<String>())
    });
    assert!(options.databases.contains_key("shop") && options.users.contains_key("app"));
    assert_eq!(options.state_dir.as_deref(), Some("/var/lib/weir"));
}

#[test]
fn what_is_shown_hides_secrets_and_reads_back() {
    let text = "[databases.shop]\nupstream = \"postgres://app:hunter2@10.0.0.5/shop\"\n\
                [users.job]\npassword = \"hunter2\"\n[http]\ntoken = \"hunter2\"\n";
    let (options, _) = read(text, "weir.toml").unwrap();
    let shown = options.to_toml().unwrap();
    assert!(shown.contains("postgres://app:***@10.0.0.5/shop"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let debug = format!("{options:?} {:?}", settings(text).unwrap());
    assert!(!debug.contains("hunter2"), "{debug}");
    let (again, _) = read(&shown, "shown").unwrap();
    assert_eq!((again.pool, again.timeouts), (options.pool, options.timeouts));
}

#[test]
fn a_database_s_user_may_log_in_with_its_password() {
    let settings = settings(LEAST).unwrap();
    let UserSecret::Plain(secret) = &settings.users["app"].secret else { panic!("no password") };
    assert_eq!(secret.reveal(), "secret");
    assert!(
        matches!(&settings.databases["shop"].login, ServerLogin::Fixed { user, .. } if user == "app")
    );
}

#[test]
fn passing_logins_through_makes_the_database_s_user_the_one_that_fetches() {
    let settings = settings(&format!("[auth]\nmethod = \"passthrough\"\n{LEAST}")).unwrap();
    let database = &settings.databases["shop"];
    assert_eq!(database.login, ServerLogin::AsClient);
    let fetch = database.auth_query.as_ref().unwrap();
    assert_eq!((fetch.user.as_str(), fetch.password.as_ref().unwrap().reveal()), ("app", "secret"));
    assert!(!settings.users.contains_key("app"));
}

#[test]
fn users_override_databases_and_databases_override_the_pool() {
    let text = format!(
        "{LEAST}pool_size = 30\nservers_max = 0\n[pool]\nsize = 10\nsize_min = 8\n\
         [databases.crm]\nhost = \"h\"\n[users.app]\npool_size = 4\npool_mode = \"session\"\n\
         statement_timeout = \"5s\"\nservers_max = 0\n[timeouts]\nidle_transaction = \"9s\"\n\
         [limits]\nservers_per_user_max = 50\nservers_per_database_max = 60\n"
    );
    let settings = settings(&text).unwrap();
    let plan = |database, user| settings.plan(database, user).unwrap();
    assert_eq!(plan("shop", "else").pool.size, 30);
    assert_eq!(plan("crm", "else").pool.size, 10);
    let own = plan("crm", "app");
    assert_eq!((own.pool.size, own.pool.size_min, own.pool.mode), (4, 4, PoolMode::Session));
    assert_eq!((own.user_servers_max, plan("crm", "else").user_servers_max), (None, Some(50)));
    assert_eq!(settings.databases["crm"].servers_max, Some(60));
    assert_eq!(settings.databases["shop"].servers_max, None);
    let times = settings.timeouts_for("app");
    assert_eq!(times.statement.map(|it| it.as_secs()), Some(5));
    assert_eq!(times.idle_transaction.map(|it| it.as_secs()), Some(9));
    assert!(settings.plan("nowhere", "app").is_none());
    assert_eq!(settings.limits.pins_for(1), 1);
    assert_eq!(settings.limits.pins_for(20), 10);
}

/// Text made of the pieces configurations are made of, so that it gets past the first line.
fn config_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("[pool]\n".to_owned()),
        Just("[databases.a]\n".to_owned()),
        Just("[pgbouncer]\n".to_owned()),
        Just("[databases]\n".to_owned()),
        "(size|mode|upstream|host|addresses|listen_port|auth_type|query_timeout|db) = ",
        "(\"|'|\\[|\\]|=|\\{|\\}|%include |;|#|\n|,)",
        "[0-9]{1,20}(s|ms|KiB)?",
        "postgres://[a-z:@%,/?=&]{0,12}",
        "\\PC{0,6}",
    ];
    proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_url_shows_its_password(
        before in "postgres://([a-z/?@%,]{0,4}:)?",
        around in "[a-z:/?@%&=#,]{0,6}",
        after in "[:/?@%&=#,]{0,3}@[a-z:/?%,]{0,6}",
    ) {
        let url = format!("{before}u:{around}hunter2{after}");
        let shown = UpstreamUrl::new(&url).redacted();
        prop_assert!(!shown.contains("hunter2"), "{url} shows as {shown}");
        if let Err((message, _)) = parse_upstream(&url) {
            prop_assert!(!message.contains("hunter2"), "{url} says {message}");
        }
    }

    #[test]
    fn no_text_makes_the_readers_panic(text in prop_oneof![config_like(), "\\PC{0,200}"]) {
        let nothing = |name: &str| Ok(name.to_owned());
        let sources = Sources { file: &nothing, env: &|_| None };
        if let Ok((options, places)) = read(&text, "f") {
            let _ = resolve(&options, &sources).map_err(|problems| places.locate(problems));
        }
        if let Ok(imported) = import::import(&text, "f", &nothing) {
            let _ = resolve(&imported.options, &sources);
        }
        let _ = parse_upstream(&text);
        let _ = weir_core::config::hba::parse(&text, "f", &nothing);
    }
}

#[test]
fn classes_are_read_and_checked() {
    let with = |class: &str| settings(&format!("{LEAST}[classes.reports]\n{class}"));
    let found = with("routes = [\"GET /reports/*\"]\nceiling = 5\ncriticality = \"sheddable\"\n");
    let found = found.unwrap();
    let class = found.classes.find(ClassKind::Tag, "GET /reports/daily").expect("it fits");
    assert_eq!((&*class.name, class.rules.ceiling), ("reports", Some(5)));
    assert_eq!(class.rules.criticality, Criticality::Sheddable);
    for (class, place, message) in [
        ("weight = 200\n", "classes.reports", "nobody belongs"),
        ("users = [\"a\"]\nminimum = 3\nceiling = 2\n", "classes.reports.ceiling", "more slots"),
        ("users = [\"a\"]\nminimum = 20\n", "classes.reports.minimum", "the smallest pool has 20"),
        ("users = [\"a\"]\nweight = 0\n", "classes.reports.weight", "1 to 10000"),
    ] {
        let problems = with(class).expect_err(class);
        let [problem] = &problems[..] else { panic!("{class}: {problems:?}") };
        assert_eq!(problem.path, place, "{problem:?}");
        assert!(problem.message.contains(message), "{problem:?}");
    }
}

#[test]
fn what_is_only_shown_of_a_class_is_its_own_mode_or_everybodys() {
    let usual = Advises { cap: false, shed: false };
    for (healing, class, shown) in [
        ("", "", usual),
        ("", "cap = \"warn\"\n", Advises { cap: true, ..usual }),
        ("", "shed = \"observe\"\n", Advises { shed: true, ..usual }),
        ("cap = \"observe\"\n", "", Advises { cap: true, ..usual }),
        (
            "cap = \"observe\"\nshed = \"warn\"\n",
            "cap = \"enforce\"\n",
            Advises { shed: true, ..usual },
        ),
    ] {
        let text =
            format!("{LEAST}[healing]\n{healing}[classes.reports]\nusers = [\"a\"]\n{class}");
        let found = settings(&text).unwrap();
        assert_eq!(found.classes.0[0].rules.advises, Some(shown), "{text}");
        let mode = |name: &str| found.healing.rules.ladder.mode(name, Step::Cap) != Mode::Enforce;
        assert_eq!((mode("reports"), mode("others")), (shown.cap, healing.contains("cap")));
    }
}

#[test]
fn what_can_do_nothing_without_the_ledger_is_refused() {
    let off = |more: &str| settings(&format!("{LEAST}[ledger]\nenabled = false\n{more}"));
    assert!(!off("").expect("it can be off").ledger);
    assert!(settings(LEAST).expect("it is on by default").ledger);
    for (more, place) in [
        ("[classes.a]\nroutes = [\"/a\"]\n", "classes"),
        ("[healing]\nevict = \"enforce\"\n", "healing.evict"),
        ("[healing]\ncancel = \"enforce\"\n", "healing.cancel"),
        ("[healing]\nclose = \"enforce\"\n", "healing.close"),
    ] {
        let problems = off(more).expect_err(more);
        let [problem] = &problems[..] else { panic!("{more}: {problems:?}") };
        assert_eq!(problem.path, place, "{problem:?}");
        assert!(problem.message.contains("without the ledger"), "{problem:?}");
    }
}
