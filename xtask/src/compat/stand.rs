//! A private server, prepared for a suite, and what stands before it.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result};
use weir_testkit::{Options, PgBouncer, PgServer, Want, Weir};

/// Server connections of the pool, which hands out another one for every transaction.
const POOL_SIZE: u32 = 4;

/// How the suite gets to its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Direct,
    PgBouncer,
    /// The program to start before the private server.
    Weir(PathBuf),
    /// A proxy that runs already, before a server that it knows; prepared through the proxy.
    Running {
        host: String,
        port: u16,
        user: String,
    },
}

impl Route {
    /// Reads `postgres://user@host:port/…`.
    pub(crate) fn url(url: &str) -> Result<Self> {
        let parts = || {
            let (_, rest) = url.split_once("://")?;
            let (user, rest) = rest.split_once('@')?;
            let (host, port) = rest.split('/').next()?.rsplit_once(':')?;
            let port = port.parse().ok()?;
            Some(Self::Running { host: host.to_owned(), port, user: user.to_owned() })
        };
        parts().with_context(|| format!("{url} is not of the form postgres://user@host:port/"))
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("directly"),
            Self::PgBouncer => f.write_str("through PgBouncer (transaction mode, round robin)"),
            Self::Weir(_) => f.write_str("through Weir (transaction mode, rotating)"),
            Self::Running { host, port, .. } => write!(f, "through {host}:{port}"),
        }
    }
}

/// What a suite finds on its server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Preparation {
    /// Databases that exist before it begins.
    pub(crate) databases: &'static [&'static str],
    /// Statements run in the first of them.
    pub(crate) statements: &'static str,
}

/// Where a run connects to.
#[derive(Debug)]
pub(crate) struct Stand {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    /// Ended, in this order, when the run is over.
    _proxy: Option<Proxy>,
    _server: Option<PgServer>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "kept for what their drop ends")]
enum Proxy {
    PgBouncer(PgBouncer),
    Weir(Weir),
}

impl Stand {
    /// Starts what `route` needs with PostgreSQL `major`.
    pub(crate) fn new(major: u16, route: &Route, preparation: Preparation) -> Result<Self> {
        if let Route::Running { host, port, user } = route {
            let (host, port, user) = (host.clone(), *port, user.clone());
            return Ok(Self { host, port, user, _proxy: None, _server: None });
        }
        let server = PgServer::start(Options::new(Want::major(major)))?;
        for database in preparation.databases {
            server.execute("postgres", &format!("CREATE DATABASE {database}"))?;
        }
        if let Some(first) = preparation.databases.first() {
            server.execute(first, preparation.statements)?;
        }
        let (port, proxy) = match route {
            Route::PgBouncer => {
                let bouncer = PgBouncer::start(&server, &[])?;
                (bouncer.port(), Some(Proxy::PgBouncer(bouncer)))
            }
            Route::Weir(program) => {
                let weir = Weir::configured(program, &rotating(server.port()))?;
                (weir.listen().port(), Some(Proxy::Weir(weir)))
            }
            Route::Direct | Route::Running { .. } => (server.port(), None),
        };
        let (host, user) = ("127.0.0.1".to_owned(), "postgres".to_owned());
        Ok(Self { host, port, user, _proxy: proxy, _server: Some(server) })
    }
}

fn rotating(upstream_port: u16) -> String {
    format!(
        "listen.addresses = [\"127.0.0.1:0\"]\nhttp.address = \"127.0.0.1:0\"\n\
         auth.method = \"trust\"\n[pool]\nmode = \"transaction\"\n\
         rotation = \"every-transaction\"\nsize = {POOL_SIZE}\nsize_min = {POOL_SIZE}\n\
         [databases.\"*\"]\nhost = \"127.0.0.1\"\nport = {upstream_port}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses_of_running_proxies() {
        let expected = Route::Running { host: "h".to_owned(), port: 6432, user: "u".to_owned() };
        assert_eq!(Route::url("postgres://u@h:6432/").unwrap(), expected);
        assert_eq!(Route::url("postgresql://u@h:6432").unwrap(), expected);
        assert!(Route::url("h:6432").is_err());
    }
}
