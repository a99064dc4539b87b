//! Measures proxies side by side. `cargo xtask bench` builds what it needs and runs it; see
//! `docs/performance.md`.

#![expect(clippy::print_stdout, reason = "its job is to tell the person who runs it")]

mod aims;
mod calls;
mod cells;
mod contender;
mod deadline;
mod gates;
mod guard;
mod load;
mod machine;
mod metric;
mod pgbench;
mod plan;
mod process;
mod recovery;
mod report;
mod rounds;
mod sample;
mod stats;
mod storm;
mod stub;
mod tools;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Parser, Subcommand};
use weir_testkit::PgServer;

use contender::{Contender, Other};
use machine::Machine;
use plan::{Further, Plan};
use report::Report;
use rounds::Run;

/// Measures Weir beside other proxies and beside none.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// The Weir program. Without it: the one beside this program.
    #[arg(long, global = true)]
    weir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What CI holds Weir to: counts that do not depend on how busy the machine is.
    Gates,
    /// The cells that tell most, in less than three minutes.
    Short(RunArgs),
    /// Every cell: up to 40 minutes on two cores, with one PgBouncer.
    Long(RunArgs),
    /// What the ledger costs: Weir with it and without.
    Ledger(RunArgs),
    /// What the guard costs the server that it looks at.
    Guard(guard::GuardArgs),
}

#[derive(Debug, Args)]
struct RunArgs {
    /// PgBouncer programs to measure; ratios are to the last. Without it: the installed one.
    #[arg(long)]
    pgbouncer: Vec<PathBuf>,
    /// Another proxy that runs already, before 127.0.0.1 and the port of `--server-port`, in
    /// transaction mode with 20 server connections and without a password:
    /// NAME=127.0.0.1:PORT, or NAME=127.0.0.1:PORT,PID to measure its cost too.
    #[arg(long, requires = "server_port")]
    proxy: Vec<Other>,
    /// The port of the server. Without it: any.
    #[arg(long)]
    server_port: Option<u16>,
    /// Only cells with this in their name; several times, with any of them.
    #[arg(long)]
    only: Vec<String>,
    /// Rounds, instead of the plan's, and no further ones for cells near an aim.
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds measured in each, instead of the plan's.
    #[arg(long)]
    seconds: Option<f64>,
    /// Writes the figures into docs/performance.md too.
    #[arg(long)]
    write: bool,
}

const PAGE: &str = "docs/performance.md";

/// Where the installed PgBouncer is: Debian's place is not on every path.
const INSTALLED: [&str; 2] = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"];

fn main() -> Result<()> {
    let cli = Cli::parse();
    let weir = match cli.weir {
        Some(path) => path,
        None => std::env::current_exe()?.with_file_name("weir"),
    };
    match cli.command {
        Command::Gates => gates::run(&weir),
        Command::Short(args) => measure(&weir, Plan::short(), &args),
        Command::Long(args) => measure(&weir, Plan::long(), &args),
        Command::Ledger(args) => measure(&weir, Plan::ledger(), &args),
        Command::Guard(args) => guard::run(&weir, args),
    }
}

fn measure(weir: &Path, plan: Plan, args: &RunArgs) -> Result<()> {
    let plan = narrowed(plan, args)?;
    let stage = rounds::stage(args.server_port)?;
    let contenders = contenders(weir, &stage.server, args)?;
    let mut machine = Machine::look(&stage.server);
    let (plan, contenders) = (&plan, contenders.as_slice());
    let run = Run { stage: &stage, plan, contenders, say: |line| println!("{line}") };
    let outcome = run.whole(|outcome| aims::open(&Report { plan, contenders, outcome }));
    machine.look_again();
    let report = Report { plan, contenders, outcome: &outcome };
    let file = PathBuf::from("target/bench").join(format!("{}.json", plan.name));
    fs::create_dir_all("target/bench").context("making target/bench")?;
    fs::write(&file, format!("{:#}\n", report.json(&machine))).context("writing the JSON")?;
    let markdown = report.markdown(&machine);
    println!("{markdown}\nsaved as {}", file.display());
    if args.write {
        let page = fs::read_to_string(PAGE).with_context(|| format!("reading {PAGE}"))?;
        let page = report::placed(&page, &markdown);
        fs::write(PAGE, page.with_context(|| format!("{PAGE} has lost its marks"))?)?;
    }
    match outcome.failures.len() {
        0 => Ok(()),
        count => bail!("{count} samples failed, see above; the others are saved"),
    }
}

fn narrowed(mut plan: Plan, args: &RunArgs) -> Result<Plan> {
    if !args.only.is_empty() {
        let is_one = |name: String| args.only.iter().any(|part| name.contains(part));
        plan.cells.retain(|cell| is_one(cell.to_string()));
        ensure!(!plan.cells.is_empty(), "no cell's name has {} in it", args.only.join(" or "));
    }
    if let Some(rounds) = args.rounds {
        (plan.rounds, plan.further) = (rounds, Further::NONE);
    }
    if let Some(seconds) = args.seconds {
        plan.measured = std::time::Duration::try_from_secs_f64(seconds).context("--seconds")?;
    }
    Ok(plan)
}

fn contenders(weir: &Path, server: &PgServer, args: &RunArgs) -> Result<Vec<Contender>> {
    let mut contenders = vec![Contender::Direct];
    contenders.extend(Contender::weirs(weir, gates::has_uring(weir, server)?));
    let installed = || INSTALLED.iter().map(PathBuf::from).find(|path| path.is_file());
    let bouncers = match args.pgbouncer.as_slice() {
        [] => installed().into_iter().collect(),
        named => named.to_vec(),
    };
    for program in &bouncers {
        contenders.push(Contender::pgbouncer(program)?);
    }
    contenders.extend(args.proxy.iter().cloned().map(Contender::Other));
    Ok(contenders)
}
