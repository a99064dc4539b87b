//! The set-ups: the same server, traffic and receiver, with other things between.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;
use sqlx::postgres::PgConnectOptions;
use tokio::net::TcpSocket;
use weir_testkit::{Account, Options, PgBouncer, PgServer, SqlError, Want, Weir, until};

use crate::guard::Guarded;
use crate::sampler::OUR_NAME;
use crate::service::Program;

/// The role of the service: no superuser, so that the server's reserve is not its.
const ROLE: &str = "shop";
const SEEDED: &str = "shop_seeded";
/// Server connections a pooler may open.
const POOL_SIZE: &str = "40";
/// Weir's pool: one of the server connections is its guard's.
pub const WEIR_POOL_SIZE: &str = "39";

/// What stands where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum SetUp {
    /// The problem version straight on PostgreSQL.
    Story,
    /// The problem version, PgBouncer in front of the server.
    Pgbouncer,
    /// The problem version, Weir in front of the server.
    WeirUnchanged,
    /// The optimised version, Weir in front of the server.
    WeirOptimised,
    /// The optimised version straight on PostgreSQL.
    DirectOptimised,
}

impl SetUp {
    /// As in reports and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Story => "story",
            Self::Pgbouncer => "pgbouncer",
            Self::WeirUnchanged => "weir-unchanged",
            Self::WeirOptimised => "weir-optimised",
            Self::DirectOptimised => "direct-optimised",
        }
    }

    /// For people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Story => "As in the story",
            Self::Pgbouncer => "PgBouncer, code unchanged",
            Self::WeirUnchanged => "Weir, code unchanged",
            Self::WeirOptimised => "Weir, code fixed",
            Self::DirectOptimised => "No pooler, code fixed",
        }
    }

    /// Whether the service runs the optimised code.
    #[must_use]
    pub fn is_optimised(self) -> bool {
        match self {
            Self::Story | Self::Pgbouncer | Self::WeirUnchanged => false,
            Self::WeirOptimised | Self::DirectOptimised => true,
        }
    }
}

/// Longest wait for sessions of an earlier run to end.
const QUIET_LIMIT: Duration = Duration::from_secs(60);
/// `object_in_use`: somebody is still connected to a database.
const IN_USE: &str = "55006";

/// A server with a seeded shop, from which each set-up gets a copy.
pub struct World {
    server: PgServer,
    program: Program,
}

/// What a set-up stands on, apart from the service.
pub struct Ground {
    /// The database of this run.
    pub database: String,
    /// How to run the service.
    pub program: Program,
    /// Where it will listen, also after a restart.
    pub address: SocketAddr,
    /// Weir's HTTP address, where Weir stands between.
    pub http: Option<SocketAddr>,
    pooler: Pooler,
    // Kept for the run.
    _port: TcpSocket,
}

enum Pooler {
    None,
    PgBouncer { _running: PgBouncer },
    Weir { running: Box<Weir>, guarded: Guarded },
}

impl Pooler {
    fn http(&self) -> Option<SocketAddr> {
        match self {
            Self::None | Self::PgBouncer { .. } => None,
            Self::Weir { running, .. } => running.http(),
        }
    }

    /// Waits for the end of what Weir is in the middle of.
    fn settle(&self) -> Result<bool> {
        match self {
            Self::None | Self::PgBouncer { .. } => Ok(true),
            Self::Weir { guarded, .. } => guarded.until_closed(),
        }
    }
}

