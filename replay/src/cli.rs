//! The command: every set-up in turn, the table on standard output, the rest in files.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use weir_testkit::PgBouncer;

use crate::figures::Figures;
use crate::guard::Guarded;
use crate::plan::Plan;
use crate::report::{self, Report};
use crate::run::{self, Options};
use crate::service::Program;
use crate::setup::{SetUp, World};

/// Length of the phases in a short run.
const SCALE: f64 = 1.0;
const SEED: u64 = 20_240_621;
const ORDERS: u64 = 300_000;
/// Where the report goes.
const OUT: &str = "replay-report";
/// Long from here in a run of scale 1: the story's 30 s, with the time of the phases.
const LONG_S: f64 = 3.0;
/// Long in the story, seconds.
pub(crate) const STORYS_LONG_S: f64 = 30.0;
const SCALE_MIN: f64 = 0.1;
/// Four set-ups of two hours and a quarter each, as long as the story.
const SCALE_MAX: f64 = 300.0;

/// What can be asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Set-ups, separated by commas. Without it: all four of the story, PgBouncer's where it is
    /// installed.
    #[arg(long, value_delimiter = ',')]
    pub setups: Vec<SetUp>,
    /// Length of the phases: 1 is 23 s for each set-up, 37 is an hour for four. Rates stay.
    #[arg(long, default_value_t = SCALE)]
    pub scale: f64,
    /// Seed of all arrivals.
    #[arg(long, default_value_t = SEED)]
    pub seed: u64,
    /// Orders in the shop.
    #[arg(long, default_value_t = ORDERS)]
    pub orders_seeded: u64,
    /// A statement or transaction is long from this many seconds on. Without it: 3 s times the
    /// scale, at most the story's 30 s.
    #[arg(long)]
    pub long_s: Option<f64>,
    /// Kill the service (-9) this many seconds into each run, and start it again.
    #[arg(long)]
    pub kill_at_s: Option<f64>,
    /// Nobody restarts the service, however bad its answers are.
    #[arg(long)]
    pub no_restart: bool,
    /// The order service's program. Without it: the one that this program carries.
    #[arg(long)]
    pub orders: Option<PathBuf>,
    /// The Weir program. Without it: this one.
    #[arg(long)]
    pub weir: Option<PathBuf>,
    /// Where the report goes.
    #[arg(long, default_value = OUT)]
    pub out: PathBuf,
}

impl Default for Arguments {
    /// The short form: all four set-ups in about two minutes.
    fn default() -> Self {
        Self {
            setups: Vec::new(),
            scale: SCALE,
            seed: SEED,
            orders_seeded: ORDERS,
            long_s: None,
            kill_at_s: None,
            no_restart: false,
            orders: None,
            weir: None,
            out: OUT.into(),
        }
    }
}

