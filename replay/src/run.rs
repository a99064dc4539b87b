//! One set-up through all phases.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;
use sqlx::{ConnectOptions, Connection, PgConnection, Row};
use tokio::time::Instant;

use crate::books::{self, Books};
use crate::guard::Guarded;
use crate::load::{Http, Load, Seen};
use crate::plan::{PhaseName, Plan};
use crate::receiver::Receiver;
use crate::sampler::{Sample, Sampler};
use crate::service::{Program, Service};
use crate::setup::{SetUp, World};

/// What a run is asked for, besides its plan.
#[derive(Debug, Clone)]
pub struct Options {
    /// The set-up.
    pub setup: SetUp,
    /// Weir, where the set-up needs it.
    pub weir: Option<Guarded>,
    /// A statement or transaction is long from here.
    pub long_s: f64,
    /// When the service is killed (-9) and started again.
    pub kill_at: Option<Duration>,
    /// Whether the people on call restart the service when most answers are bad.
    pub restarts: bool,
}

/// Something a person or a supervisor did.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// From the start of the run.
    pub at_s: f64,
    /// What.
    pub what: String,
}

/// A stretch in which the service itself was not there, from the start of the run.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Outage {
    /// It is stopped.
    pub from_s: f64,
    /// It answers again.
    pub to_s: f64,
}

/// Everything that was seen of a run.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The set-up.
    pub setup: SetUp,
    /// What the clients saw.
    pub seen: Seen,
    /// What the server looked like.
    pub samples: Vec<Sample>,
    /// What was done to the service.
    pub events: Vec<Event>,
    /// When it was not there, because it was stopped or killed.
    pub outages: Vec<Outage>,
    /// Whether everything adds up.
    pub books: Books,
    /// From the last client to the last notification, where there is an outbox.
    pub drained_after_s: f64,
}

/// Share of good answers below which the people on call restart the service.
const RESTART_BELOW: f64 = 0.5;
/// How far they look back.
const LOOK_BACK: Duration = Duration::from_secs(3);
/// Longest wait for the service to start again, and the pause between two tries.
const START_LIMIT: Duration = Duration::from_secs(60);
const START_PAUSE: Duration = Duration::from_millis(500);
/// How often the people on call look at the clock.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often the receiver's latency is set.
const LATENCY_EVERY: Duration = Duration::from_millis(100);
/// Longest wait for what is under way after the last client.
const DRAIN_LIMIT: Duration = Duration::from_secs(300);
/// And for requests whose clients have gone.
const GONE_LIMIT: Duration = Duration::from_secs(1);
/// Longest wait for the service's sessions to end after it.
const LEFT_LIMIT: Duration = Duration::from_secs(5);
/// How long clients may still wait after the last phase.
const GRACE: Duration = Duration::from_secs(3);
/// Sessions of the service that do something.
const UNDER_WAY: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'
    AND usename = 'shop' AND state <> 'idle'";

/// Runs `plan` on a fresh copy of the world's shop; `told` gets the progress.
///
/// # Errors
/// When a part of the set-up fails; never because the service does badly.
pub async fn run(
    world: &World,
    plan: &Plan,
    options: &Options,
    told: &mut dyn FnMut(&str),
) -> Result<Observed> {
    let setup = options.setup;
    let receiver = Arc::new(Receiver::start(plan.receiver_latency(Duration::ZERO)).await?);
    let weir = options.weir.as_ref();
    let ground = tokio::task::block_in_place(|| world.prepare(setup, &receiver.url(), weir))?;
    let superuser = world.superuser(&ground.database)?;
    let mut connection = superuser.connect().await?;
    let before = books::stock(&mut connection).await?;
    // The slot is the service's while the run lasts.
    connection.close().await?;
    let service = tokio::task::block_in_place(|| ground.program.start())?;
    // A name of its own for each run: keys must not meet those of another.
    let name = format!("{}-{}", setup.name(), plan.seed);
    let load = Load::new(Http::new(ground.address), &name, plan.seed, plan.length() + GRACE);
    let sampler = Sampler::start(&superuser, load.begun(), options.long_s).await?;
    let latencies = tokio::spawn(set_latencies(plan.clone(), receiver.clone(), load.begun()));
    let director = Director {
        plan: plan.clone(),
        load: load.clone(),
        program: ground.program.clone(),
        kill_at: options.kill_at,
        restarts: options.restarts,
        events: Vec::new(),
        outages: Vec::new(),
    };
    let directing = tokio::spawn(director.direct(service));
    if let Some(address) = ground.http {
        told(&format!("  `weir top --http {address}` looks into Weir while this runs"));
    }
    told(&format!("  traffic begins: {:.0} s", plan.length().as_secs_f64()));
    let mut seen = load.drive(plan.arrivals()).await;
    let (service, directed) = directing.await.context("directing the run")??;
    let Director { mut events, outages, .. } = directed;
    for Event { at_s, what } in &events {
        told(&format!("  at {at_s:.1} s: {what}"));
    }
    latencies.await.context("setting the receiver's latency")?;
    let ended = Instant::now();
    if setup.is_optimised() {
        load.settle(&mut seen, DRAIN_LIMIT).await;
    }
    let mut connection = superuser.connect().await?;
    drain(&mut connection, setup).await?;
    let drained_after_s = ended.elapsed().as_secs_f64();
    let samples = sampler.stop().await?;
    tokio::task::block_in_place(|| service.stop())?;
    for what in left_behind(&mut connection).await? {
        events.push(Event { at_s: load.begun().elapsed().as_secs_f64(), what });
    }
    let after = books::stock(&mut connection).await?;
    let books = books::balance(&before, &after, &seen.bulks, &receiver.received());
    drop(connection);
    tokio::task::block_in_place(|| world.clear(ground, told))?;
    Ok(Observed { setup, seen, samples, events, outages, books, drained_after_s })
}

