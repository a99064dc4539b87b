//! `weir demo --traffic`: a private PostgreSQL, the proxy in front, real traffic, and a table of
//! what was seen.
//!
//! | file | job |
//! | --- | --- |
//! | `traffic` | client threads with three kinds of work |
//! | `table` | the figures at the end |

mod table;
mod traffic;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::oneshot;
use weir_core::config::choices::AuthMethod;
use weir_core::config::settings::Settings;
use weir_core::console::Snapshot;
use weir_testkit::{Auth, PgServer, Session, Want};

use crate::cli::ConfigArgs;
use crate::config;
use crate::proxy::mail::{Detail, Mailbox, ToWorker};
use crate::serve::Proxy;
use traffic::Traffic;

/// Server connections the proxy may use.
const SLOTS: u32 = 8;

/// Client connections that share them.
const CLIENTS: usize = 120;

/// How long traffic runs.
const RUN: Duration = Duration::from_secs(8);

/// The user and database of the private server.
const USER: &str = "postgres";

/// Runs the demonstration and cleans up after itself, also when interrupted.
///
/// # Errors
/// When no PostgreSQL can be found or fetched, or a part does not start.
pub(super) fn run() -> Result<()> {
    let mut out = std::io::stdout();
    let interrupted = on_interrupt()?;
    writeln!(out, "1/4  looking for PostgreSQL programs and starting a private server …")?;
    let server = start_server()?;
    writeln!(out, "     PostgreSQL {} on 127.0.0.1:{}", server.version(), server.port())?;
    server.execute(USER, traffic::SCHEMA)?;

    writeln!(out, "2/4  starting the proxy with {SLOTS} server connections …")?;
    let proxy = Proxy::start(&settings(server.port())?, Vec::new())?;
    let address = proxy.addresses().first().cloned().unwrap_or_default();
    let port = address.rsplit(':').next().and_then(|port| port.parse().ok());
    let port: u16 = port.context("the proxy has no TCP address")?;
    writeln!(out, "     psql -h 127.0.0.1 -p {port} -U {USER}   works while this runs")?;

    writeln!(out, "3/4  {CLIENTS} clients for {} s …", RUN.as_secs())?;
    let traffic = Traffic::start(CLIENTS, port);
    let peak = watch(&mut out, &proxy, &server, &traffic, &interrupted)?;
    let seen = traffic.stop();
    let last = snapshot(proxy.mailboxes());

    writeln!(out, "4/4  what was seen\n")?;
    out.write_all(table::write(&seen, &last, peak, CLIENTS, SLOTS).as_bytes())?;
    proxy.stop(Duration::ZERO)?;
    drop(server);
    writeln!(out, "\nThe proxy and the server are stopped, their files removed.")?;
    Ok(())
}

fn start_server() -> Result<PgServer> {
    PgServer::start(weir_testkit::Options::new(Want::any()).auth(Auth::Trust))
}

/// What `weir up` would be told on its command line.
fn settings(port: u16) -> Result<Settings> {
    let args = ConfigArgs {
        upstream: Some(format!("postgres://{USER}@127.0.0.1:{port}/{USER}")),
        listen: vec!["127.0.0.1:0".into()],
        http: Some("off".into()),
        pool_size: Some(SLOTS),
        auth: Some(AuthMethod::Trust),
        ..ConfigArgs::default()
    };
    let loaded = config::load(&args).map_err(|problems| {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the demonstration's own configuration is wrong: {}", all.join("; "))
    })?;
    Ok(loaded.settings)
}

/// Prints a line each second until the time is over; returns the most server connections that
/// PostgreSQL itself counted.
fn watch(
    out: &mut impl Write,
    proxy: &Proxy,
    server: &PgServer,
    traffic: &Traffic,
    interrupted: &AtomicBool,
) -> Result<u32> {
    let mut session = Session::unix(&server.socket_dir(), server.port(), USER, USER)?;
    let began = Instant::now();
    let mut peak = 0;
    for second in 1.. {
        while began.elapsed() < Duration::from_secs(second) {
            std::thread::sleep(Duration::from_millis(50));
            peak = peak.max(count_connections(&mut session)?);
        }
        let now = snapshot(proxy.mailboxes());
        let waiting: u32 = now.pools.iter().map(|pool| pool.view.waiting).sum();
        let transactions: u64 = now.pools.iter().map(|pool| pool.tally.transactions).sum();
        writeln!(
            out,
            "     {second:>2} s  {transactions:>8} transactions  {:>3} server connections  \
             {waiting:>4} clients wait",
            now.servers.len()
        )?;
        let over = began.elapsed() >= RUN || interrupted.load(Ordering::Relaxed);
        if over || traffic.failed() {
            break;
        }
    }
    Ok(peak)
}

/// Connections to the server through the proxy, by PostgreSQL's own count.
fn count_connections(session: &mut Session) -> Result<u32> {
    let count = session.value(
        "SELECT count(*) FROM pg_stat_activity \
         WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    )?;
    count.parse().context("PostgreSQL counted in words")
}

fn snapshot(mailboxes: &[Mailbox]) -> Snapshot {
    let mut all = Snapshot::default();
    for mailbox in mailboxes {
        let (answer, asked) = oneshot::channel();
        mailbox.put(ToWorker::Inspect { detail: Detail::Connections, answer });
        if let Ok(one) = asked.blocking_recv() {
            all.merge(one);
        }
    }
    all
}

/// Ctrl-C ends the traffic early; everything is still cleaned up.
fn on_interrupt() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("interrupt".into()).spawn(move || {
        runtime.block_on(async {
            if tokio::signal::ctrl_c().await.is_ok() {
                raised.store(true, Ordering::Relaxed);
            }
        });
    })?;
    Ok(flag)
}