/// Runs the replay. `ours` is the running program, which is a Weir program and carries the order
/// service as its command `orders`.
///
/// # Errors
/// When a set-up cannot be built or run, after all others were; or a file not written. Never
/// because a figure is bad.
pub async fn replay(arguments: &Arguments, ours: &Path) -> Result<()> {
    let begun = Instant::now();
    check(arguments)?;
    let program = match &arguments.orders {
        Some(path) => Program::new(path, &[]),
        None => Program::new(ours, &["orders"]),
    };
    let weir = arguments.weir.as_deref().unwrap_or(ours);
    let plan = Plan::incident(arguments.seed, arguments.scale);
    let told: &mut dyn FnMut(&str) = &mut |line| say(begun, line);
    let made = || World::make(&program, arguments.orders_seeded, told);
    let world = tokio::task::block_in_place(made)?;
    let mut report = report_of(arguments, &world, plan);
    let mut failed = Vec::new();
    for setup in setups(arguments) {
        say(begun, &format!("set-up {}", setup.name()));
        let kill_at = arguments.kill_at_s.map(Duration::from_secs_f64);
        let state_dir = arguments.out.join(setup.name());
        let long_s = report.long_s;
        let weir = Some(Guarded { program: weir.to_owned(), state_dir, long_s });
        let restarts = !arguments.no_restart;
        let options = Options { setup, weir, long_s, kill_at, restarts };
        match run::run(&world, &report.plan, &options, told).await {
            Ok(observed) => report.set_ups.push(Figures::of(&observed, &report.plan)),
            // The others are still worth their time.
            Err(error) => {
                say(begun, &format!("set-up {} failed: {error:#}", setup.name()));
                failed.push(format!("{}: {error:#}", setup.name()));
            }
        }
    }
    let files = report::save(&report, &arguments.out)?;
    show(&format!("\n{}\n", report::text::table(&report)));
    show(&format!("The whole of it, with plots over time: {}\n", files.page.display()));
    show(&format!("The figures: {}, {}\n", files.json.display(), files.markdown.display()));
    if report.set_ups.iter().any(|figures| figures.setup == SetUp::WeirUnchanged) {
        let kept = arguments.out.join(SetUp::WeirUnchanged.name());
        show(&format!("What Weir wrote down: weir incident show --state-dir {}\n", kept.display()));
    }
    anyhow::ensure!(
        failed.is_empty(),
        "not every set-up could be run; `weir replay --setups NAME` tries one alone:\n- {}",
        failed.join("\n- ")
    );
    Ok(())
}

fn check(arguments: &Arguments) -> Result<()> {
    let Arguments { scale, orders_seeded, .. } = arguments;
    let usable = scale.is_finite() && (SCALE_MIN..=SCALE_MAX).contains(scale);
    anyhow::ensure!(usable, "--scale is {scale}, and must be from {SCALE_MIN} to {SCALE_MAX}");
    anyhow::ensure!(*orders_seeded > 0, "--orders-seeded is 0, and must be at least 1");
    let length_s = Plan::incident(0, *scale).length().as_secs_f64();
    let kill_at_s = arguments.kill_at_s.unwrap_or(0.0);
    anyhow::ensure!(
        (0.0..length_s).contains(&kill_at_s),
        "--kill-at-s is {kill_at_s}, and a run lasts {length_s} s"
    );
    for path in [&arguments.orders, &arguments.weir].into_iter().flatten() {
        anyhow::ensure!(path.is_file(), "there is no program {}", path.display());
    }
    std::fs::create_dir_all(&arguments.out)
        .with_context(|| format!("making the report's directory {}", arguments.out.display()))
}

fn report_of(arguments: &Arguments, world: &World, plan: Plan) -> Report {
    let long_s = arguments.long_s.unwrap_or((LONG_S * arguments.scale).min(STORYS_LONG_S));
    Report {
        command: std::env::args().collect::<Vec<_>>().join(" "),
        server: world.version(),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        optimised_build: !cfg!(debug_assertions),
        orders_seeded: arguments.orders_seeded,
        scale: arguments.scale,
        long_s,
        plan,
        set_ups: Vec::new(),
    }
}

fn setups(arguments: &Arguments) -> Vec<SetUp> {
    if !arguments.setups.is_empty() {
        return arguments.setups.clone();
    }
    let all = [SetUp::Story, SetUp::Pgbouncer, SetUp::WeirUnchanged, SetUp::WeirOptimised];
    all.into_iter()
        .filter(|setup| *setup != SetUp::Pgbouncer || PgBouncer::is_installed())
        .collect()
}

/// Progress goes to standard error, so that standard output is the table alone.
#[expect(clippy::print_stderr, reason = "a command's progress")]
fn say(begun: Instant, line: &str) {
    eprintln!("{:>4.0} s  {line}", begun.elapsed().as_secs_f64());
}

#[expect(clippy::print_stdout, reason = "a command's answer")]
fn show(text: &str) {
    print!("{text}");
}
