//! The stable flags, alone and over a file.

use clap::CommandFactory;
use weir_core::config::{Settings, Sources, read, resolve};

use super::*;

/// The settings that these flags over this file amount to, or the problems.
fn up(file: &str, flags: &str) -> Result<Settings, String> {
    let words = ["weir", "up"].into_iter().chain(flags.split_whitespace());
    let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
    let Command::Up(args) = cli.command else { return Err("not up".into()) };
    let (mut options, mut places) = read(file, "weir.toml").unwrap();
    args.apply(&mut options, &mut places);
    let sources = Sources { file: &|_| Err("no files here".into()), env: &|_| None };
    let text = |problems| places.locate(problems).iter().map(|it| format!("{it}\n")).collect();
    resolve(&options, &sources).map_err(text)
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn the_stable_flags_are_understood() {
    let settings = up(
        "",
        "--upstream postgres://u:p@db.example:5433/shop --listen 127.0.0.1:7001 --listen unix:/run \
         --http 127.0.0.1:9000 --pool-size 7 --pool-mode session --workers 2 --driver epoll --auth passthrough \
         --state-dir /var/x --log-format json",
    )
    .unwrap();
    let addresses: Vec<String> =
        settings.listen.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["127.0.0.1:7001", "unix:/run/.s.PGSQL.7001"]);
    let plan = settings.plan("shop", "anybody").unwrap();
    assert_eq!((plan.pool.size, plan.pool.mode), (7, PoolMode::Session));
    assert_eq!(plan.database.hosts[0].to_string(), "db.example:5433");
    assert_eq!(settings.http.unwrap().address.to_string(), "127.0.0.1:9000");
    assert_eq!((settings.workers.count, settings.auth.method), (2, AuthMethod::Passthrough));
    assert_eq!(settings.workers.driver, DriverChoice::Epoll);
    assert_eq!(settings.state_dir.as_deref(), Some("/var/x"));
    assert_eq!(settings.log.format, LogFormat::Json);
    assert!(settings.wildcard.is_none());
}

#[test]
fn the_file_may_be_named_by_a_flag_as_elsewhere() {
    let file = |words: &[&str]| {
        let cli = Cli::try_parse_from([&["weir", "up"], words].concat()).map_err(|e| e.kind())?;
        let Command::Up(args) = cli.command else { panic!("not up") };
        Ok(args.file().map(str::to_owned))
    };
    assert_eq!(file(&["weir.toml"]), Ok(Some("weir.toml".into())));
    assert_eq!(file(&["--config", "weir.toml"]), Ok(Some("weir.toml".into())));
    assert_eq!(file(&[]), Ok(None));
    let both = file(&["a.toml", "--config", "b.toml"]);
    assert_eq!(both, Err(clap::error::ErrorKind::ArgumentConflict));
}

#[test]
fn a_url_without_a_database_serves_all_of_them() {
    let settings = up("", "--upstream postgres://u@h --auth trust").unwrap();
    assert_eq!(settings.plan("any", "u").unwrap().dbname, "any");
}

#[test]
fn flags_override_the_file_and_leave_the_rest() {
    let file = "[databases.shop]\nhost = \"old\"\nuser = \"old\"\nclients_max = 9\n\
                [databases.crm]\nhost = \"h\"\n[pool]\nsize = 3\nsize_min = 2\n";
    let settings = up(file, "--upstream postgres://u:p@new/shop --pool-size 5").unwrap();
    let shop = &settings.databases["shop"];
    assert_eq!((shop.hosts[0].to_string().as_str(), shop.clients_max), ("new:5432", Some(9)));
    assert_eq!((shop.pool.size, shop.pool.size_min), (5, 2));
    assert!(settings.databases.contains_key("crm"));
}

#[test]
fn what_is_wrong_with_a_flag_names_the_flag() {
    let cases = [
        ("--upstream postgres://u:p@h/d --pool-size 0", "--pool-size: pool.size: 0 is not"),
        ("--upstream mysql://h/d --auth trust", "--upstream: databases.\"*\".upstream: the URL"),
        ("--upstream postgres://u:p@h/d --listen 6432", "--listen: listen.addresses[0]: `6432`"),
        (
            "--upstream postgres://h/d --auth trust --listen *:1",
            "--listen: listen.addresses[0]: with",
        ),
        ("--upstream postgres://h/d", "auth.method: no user could log in"),
        ("", "no database is served"),
        ("--pool-mode fast", "unknown variant `fast`, expected one of `session`"),
        ("--pool-sise 5", "'--pool-size'"),
    ];
    for (flags, expected) in cases {
        let problems = up("", flags).unwrap_err();
        assert!(problems.contains(expected), "{flags}:\n{problems}");
    }
}
