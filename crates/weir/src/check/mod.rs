//! `weir check` and `weir watch`: the guard without a proxy.
//!
//! | file | job |
//! | --- | --- |
//! | `args` | the command line |
//! | `wanted` | from the command line to settings |
//! | `follow` | `weir watch`: keeps incidents, reloads |
//! | `teller` | `weir watch`: says what changes |

mod args;
mod follow;
mod teller;
mod wanted;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use weir_core::activity::Proxy;
use weir_core::config::options::Part;
use weir_core::config::{Problem, Settings};
use weir_core::diagnosis::Thresholds;
use weir_core::diagnosis::health::{Answer, Health, Status, nagios, prometheus, text};

pub use args::{CheckArgs, Format, WatchArgs};

use crate::log;
use crate::monitor::target::targets;
use crate::monitor::watcher::{Seen, Surroundings, Watcher};
use crate::proxy::tls::server_side;

/// Between two looks, where one is not enough.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Exit code when nothing can be said of any server.
pub const CANNOT_TELL: u8 = Status::Unknown.exit_code();

/// Looks once and prints.
///
/// # Errors
/// When TLS cannot be set up, or nothing can be printed.
pub fn run(args: &CheckArgs) -> Result<ExitCode> {
    let settings = match wanted::load(&args.wanted, Part::Look) {
        Ok(loaded) => loaded.settings,
        Err(problems) => return cannot_look(&problems, args.format()),
    };
    let answer = Answer::of(runtime()?.block_on(look(&settings))?);
    io::stdout().write_all(shown(&answer, args.format()).as_bytes())?;
    Ok(ExitCode::from(answer.status.exit_code()))
}

/// Looks again and again, until it is stopped.
///
/// # Errors
/// As [`run`].
pub fn watch(args: &WatchArgs) -> Result<ExitCode> {
    match follow::load(args) {
        Ok(loaded) => {
            log::start_without(&loaded.settings.log, crate::incident::TOLD);
            runtime()?.block_on(follow::follow(args, loaded))
        }
        Err(problems) => cannot_tell(&problems),
    }
}

/// What is outside of a proxy: thresholds, and nobody who publishes.
struct Outside(Thresholds);

impl Surroundings for Outside {
    fn thresholds(&self) -> Thresholds {
        self.0.clone()
    }

    async fn proxy(&mut self, _: &str) -> Option<Proxy> {
        None
    }

    fn publish(&mut self, _: &str, _: Seen) {}
}

async fn look(settings: &Settings) -> Result<Vec<Health>> {
    let tls = server_side::prepare(&settings.server_tls)?;
    let mut looks = JoinSet::new();
    let mut all = Vec::new();
    for target in targets(settings, &tls) {
        match target {
            Ok(target) => {
                let mut outside = Outside(settings.guard.thresholds.clone());
                looks.spawn(async move {
                    let mut watcher = Watcher::new(target);
                    let mut seen = watcher.look(&mut outside).await;
                    if watcher.needs_a_rate(outside.0.near_percent) {
                        tokio::time::sleep(BETWEEN_LOOKS).await;
                        seen = watcher.look(&mut outside).await;
                    }
                    watcher.close().await;
                    seen.now()
                });
            }
            Err(unwatched) => all.push(Health::unknown(&unwatched.name, &unwatched.why)),
        }
    }
    while let Some(health) = looks.join_next().await {
        all.push(health.context("a look ended by itself")?);
    }
    all.sort_by(|a, b| a.server.cmp(&b.server));
    Ok(all)
}

fn shown(answer: &Answer, format: Format) -> String {
    match format {
        Format::Text => answer.servers.iter().map(text).collect(),
        // Plain data has a form in JSON.
        Format::Json => format!("{:#}\n", serde_json::to_value(answer).unwrap_or_default()),
        Format::Nagios => nagios(&answer.servers),
        Format::Prometheus => prometheus(&answer.servers),
    }
}

/// Nagios shows its operators what stands on standard output, and nothing else.
fn cannot_look(problems: &[Problem], format: Format) -> Result<ExitCode> {
    if let (Format::Nagios, Some(problem)) = (format, problems.first()) {
        let line = problem.to_string().replace('|', "/");
        let line: Vec<&str> = line.lines().map(str::trim).collect();
        writeln!(io::stdout(), "WEIR UNKNOWN - {}", line.join("; "))?;
    }
    cannot_tell(problems)
}

fn cannot_tell(problems: &[Problem]) -> Result<ExitCode> {
    let mut out = io::stderr();
    problems.iter().try_for_each(|problem| writeln!(out, "weir: {problem}"))?;
    Ok(ExitCode::from(CANNOT_TELL))
}

fn runtime() -> Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("cannot start")
}