impl World {
    /// Starts a server with the story's limit of 100 connections and seeds a shop with `orders`
    /// orders; `told` gets the progress.
    ///
    /// # Errors
    /// When the server or the order service's commands fail.
    pub fn make(program: &Program, orders: u64, told: &mut dyn FnMut(&str)) -> Result<Self> {
        told("finding PostgreSQL's programs and starting a private server");
        let options = Options::new(Want::default())
            // The story's 100, and one for the sampler, which is held for the whole run.
            .set("max_connections", "101")
            .set("shared_buffers", "256MB")
            .set("max_wal_size", "2GB")
            .set("fsync", "on")
            .set("full_page_writes", "on");
        let server = PgServer::start(options)?;
        let (version, port) = (server.version(), server.port());
        told(&format!(
            "PostgreSQL {version} on 127.0.0.1:{port}; making a shop of {orders} orders"
        ));
        server.execute("postgres", &format!("CREATE ROLE {ROLE} LOGIN"))?;
        server.execute("postgres", &format!("GRANT pg_read_all_stats TO {ROLE}"))?;
        server.execute("postgres", &format!("CREATE DATABASE {SEEDED} OWNER {ROLE}"))?;
        let world = Self { server, program: program.clone() };
        let seeder = world.direct(SEEDED).set("code", "problem");
        seeder.run("migrate", &[], &mut |_| {})?;
        seeder.run("seed", &["--orders", &orders.to_string()], told)?;
        Ok(world)
    }

    /// Options for the superuser, who may use the server's reserve.
    ///
    /// # Errors
    /// Never in practice: the URL is ours.
    pub fn superuser(&self, database: &str) -> Result<PgConnectOptions> {
        let options = PgConnectOptions::from_str(&self.server.url(database))?;
        Ok(options.application_name(OUR_NAME))
    }

    /// What the server says its version is.
    #[must_use]
    pub fn version(&self) -> String {
        self.server.version().to_string()
    }

    /// A fresh copy of the seeded shop and what stands before it.
    ///
    /// # Errors
    /// When a part cannot be started.
    pub fn prepare(
        &self,
        setup: SetUp,
        receiver_url: &str,
        weir: Option<&Guarded>,
    ) -> Result<Ground> {
        let database = format!("run_{}", setup.name().replace('-', "_"));
        self.end_sessions()?;
        self.drop_database(&database)?;
        self.when_unused(&format!("CREATE DATABASE {database} TEMPLATE {SEEDED} OWNER {ROLE}"))?;
        let direct = self.direct(&database);
        let (pooler, program) = match setup {
            SetUp::Story => (Pooler::None, direct.set("code", "problem")),
            SetUp::Pgbouncer => {
                let (pooler, port) = self.bouncer()?;
                (pooler, self.through(port, &database).set("code", "problem"))
            }
            SetUp::WeirUnchanged => {
                let (pooler, port) = self.weir(&database, weir)?;
                (pooler, self.through(port, &database).set("code", "problem"))
            }
            SetUp::WeirOptimised => {
                self.make_ready_for_optimised(&database)?;
                let (pooler, port) = self.weir(&database, weir)?;
                (pooler, self.optimised(self.through(port, &database)))
            }
            SetUp::DirectOptimised => {
                self.make_ready_for_optimised(&database)?;
                (Pooler::None, self.optimised(direct))
            }
        };
        let (port, address) = own_port()?;
        let program = program
            .set("listen", &address.to_string())
            .set("receiver-url", receiver_url)
            // What Python needs to make an object of a row and add it up, as a pause: the story's
            // application servers had processors of their own, this machine has not.
            .set("interpreter-us-per-row", "10")
            .set("stop-limit-ms", "1000");
        let http = pooler.http();
        Ok(Ground { database, program, address, http, pooler, _port: port })
    }

    /// Ends what is left of a run, once Weir's incident has ended.
    ///
    /// # Errors
    /// When the server refuses, or Weir does not say what it kept.
    pub fn clear(&self, ground: Ground, told: &mut dyn FnMut(&str)) -> Result<()> {
        if !ground.pooler.settle()? {
            told("  Weir's incident has not ended: it is cut off");
        }
        let database = ground.database.clone();
        drop(ground);
        self.end_sessions()?;
        self.drop_database(&database)
    }

