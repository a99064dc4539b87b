//! The command line of the order service: a library function, so that another program can carry the
//! service too.

use std::io::Write as _;

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::seed::Size;
use crate::settings::{LogForm, SETTINGS, Settings};
use crate::{database, migrate, seed, serve};

const USAGE: &str = "\
usage: orders serve|migrate|seed|settings [--setting value]…
  serve     serve requests; prints `ready listen=ADDRESS` on standard output when it does
  migrate   bring the schema to what --code needs
  seed      load a shop into empty tables: --users N --products N --orders N --seed N
  settings  list every setting with its default";

/// Does what `arguments` say: a command, then settings.
///
/// # Errors
/// A command line that cannot be read, or whatever the command failed with.
pub async fn run(arguments: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let mut arguments = arguments;
    let command = arguments.next().unwrap_or_default();
    match command.as_str() {
        "serve" => start(settings(arguments)?).await,
        "migrate" => {
            let settings = settings(arguments)?;
            let mut connection = database::connect(&settings).await?;
            migrate(&mut connection, settings.code).await
        }
        "seed" => fill(arguments).await,
        "settings" => list(),
        "" => bail!("{USAGE}"),
        unknown => bail!("there is no command {unknown:?}\n{USAGE}"),
    }
}

fn settings(arguments: impl Iterator<Item = String>) -> anyhow::Result<Settings> {
    Ok(Settings::read(std::env::vars(), arguments)?)
}

async fn start(settings: Settings) -> anyhow::Result<()> {
    start_log(&settings);
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    let ready = |address| say(&format!("ready listen={address}"));
    serve(settings, ready, stop).await
}

/// `seed` has four arguments of its own; the rest are settings.
async fn fill(arguments: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let mut size = Size::default();
    let mut rest = Vec::new();
    let mut arguments = arguments;
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{name} needs a value after it"))?;
        let field = match name.as_str() {
            "--users" => &mut size.users,
            "--products" => &mut size.products,
            "--orders" => &mut size.orders,
            "--seed" => &mut size.seed,
            _ => {
                rest.extend([name, value]);
                continue;
            }
        };
        *field = value.parse().with_context(|| format!("{name} {value:?} is no whole number"))?;
    }
    let settings = settings(rest.into_iter())?;
    let mut connection = database::connect(&settings).await?;
    seed(&mut connection, size, &mut |line| say(line)).await
}

fn list() -> anyhow::Result<()> {
    for setting in SETTINGS {
        let default = if setting.default.is_empty() { "(empty)" } else { setting.default };
        let name = setting.name.replace('_', "-");
        say(&format!("--{name} [{default}]\n     {}", setting.meaning.trim()));
    }
    Ok(())
}

fn start_log(settings: &Settings) {
    let log =
        tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(settings.log_level);
    match settings.log {
        LogForm::Json => log.json().flatten_event(true).init(),
        LogForm::Text => log.init(),
    }
}

/// A line on standard output. Nobody listening is no reason to end.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
