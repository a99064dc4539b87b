//! `weir watch`: looks again and again, and keeps incidents as a proxy does, from what the guard
//! sees alone.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Interval, MissedTickBehavior, interval};
use weir_core::alert::More;
use weir_core::config::options::Part;
use weir_core::config::{Problem, Settings, config_rows};
use weir_core::console::ConfigRow;
use weir_core::diagnosis::health::{Health, Status};
use weir_core::incident::Signals;

use super::WatchArgs;
use super::teller::{Outside, Teller};
use super::wanted;
use crate::changes::Changes;
use crate::config::Loaded;
use crate::incident::{Incidents, look};
use crate::monitor::guard::Lookout;
use crate::monitor::watchers::Watchers;
use crate::proxy::tls::server_side;
use crate::state_dir::StateDir;

/// Reads what the command line names: at start, and again at each reload.
///
/// # Errors
/// Every problem of the configuration.
pub(super) fn load(args: &WatchArgs) -> Result<Loaded, Vec<Problem>> {
    let mut loaded = wanted::load(&args.wanted, Part::Watch)?;
    let dir = args.state_dir.clone();
    loaded.settings.state_dir = dir.or_else(|| loaded.settings.state_dir.take());
    Ok(loaded)
}

/// Follows all servers until SIGINT or SIGTERM. SIGHUP reads the configuration again.
pub(super) async fn follow(args: &WatchArgs, loaded: Loaded) -> Result<ExitCode> {
    let mut orders = Orders::listen()?;
    let _state = claim(&loaded.settings)?;
    if loaded.settings.state_dir.is_none() {
        tracing::info!("incidents are kept in memory: with --state-dir DIR they can be read later");
    }
    let settings = loaded.settings.clone();
    let thresholds = Arc::new(ArcSwap::from_pointee(settings.guard.thresholds.clone()));
    let lookout = Lookout::default();
    let (tell, mut news) = unbounded_channel();
    let outside = || Outside::new(Arc::clone(&thresholds), tell.clone(), lookout.clone());
    let mut watch = Watch {
        watchers: Watchers::new(lookout.clone(), outside),
        incidents: Incidents::start(&settings, More::Nowhere)?,
        teller: Teller::new(args.json, &settings),
        config: config_rows(&loaded.options),
        ticks: ticks(settings.guard.interval),
        thresholds: &thresholds,
        lookout: &lookout,
        settings,
    };
    watch.begin()?;
    if watch.watchers.is_empty() {
        return Ok(ExitCode::from(Status::Unknown.exit_code()));
    }
    watch.run(&mut orders, &mut news, || load(args)).await?;
    watch.watchers.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// The state directory, if there is one, for this process alone.
fn claim(settings: &Settings) -> Result<Option<StateDir>> {
    let Some(dir) = &settings.state_dir else { return Ok(None) };
    let claimed = StateDir::claim(Path::new(dir));
    claimed.context("incidents cannot be kept: name another --state-dir DIR").map(Some)
}

/// A running `weir watch`.
struct Watch<'a, Make> {
    watchers: Watchers<Make>,
    incidents: Incidents,
    teller: Teller,
    thresholds: &'a ArcSwap<weir_core::diagnosis::Thresholds>,
    lookout: &'a Lookout,
    ticks: Interval,
    /// What is in force, and as it is written.
    settings: Settings,
    config: Vec<ConfigRow>,
}

impl<Make: FnMut() -> Outside> Watch<'_, Make> {
    fn begin(&mut self) -> Result<()> {
        let tls = server_side::prepare(&self.settings.server_tls)?;
        for unwatched in self.watchers.follow(&self.settings, &tls) {
            self.teller.show(&Health::unknown(&unwatched.name, &unwatched.why))?;
        }
        Ok(())
    }

    async fn run(
        &mut self,
        orders: &mut Orders,
        news: &mut UnboundedReceiver<Health>,
        read: impl Fn() -> Result<Loaded, Vec<Problem>>,
    ) -> Result<()> {
        loop {
            tokio::select! {
                order = orders.next() => match order {
                    Order::End => return Ok(()),
                    Order::Reload => self.reload(read())?,
                },
                _ = self.ticks.tick() => {
                    let seen = self.lookout.all();
                    let reporter = self.incidents.reporter();
                    reporter.observe(look(Signals::of_servers(&seen), seen));
                    self.teller.tell_of_incident(reporter)?;
                }
                Some(health) = news.recv() => self.teller.show(&health)?,
            }
        }
    }

    /// Takes another configuration, or says why not: then the old one stays.
    fn reload(&mut self, read: Result<Loaded, Vec<Problem>>) -> Result<()> {
        let lines = |problems: Vec<Problem>| {
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        let usable = read.map_err(lines).and_then(|loaded| {
            let tls = server_side::prepare(&loaded.settings.server_tls);
            tls.map(|_| loaded).map_err(|error| format!("{error:#}"))
        });
        match usable {
            Ok(loaded) => {
                self.take(loaded)?;
                tracing::info!("configuration reloaded");
            }
            Err(why) => tracing::error!("reload refused, the old configuration stays: {why}"),
        }
        Ok(())
    }

    fn take(&mut self, Loaded { mut settings, options, .. }: Loaded) -> Result<()> {
        let config = config_rows(&options);
        let changes = Changes::between(&self.config, &config).to_string();
        if settings.state_dir != self.settings.state_dir {
            tracing::warn!("only a restart changes state_dir: the old one stays");
            settings.state_dir.clone_from(&self.settings.state_dir);
        }
        if settings.guard.interval != self.settings.guard.interval {
            self.ticks = ticks(settings.guard.interval);
        }
        self.thresholds.store(Arc::new(settings.guard.thresholds.clone()));
        self.teller.rename(&settings);
        self.incidents.reporter().reload(&settings, changes);
        (self.settings, self.config) = (settings, config);
        self.begin()
    }
}

fn ticks(every: Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// What the process is told by signals.
enum Order {
    End,
    Reload,
}

/// Hears signals.
struct Orders {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// Standard output was a terminal at the start.
    terminal: bool,
}

impl Orders {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            terminal: io::stdout().is_terminal(),
        })
    }

    async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.terminate.recv() => Order::End,
            _ = self.interrupt.recv() => Order::End,
            // A terminal that is gone has hung up indeed: nobody reads this any more.
            _ = self.hangup.recv() => match self.terminal && !io::stdout().is_terminal() {
                true => Order::End,
                false => Order::Reload,
            },
        }
    }
}
