//! The command line. Its flags are stable: scripts outside the repository use them.

use clap::{Args, Parser, Subcommand};
use weir_core::config::choices::{AuthMethod, DriverChoice, Language, LogFormat, PoolMode};
use weir_core::config::options::UpstreamUrl;
use weir_core::config::units::TimeSpan;
use weir_core::config::{Options, Place, Places, parse_upstream};

/// A connection manager for PostgreSQL: pools connections, accounts for every second of them.
#[derive(Debug, Parser)]
#[command(name = "weir", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `weir` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve, in the foreground. Logs to standard error, prints `ready` when it serves, stops
    /// gracefully on SIGTERM.
    Up(ConfigArgs),
    /// Replay the incident on this machine alone, with and without Weir: two minutes, one table.
    #[cfg(feature = "demo")]
    Demo(DemoArgs),
    /// The same with every setting: longer, other set-ups, another load.
    #[cfg(feature = "demo")]
    Replay(Box<weir_replay::cli::Arguments>),
    /// The order service of the replay, as a process of its own.
    #[cfg(feature = "demo")]
    #[command(hide = true)]
    Orders {
        /// As for the program `orders`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Play an incident in virtual time, under Weir's dispatch and seven other rules.
    Simulate {
        /// A scenario, as in the folder `scenarios`.
        scenario: String,
        /// What replays left (`replay.json`): prints their first figures beside those of the
        /// scenario, under the rule that stood before the server there.
        #[arg(long, value_name = "FILE", num_args = 1..)]
        against: Vec<String>,
    },
    /// Show who has the server connections, who waits, and what their time goes into.
    Top(TopArgs),
    /// What the time of server connections went into: the history in the state directory, while
    /// Weir runs and when it does not.
    Ledger(LedgerArgs),
    /// Look at a PostgreSQL once, with or without a proxy before it: who holds its connections,
    /// what is wrong and why. Exits with 0 when nothing is, 1 for a warning, 2 when it is
    /// critical, 3 when it cannot tell.
    Check(crate::check::CheckArgs),
    /// The same again and again; says what changes.
    Watch(crate::check::WatchArgs),
    /// Find connection-hungry patterns in Django code and settings.
    #[cfg(feature = "lint")]
    Lint(Box<crate::lint::args::LintArgs>),
    /// Read what is kept of incidents: list them, show one, write its report.
    #[command(subcommand)]
    Incident(IncidentCommand),
    /// Try whether those who are told of incidents can be reached.
    #[command(subcommand)]
    Alert(AlertCommand),
    /// Look at a configuration without serving.
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// What can be done with incidents.
#[derive(Debug, Clone, Subcommand)]
pub enum IncidentCommand {
    /// The latest incidents, a line each.
    List {
        /// Where they are.
        #[command(flatten)]
        place: IncidentPlace,
        /// As a JSON array.
        #[arg(long)]
        json: bool,
        /// How many, at most.
        #[arg(long, default_value_t = 20)]
        count: u32,
    },
    /// What happened in one incident.
    Show {
        /// Its name, or how it begins. Without it, the latest.
        #[arg(default_value = "")]
        id: String,
        /// Where they are.
        #[command(flatten)]
        place: IncidentPlace,
        /// As one JSON object: incident, events, flight recorder.
        #[arg(long)]
        json: bool,
    },
    /// The whole story of one incident, to standard output.
    Report {
        /// Its name, or how it begins. Without it, the latest.
        #[arg(default_value = "")]
        id: String,
        /// Where they are.
        #[command(flatten)]
        place: IncidentPlace,
        /// markdown or html.
        #[arg(long, value_enum, default_value_t = ReportFormat::Markdown)]
        format: ReportFormat,
    },
    /// Play one incident again as the ledger recorded it: under other rules, and with the call to
    /// blame outside of its transaction.
    WhatIf {
        /// Its name, or how it begins. Without it, the latest.
        #[arg(default_value = "")]
        id: String,
        /// Where it is.
        #[command(flatten)]
        place: IncidentPlace,
        /// Print the scenario instead, to change it and play it with `weir simulate`.
        #[arg(long)]
        scenario: bool,
    },
}

/// Where incidents are kept, and how they are told.
#[derive(Debug, Clone, Args)]
pub struct IncidentPlace {
    /// The configuration, which names the state directory.
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
    /// The state directory.
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<String>,
    /// en or zh. Without it, that of the configuration.
    #[arg(long, value_name = "LANGUAGE", value_parser = language)]
    pub lang: Option<Language>,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportFormat {
    /// Text with marks, for a wiki or a merge request.
    Markdown,
    /// One file for a browser, with the picture.
    Html,
}

/// What can be done with alerts.
#[derive(Debug, Clone, Subcommand)]
pub enum AlertCommand {
    /// Send a message to each receiver, or to those named. Exits with 1 when one did not get it.
    Test {
        /// A TOML file.
        file: String,
        /// Receivers, as in [alerts.NAME]. Without any, all.
        names: Vec<String>,
    },
}

fn language(text: &str) -> Result<Language, String> {
    match text {
        "en" => Ok(Language::En),
        "zh" => Ok(Language::Zh),
        other => Err(format!("`{other}` is not en or zh")),
    }
}

/// What the demonstration shows.
#[cfg(feature = "demo")]
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Only the pool at work: 120 clients over 8 server connections for 8 s.
    #[arg(long)]
    pub traffic: bool,
}

/// Where to look, and how to show it.
#[derive(Debug, Clone, Args)]
pub struct TopArgs {
    /// The HTTP address of a running Weir.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8432")]
    pub http: String,
    /// Look once and exit; otherwise look again every two seconds.
    #[arg(long)]
    pub once: bool,
    /// Print what `/api/v1/ledger` answers.
    #[arg(long)]
    pub json: bool,
}

/// Which time of the ledger's history, and how to show it.
#[derive(Debug, Clone, Args)]
pub struct LedgerArgs {
    /// From how long ago: 90s, 2h, 7d.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = span)]
    pub since: TimeSpan,
    /// Until how long ago.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = span)]
    pub until: TimeSpan,
    /// Every stretch, as one JSON object.
    #[arg(long)]
    pub json: bool,
    /// The configuration, which names the state directory.
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,
    /// The state directory.
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<String>,
}

fn span(text: &str) -> Result<TimeSpan, String> {
    text.to_owned().try_into()
}

/// What can be done with a configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every problem of FILE with its line. Exits with 0 when there is none, else with 2.
    Check {
        /// A TOML file, or a pgbouncer.ini.
        file: String,
    },
    /// Print the options in force as TOML, defaults included and secrets as `***`.
    Show(ConfigArgs),
}

