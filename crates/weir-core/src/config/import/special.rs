//! What several keys of `[pgbouncer]` say together, and what has to be softened so that a file
//! PgBouncer accepts is accepted here.

use serde_json::json;

use super::{Import, Imported, keys};
use crate::config::choices::AuthMethod;
use crate::config::units::TimeSpan;
use crate::config::{Places, Problem};

const SOCKET_DIR: &str = "/tmp";

impl Import<'_> {
    /// Puts together the keys that were kept.
    pub(super) fn special(&mut self) {
        self.addresses();
        self.hosts();
        self.check_query();
        self.reset_query();
        self.prepared();
        self.stats();
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.specials.get(key).map(|entry| entry.value.as_str())
    }

    fn set(&mut self, key: &str, path: &[&str], value: serde_json::Value) {
        if let Some(entry) = self.specials.get(key) {
            self.places.insert(path.join("."), entry.place.clone());
        }
        self.put(path, value);
    }

    fn socket_dir(&self) -> String {
        self.text("unix_socket_dir").unwrap_or(SOCKET_DIR).to_owned()
    }

    fn addresses(&mut self) {
        let port = self.text("listen_port").unwrap_or("6432");
        let hosts = self.text("listen_addr").map(keys::list).unwrap_or_default();
        let mut addresses: Vec<String> = hosts
            .iter()
            .map(|host| {
                let v6 = host.parse::<std::net::Ipv6Addr>().is_ok();
                if v6 { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
            })
            .collect();
        let dir = self.socket_dir();
        if !dir.is_empty() {
            addresses.push(format!("unix:{dir}:{port}"));
        }
        let key = if hosts.is_empty() { "unix_socket_dir" } else { "listen_addr" };
        self.set(key, &["listen", "addresses"], json!(addresses));
    }

    /// A database without a host is reached through the unix socket directory.
    fn hosts(&mut self) {
        let dir = match self.socket_dir() {
            dir if dir.is_empty() => SOCKET_DIR.to_owned(),
            dir => dir,
        };
        let databases = self.tree.get_mut("databases").and_then(serde_json::Value::as_object_mut);
        for (_, database) in databases.into_iter().flatten() {
            if database["host"].as_str().unwrap_or_default().is_empty() {
                database["host"] = json!(dir);
            }
        }
    }

    fn check_query(&mut self) {
        let query = match self.text("server_check_query") {
            None => return,
            Some("") => "off",
            Some("<empty>") => "",
            Some(query) => query,
        };
        let query = json!(query);
        self.set("server_check_query", &["pool", "check_query"], query);
    }

    fn reset_query(&mut self) {
        match self.text("server_reset_query").map(str::to_owned) {
            None => {}
            Some(query) if query.is_empty() => {
                let message =
                    "server connections are cleaned even so, when a client left something";
                let help = "nothing of one client's session is ever seen by another";
                let path = "server_reset_query";
                let place = self.specials[path].place.clone();
                self.warnings.push(Problem::new(path, message).help(help).at(place));
            }
            // That is what cleans anyway.
            Some(query) if query.trim_end_matches(';').eq_ignore_ascii_case("DISCARD ALL") => {}
            Some(query) => {
                self.set("server_reset_query", &["pool", "reset_query"], json!(query));
            }
        }
    }

    /// One number there, two here; 0 switches the care of prepared statements off.
    fn prepared(&mut self) {
        let Some(text) = self.text("max_prepared_statements") else { return };
        match text.parse::<u32>() {
            Ok(0) => {
                self.set(
                    "max_prepared_statements",
                    &["limits", "prepared_per_client_max"],
                    json!(0),
                );
            }
            Ok(count) => {
                let path = ["limits", "prepared_per_server_max"];
                self.set("max_prepared_statements", &path, json!(count));
            }
            Err(_) => {
                let message = format!("`{text}` is not a whole number");
                let place = self.specials["max_prepared_statements"].place.clone();
                let problem = Problem::new("max_prepared_statements", message);
                self.problems.push(problem.at(place));
            }
        }
    }

    fn stats(&mut self) {
        let off = matches!(self.text("log_stats"), Some("0" | "off" | "no" | "false"));
        let period = self.text("stats_period").unwrap_or("60");
        let value =
            if off { Ok(Some(json!("off"))) } else { keys::convert(keys::Form::Seconds, period) };
        match value {
            Ok(value) => {
                let value = value.unwrap_or_else(|| json!("off"));
                self.set("stats_period", &["log", "stats_every"], value);
            }
            Err(message) => self.problems.push(Problem::new("stats_period", message)),
        }
    }
}

/// Changes what PgBouncer accepts and our checks do not, each with a warning.
pub(super) fn soften(imported: &mut Imported) {
    let Imported { options, places: _, warnings } = imported;
    let open = |address: &String| {
        let local = ["127.", "localhost:", "[::1]:", "unix:"];
        !local.iter().any(|prefix| address.starts_with(prefix))
    };
    if options.auth.method == AuthMethod::Trust && options.listen.addresses.iter().any(open) {
        options.auth.trust_beyond_loopback = true;
        let message = "anybody who reaches the listening addresses is believed to be anybody";
        warnings.push(Problem::new("auth.method", message).help("use auth_type = scram-sha-256"));
    }
    if options.auth.method != AuthMethod::Hba && options.auth.hba_file.take().is_some() {
        let message = "the file is not used: auth_type is not hba";
        warnings.push(Problem::new("auth.hba_file", message));
    }
    let transaction = options.timeouts.transaction;
    let inner = [
        ("timeouts.statement", &mut options.timeouts.statement),
        ("timeouts.idle_transaction", &mut options.timeouts.idle_transaction),
    ];
    for (path, limit) in inner {
        if limit.0.zip(transaction.0).is_some_and(|(inner, outer)| inner > outer) {
            *limit = transaction;
            let message = "transaction_timeout is shorter and ends it first";
            warnings.push(Problem::new(path, message));
        }
    }
    soften_pauses(imported);
    soften_sizes(imported);
}

/// One pause there, growing pauses here.
fn soften_pauses(imported: &mut Imported) {
    let pool = &mut imported.options.pool;
    if pool.retry_max.0.is_zero() {
        pool.retry_max = pool.retry_min;
        let message = "connecting again without a pause would keep both sides busy";
        let help = format!("the pause is {}", String::from(pool.retry_min));
        imported.warnings.push(Problem::new("pool.retry_max", message).help(help));
    }
    pool.retry_min = TimeSpan(pool.retry_min.0.min(pool.retry_max.0));
}

/// PgBouncer lets a minimum larger than its pool stand, and fills the pool.
fn soften_sizes(imported: &mut Imported) {
    let Imported { options, places: _, warnings } = imported;
    let message = "the pool is smaller than this minimum, which is lowered to it";
    let general = options.pool.size;
    if options.pool.size_min > general {
        options.pool.size_min = general;
        warnings.push(Problem::new("pool.size_min", message));
    }
    for (name, database) in &mut options.databases {
        let size = database.pool_size.unwrap_or(general);
        let min = database.pool_size_min.unwrap_or(options.pool.size_min);
        if min > size {
            database.pool_size_min = Some(size);
            let path = Places::path(&["databases", name, "pool_size_min"]);
            warnings.push(Problem::new(path, message));
        }
    }
}
