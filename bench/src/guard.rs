//! What the guard costs the server that it looks at: processor time of its backend.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use weir_testkit::{Account, Launch, Options, PgServer, Scratch, Session, Want, until};

use crate::process;

/// How long a step of the preparation may take.
const PATIENCE: Duration = Duration::from_secs(60);

const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
const GUARD: &str = "SELECT pid FROM pg_stat_activity WHERE application_name = 'weir-guard'";

/// What there is to look at.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct GuardArgs {
    /// Sessions of others: half of them idle, half inside a transaction.
    #[arg(long, default_value_t = 100)]
    sessions: usize,
    /// Of those inside a transaction, so many wait for a lock: each is looked up in the table of
    /// locks.
    #[arg(long, default_value_t = 0)]
    blocked: usize,
    /// Seconds measured; the guard looks once in each.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The server's major version. Without it: any.
    #[arg(long)]
    major: Option<u16>,
}

/// Runs `weir watch` before a private server and prints what its backend used.
pub(crate) fn run(weir: &Path, args: GuardArgs) -> Result<()> {
    let want = args.major.map_or_else(Want::any, Want::major);
    let room = (args.sessions + 20).to_string();
    let server = PgServer::start(Options::new(want).set("max_connections", &room))?;
    let _others = others(&server, args)?;
    let home = Scratch::new(Account::own())?;
    let watch = Launch::new(weir, &home.path().join("log"));
    let watch = watch.args(["watch", "--url", &server.url("postgres")]).start()?;
    let mut session = server.session("postgres")?;
    let pid = until("the guard to come", PATIENCE, || {
        Ok(session.query(GUARD)?.into_iter().flatten().flatten().next())
    })?;
    let pid: i32 = pid.parse().context("a process id")?;
    let (began, before) = (Instant::now(), (process::cpu(pid)?, process::cpu(watch.pid())?));
    thread::sleep(Duration::from_secs(args.seconds));
    let (took, after) = (began.elapsed(), (process::cpu(pid)?, process::cpu(watch.pid())?));
    let backend = after.0.since(&before.0).total();
    let own = after.1.since(&before.1).total();
    #[expect(clippy::cast_precision_loss, reason = "seconds are few")]
    let each = |seconds: f64| 1000.0 * seconds / args.seconds as f64;
    println!(
        "PostgreSQL {}, {} sessions, {} waiting for a lock, {:.0} s, a look a second:\n\
         the guard's backend used {:.2} ms of processor time a look ({:.3} % of one processor)\n\
         weir watch itself used {:.2} ms",
        server.version(),
        args.sessions,
        args.blocked,
        took.as_secs_f64(),
        each(backend),
        100.0 * backend / took.as_secs_f64(),
        each(own),
    );
    Ok(())
}

/// Sessions as an application holds them; those that wait do so in threads of their own, which end
/// with the server.
fn others(server: &PgServer, args: GuardArgs) -> Result<Vec<Session>> {
    if args.blocked >= args.sessions {
        bail!("--blocked must be less than --sessions");
    }
    server.execute("postgres", "CREATE TABLE stock (id int PRIMARY KEY, n int)")?;
    server.execute("postgres", "INSERT INTO stock SELECT 1, 0")?;
    let mut held = Vec::new();
    for at in 0..args.sessions - args.blocked {
        let mut session = server.session("postgres")?;
        session.query("SELECT count(*) FROM stock")?;
        match at {
            0 => drop(session.query("BEGIN; UPDATE stock SET n = n + 1")?),
            _ if at % 2 == 0 => drop(session.query("BEGIN; SELECT count(*) FROM stock")?),
            _ => {}
        }
        held.push(session);
    }
    for _ in 0..args.blocked {
        let mut session = server.session("postgres")?;
        // It ends with an error when the server does.
        thread::spawn(move || drop(session.query("UPDATE stock SET n = n + 1")));
    }
    let mut look = server.session("postgres")?;
    until("the others to wait", PATIENCE, || {
        Ok((look.value(WAITING)? == args.blocked.to_string()).then_some(()))
    })?;
    Ok(held)
}
