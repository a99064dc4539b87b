//! The command: every set-up in turn, the table on standard output, the rest in files.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::figures::Figures;
use crate::plan::Plan;
use crate::report::{self, Report};
use crate::run::{self, Options};
use crate::service::Program;
use crate::setup::{SetUp, World, weir_beside_us};

/// What can be asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Set-ups, separated by commas. Without it: all whose programs are there.
    #[arg(long, value_delimiter = ',')]
    pub setups: Vec<SetUp>,
    /// Length of the phases: 1 is 27 s for each set-up, 34 is an hour for four. Rates stay.
    #[arg(long, default_value_t = 1.0)]
    pub scale: f64,
    /// Seed of all arrivals.
    #[arg(long, default_value_t = 20_240_621)]
    pub seed: u64,
    /// Orders in the shop.
    #[arg(long, default_value_t = 300_000)]
    pub orders_seeded: u64,
    /// A statement or transaction is long from this many seconds on. Without it: 3 s times the
    /// scale, at most the story's 30 s.
    #[arg(long)]
    pub long_s: Option<f64>,
    /// Kill the service (-9) this many seconds into each run, and start it again.
    #[arg(long)]
    pub kill_at_s: Option<f64>,
    /// The order service's program. Without it: the one beside this program.
    #[arg(long)]
    pub orders: Option<PathBuf>,
    /// The Weir program. Without it: the one beside this program, if any.
    #[arg(long)]
    pub weir: Option<PathBuf>,
    /// Where the report goes.
    #[arg(long, default_value = "replay-report")]
    pub out: PathBuf,
}

/// Long from here in a run of scale 1: the story's 30 s, with the time of the phases.
const LONG_S: f64 = 3.0;
const STORYS_LONG_S: f64 = 30.0;

/// Runs the replay.
///
/// # Errors
/// When a set-up cannot be built or a file not written; never because a figure is bad.
pub async fn replay(arguments: Arguments) -> Result<()> {
    anyhow::ensure!(
        arguments.scale.is_finite() && arguments.scale > 0.0,
        "--scale must be above 0, and is {}",
        arguments.scale
    );
    let program = match &arguments.orders {
        Some(path) => Program::new(path),
        None => Program::beside_us()?,
    };
    let weir = arguments.weir.clone().or_else(weir_beside_us);
    let setups = setups(&arguments, weir.is_some())?;
    let plan = Plan::incident(arguments.seed, arguments.scale);
    let long_s = arguments.long_s.unwrap_or((LONG_S * arguments.scale).min(STORYS_LONG_S));
    say(&format!("seeding a shop with {} orders", arguments.orders_seeded));
    let world = tokio::task::block_in_place(|| World::make(&program, arguments.orders_seeded))?;
    let mut report = Report {
        command: std::env::args().collect::<Vec<_>>().join(" "),
        server: world.version(),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        optimised_build: !cfg!(debug_assertions),
        orders_seeded: arguments.orders_seeded,
        scale: arguments.scale,
        long_s,
        plan: plan.clone(),
        set_ups: Vec::new(),
    };
    for setup in setups {
        say(&format!("{}: {:.0} s of traffic", setup.name(), plan.length().as_secs_f64()));
        let options = Options {
            setup,
            weir: weir.clone(),
            long_s,
            kill_at: arguments.kill_at_s.map(Duration::from_secs_f64),
        };
        let observed = run::run(&world, &plan, &options)
            .await
            .with_context(|| format!("set-up {}", setup.name()))?;
        report.set_ups.push(Figures::of(&observed, &plan));
    }
    let files = report::save(&report, &arguments.out)?;
    show(&report::text::table(&report));
    for file in files {
        show(&format!("{}\n", file.display()));
    }
    Ok(())
}

fn setups(arguments: &Arguments, has_weir: bool) -> Result<Vec<SetUp>> {
    if !arguments.setups.is_empty() {
        return Ok(arguments.setups.clone());
    }
    let all = [SetUp::Story, SetUp::Pgbouncer, SetUp::WeirUnchanged, SetUp::WeirOptimised];
    let mut there: Vec<SetUp> = all
        .into_iter()
        .filter(|setup| has_weir || !setup.needs_weir())
        .filter(|setup| *setup != SetUp::Pgbouncer || has_pgbouncer())
        .collect();
    if !has_weir {
        say("no Weir program beside this one and none named with --weir: the optimised code runs \
             straight on PostgreSQL instead");
        there.push(SetUp::DirectOptimised);
    }
    Ok(there)
}

fn has_pgbouncer() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    dirs.into_iter().any(|dir| dir.join("pgbouncer").is_file())
}

/// Progress goes to standard error, so that standard output is the table alone.
#[expect(clippy::print_stderr, reason = "a command's progress")]
fn say(line: &str) {
    eprintln!("{line}");
}

#[expect(clippy::print_stdout, reason = "a command's answer")]
fn show(text: &str) {
    print!("{text}");
}