/// A configuration file, and flags that override it.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// A TOML file, or a pgbouncer.ini.
    pub config: Option<String>,
    /// PostgreSQL, as postgres://user:password@host:port/db. Serves that database; every one
    /// of the server where the URL names none.
    #[arg(long, value_name = "URL")]
    pub upstream: Option<String>,
    /// Where clients connect: HOST:PORT or unix:/DIR. Can be given several times.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Vec<String>,
    /// Where health, metrics and the API are served: HOST:PORT or off.
    #[arg(long, value_name = "ADDRESS")]
    pub http: Option<String>,
    /// Server connections of each pool, at most.
    #[arg(long, value_name = "COUNT")]
    pub pool_size: Option<u32>,
    /// session, transaction or statement.
    #[arg(long, value_name = "MODE")]
    pub pool_mode: Option<PoolMode>,
    /// Threads that relay.
    #[arg(long, value_name = "COUNT")]
    pub workers: Option<u16>,
    /// The workers' event loop: auto, epoll or uring.
    #[arg(long, value_name = "DRIVER")]
    pub driver: Option<DriverChoice>,
    /// How clients prove who they are: scram, passthrough, trust, md5, password, hba or cert.
    #[arg(long, value_name = "METHOD")]
    pub auth: Option<AuthMethod>,
    /// Directory for what outlives the process.
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<String>,
    /// text or json.
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

impl ConfigArgs {
    /// Lets the flags override the options; their places become the flags.
    pub fn apply(&self, options: &mut Options, places: &mut Places) {
        let mut put = |flag: &str, path: &str| places.insert(path, Place::flag(flag));
        if !self.listen.is_empty() {
            options.listen.addresses.clone_from(&self.listen);
            put("--listen", "listen.addresses");
            for index in 0..self.listen.len() {
                put("--listen", &format!("listen.addresses[{index}]"));
            }
        }
        if let Some(address) = &self.http {
            options.http.address.clone_from(address);
            put("--http", "http.address");
        }
        if let Some(size) = self.pool_size {
            options.pool.size = size;
            put("--pool-size", "pool.size");
        }
        if let Some(mode) = self.pool_mode {
            options.pool.mode = mode;
            put("--pool-mode", "pool.mode");
        }
        if let Some(count) = self.workers {
            options.workers.count = count;
            put("--workers", "workers.count");
        }
        if let Some(driver) = self.driver {
            options.workers.driver = driver;
            put("--driver", "workers.driver");
        }
        if let Some(method) = self.auth {
            options.auth.method = method;
            put("--auth", "auth.method");
        }
        if let Some(dir) = &self.state_dir {
            options.state_dir = Some(dir.clone());
            put("--state-dir", "state_dir");
        }
        if let Some(format) = self.log_format {
            options.log.format = format;
            put("--log-format", "log.format");
        }
        if let Some(url) = &self.upstream {
            let name = parse_upstream(url).ok().and_then(|upstream| upstream.dbname);
            let name = name.unwrap_or_else(|| "*".to_owned());
            put("--upstream", &Places::path(&["databases", &name]));
            let upstream = Some(UpstreamUrl::new(url));
            let entry = options.databases.entry(name).or_default();
            // The URL says where it is; what else the file says of the database stays.
            *entry = weir_core::config::options::DatabaseOptions {
                upstream,
                host: None,
                port: None,
                dbname: None,
                user: None,
                password: None,
                password_env: None,
                password_file: None,
                ..std::mem::take(entry)
            };
        }
    }
}

#[cfg(test)]
mod tests;