/// Makes the receiver as slow as the plan has it, to the end of the plan.
async fn set_latencies(plan: Plan, receiver: Arc<Receiver>, begun: Instant) {
    let mut ticks = tokio::time::interval(LATENCY_EVERY);
    while begun.elapsed() < plan.length() {
        ticks.tick().await;
        receiver.set_latency(plan.receiver_latency(begun.elapsed()));
    }
    receiver.set_latency(plan.receiver_latency(plan.length()));
}

/// Plays the people on call.
struct Director {
    plan: Plan,
    load: Load,
    program: Program,
    kill_at: Option<Duration>,
    restarts: bool,
    events: Vec<Event>,
    outages: Vec<Outage>,
}

impl Director {
    async fn direct(mut self, mut service: Service) -> Result<(Service, Self)> {
        let reaction = self.plan.start_of(PhaseName::Reaction);
        let (mut reacted, mut kill_at) = (false, self.kill_at);
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            ticks.tick().await;
            let now = self.load.begun().elapsed();
            if kill_at.is_some_and(|at| now >= at) {
                kill_at = None;
                service = self.kill(service).await?;
            }
            if !reacted && now >= reaction {
                reacted = true;
                service = self.react(service).await?;
            }
            // Last: on a busy machine a start can take to the end, and what is due is still done.
            if now >= self.plan.length() {
                return Ok((service, self));
            }
        }
    }

    /// What the story's people did at 12:45, where there is a reason to.
    async fn react(&mut self, service: Service) -> Result<Service> {
        let share = self.load.success_in_the_last(LOOK_BACK).unwrap_or(1.0);
        let percent = share * 100.0;
        if share >= RESTART_BELOW {
            self.note(format!("nothing to do: {percent:.1} % of answers are good"));
            return Ok(service);
        }
        if !self.restarts {
            self.note(format!("{percent:.1} % of answers are good, and nobody does anything"));
            return Ok(service);
        }
        self.note(format!("{percent:.1} % of answers are good: the service is restarted"));
        let from_s = self.now_s();
        tokio::task::block_in_place(|| service.stop())?;
        self.start_again(from_s).await
    }

    async fn kill(&mut self, service: Service) -> Result<Service> {
        self.note("the service is killed (-9) and started again".into());
        let from_s = self.now_s();
        tokio::task::block_in_place(|| service.kill())?;
        self.start_again(from_s).await
    }

    /// As a supervisor does: again and again, for a database that is still full refuses a start.
    async fn start_again(&mut self, from_s: f64) -> Result<Service> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            match tokio::task::block_in_place(|| self.program.start()) {
                Ok(service) => {
                    self.note("the service is ready again".into());
                    self.outages.push(Outage { from_s, to_s: self.now_s() });
                    return Ok(service);
                }
                Err(error) if Instant::now() < deadline => {
                    let why = format!("{error:#}");
                    let last = why.lines().last().unwrap_or_default();
                    self.note(format!("the service does not start: {last}"));
                    tokio::time::sleep(START_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn note(&mut self, what: String) {
        self.events.push(Event { at_s: self.now_s(), what });
    }

    fn now_s(&self) -> f64 {
        self.load.begun().elapsed().as_secs_f64()
    }
}

/// Waits for the last notification, where there is an outbox. Without one, what is left is requests
/// whose clients have gone: they get a moment, and end with the service.
async fn drain(connection: &mut PgConnection, setup: SetUp) -> Result<()> {
    let (sql, limit) = if setup.is_optimised() {
        ("SELECT count(*) FROM outbox WHERE state = 'waiting'", DRAIN_LIMIT)
    } else {
        (UNDER_WAY, GONE_LIMIT)
    };
    // Notifications that are left are lost in the books.
    wait_for_none(connection, sql, limit).await?;
    Ok(())
}

/// Waits until the service's sessions have ended, so that nothing changes any more. What a pooler
/// keeps open all the same is told.
async fn left_behind(connection: &mut PgConnection) -> Result<Vec<String>> {
    if wait_for_none(connection, UNDER_WAY, LEFT_LIMIT).await? == 0 {
        return Ok(Vec::new());
    }
    let told = sqlx::query(
        "SELECT format('left on the server though the service has ended: pid %s %s for %s s, %s: %s',
            pid, state, round(extract(epoch FROM clock_timestamp() - state_change)),
            coalesce(wait_event, 'no wait'), left(query, 60))
        FROM pg_stat_activity WHERE backend_type = 'client backend'
            AND usename = 'shop' AND state <> 'idle' ORDER BY state_change",
    )
    .fetch_all(connection)
    .await?;
    Ok(told.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// Asks until the number is 0 twice in a row, for a request may be between two statements. Returns
/// what was left at the limit.
async fn wait_for_none(
    connection: &mut PgConnection,
    sql: &'static str,
    limit: Duration,
) -> Result<i64> {
    let deadline = Instant::now() + limit;
    let mut quiet = 0;
    loop {
        let left: i64 = sqlx::query(sql).fetch_one(&mut *connection).await?.try_get(0)?;
        quiet = if left == 0 { quiet + 1 } else { 0 };
        if quiet == 2 || Instant::now() >= deadline {
            return Ok(left);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