    /// Ends what sessions the service has left, and waits until they are gone: the next run is to
    /// find every slot free.
    fn end_sessions(&self) -> Result<()> {
        let mut session = self.server.session("postgres")?;
        let end = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{ROLE}'"
        );
        until("the sessions of the run before to end", QUIET_LIMIT, || {
            Ok((session.value(&end)? == "0").then_some(()))
        })
    }

    fn drop_database(&self, database: &str) -> Result<()> {
        self.when_unused(&format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"))
    }

    /// Runs a statement that needs a database to itself. The server waits 5 s for others to leave;
    /// on a busy machine that can be too short, so it is asked again.
    fn when_unused(&self, sql: &str) -> Result<()> {
        until(&format!("`{sql}`"), QUIET_LIMIT, || match self.execute(sql) {
            Ok(()) => Ok(Some(())),
            Err(error) => match error.downcast_ref::<SqlError>() {
                Some(said) if said.code == IN_USE => Ok(None),
                Some(_) | None => Err(error.context(format!("`{sql}`"))),
            },
        })
    }

    fn direct(&self, database: &str) -> Program {
        self.through(self.server.port(), database)
    }

    fn through(&self, port: u16, database: &str) -> Program {
        let url = format!("postgres://{ROLE}@127.0.0.1:{port}/{database}?sslmode=disable");
        self.program.clone().set("database-url", &url)
    }

    /// The optimised code, with a pool that leaves most of the server free.
    fn optimised(&self, program: Program) -> Program {
        // Limits are the role's: not every pooler takes them as start-up options.
        program
            .set("code", "optimised")
            .set("server-limits", "role")
            .set("pool-connections", "30")
            .set("outbox-in-flight", "40")
    }

    fn make_ready_for_optimised(&self, database: &str) -> Result<()> {
        self.direct(database).set("code", "optimised").run("migrate", &[], &mut |_| {})?;
        for (name, value) in [
            ("statement_timeout", "30s"),
            ("lock_timeout", "5s"),
            ("idle_in_transaction_session_timeout", "10s"),
        ] {
            self.execute(&format!(
                "ALTER ROLE {ROLE} IN DATABASE {database} SET {name} = '{value}'"
            ))?;
        }
        Ok(())
    }

    fn bouncer(&self) -> Result<(Pooler, u16)> {
        // Beside the server's socket: it goes with the server, however that ends.
        let file = self.server.socket_dir().join("bouncer-users");
        std::fs::write(&file, format!("\"postgres\" \"\"\n\"{ROLE}\" \"\"\n"))
            .with_context(|| format!("writing {}", file.display()))?;
        Account::unprivileged()?.give(&file)?;
        let file = file.display().to_string();
        let settings = [
            ("auth_file", file.as_str()),
            ("default_pool_size", POOL_SIZE),
            ("min_pool_size", "0"),
            ("server_round_robin", "0"),
            ("max_client_conn", "1000"),
        ];
        let running = PgBouncer::start(&self.server, &settings)?;
        let port = running.port();
        Ok((Pooler::PgBouncer { _running: running }, port))
    }

    fn weir(&self, database: &str, guarded: Option<&Guarded>) -> Result<(Pooler, u16)> {
        let guarded = guarded.context("this set-up needs a Weir program: name it with --weir")?;
        let upstream = format!("postgres://{ROLE}@127.0.0.1:{}/{database}", self.server.port());
        let running = guarded.up(&upstream)?;
        let port = running.listen().port();
        Ok((Pooler::Weir { running: Box::new(running), guarded: guarded.clone() }, port))
    }

    fn execute(&self, sql: &str) -> Result<()> {
        self.server.execute("postgres", sql)
    }
}

/// A port that stays ours while the socket lives: bound and not listening, so that the service can
/// have it, again after a restart, and nobody else meanwhile.
fn own_port() -> Result<(TcpSocket, SocketAddr)> {
    let socket = TcpSocket::new_v4().context("making a socket")?;
    socket.set_reuseaddr(true).context("sharing a port with the service")?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).context("asking for a port")?;
    let address = socket.local_addr().context("asking for a port")?;
    Ok((socket, address))
}
