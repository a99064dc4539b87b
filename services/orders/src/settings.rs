//! Settings: one list that is names, types, defaults and their documentation at once.
//!
//! Each is given as `--name value` or as the environment variable `ORDERS_NAME`; the command line
//! wins. Units are the last word of a name.

use std::net::SocketAddr;
use std::str::FromStr;

/// Which version of the two endpoints is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// As in the story: one connection for each worker thread, the report summed in the
    /// application, the notification sent inside the transaction.
    Problem,
    /// The right form of each.
    Optimised,
}

/// How time limits reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerLimits {
    /// As start-up options of each connection. Some poolers refuse those.
    Startup,
    /// The role has them (`ALTER ROLE … SET`); the start checks that it has.
    Role,
}

/// A setting that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// There is no such setting.
    #[error("there is no setting {0:?}; `orders settings` lists them")]
    Unknown(String),
    /// The value is of the wrong type.
    #[error("setting {name}: {value:?} is not {expected}")]
    Value {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What it should have been.
        expected: &'static str,
    },
    /// A name without its value.
    #[error("setting {0:?} needs a value after it")]
    NoValue(String),
}

/// Name, default and meaning of one setting.
#[derive(Debug, Clone, Copy)]
pub struct Described {
    /// As on the command line, with underscores.
    pub name: &'static str,
    /// The default, as text.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident: $type:ty = $default:literal, $expected:literal;
    )+) => {
        /// All settings of the service.
        #[derive(Debug, Clone)]
        pub struct Settings {
            $($(#[doc = $doc])+ pub $name: $type,)+
        }

        /// Every setting, in the order of the reference.
        pub const SETTINGS: &[Described] = &[$(Described {
            name: stringify!($name),
            default: $default,
            meaning: concat!($($doc),+),
        },)+];

        impl Default for Settings {
            fn default() -> Self {
                // A default that does not parse is found by the first test that runs.
                Self { $($name: <$type as Value>::parse($default).expect(stringify!($name)),)+ }
            }
        }

        impl Settings {
            /// Sets one setting from text.
            ///
            /// # Errors
            /// An unknown name, or a value of the wrong type.
            pub fn set(&mut self, name: &str, value: &str) -> Result<(), SettingError> {
                match name {
                    $(stringify!($name) => {
                        self.$name = <$type as Value>::parse(value).ok_or(SettingError::Value {
                            name: stringify!($name),
                            value: value.to_owned(),
                            expected: $expected,
                        })?;
                    })+
                    unknown => return Err(SettingError::Unknown(unknown.to_owned())),
                }
                Ok(())
            }
        }
    };
}

settings! {
    /// Which version is served: `problem` or `optimised`.
    code: Code = "optimised", "problem or optimised";
    /// Where to listen. Port 0 lets the system choose; the `ready` line says which.
    listen: SocketAddr = "127.0.0.1:8080", "an address and port";
    /// The database, or the pooler in front of it.
    database_url: String = "postgres://postgres@127.0.0.1:5432/shop", "a URL";
    /// Connections of the request pool (optimised).
    pool_connections: u32 = "30", "a whole number";
    /// Longest wait for a new connection to PostgreSQL.
    connect_limit_ms: u64 = "10000", "a whole number of milliseconds";
    /// Longest wait for a connection of the pool; then the request is answered 503.
    acquire_limit_ms: u64 = "3000", "a whole number of milliseconds";
    /// Longest statement (`statement_timeout`, optimised).
    statement_limit_ms: u64 = "30000", "a whole number of milliseconds";
    /// Longest wait for a lock (`lock_timeout`, optimised).
    lock_limit_ms: u64 = "5000", "a whole number of milliseconds";
    /// Longest idle time inside a transaction (optimised).
    idle_transaction_limit_ms: u64 = "10000", "a whole number of milliseconds";
    /// Age at which a connection is closed and made anew.
    connection_age_s: u64 = "600", "a whole number of seconds";
    /// Whether a connection is tested before it is used again.
    check_before_reuse: bool = "true", "true or false";
    /// The name PostgreSQL shows for our connections.
    application_name: String = "orders", "a text";
    /// How time limits reach the server: `startup` or `role`.
    server_limits: ServerLimits = "startup", "startup or role";
    /// Service processes that are modelled (problem).
    processes: usize = "4", "a whole number";
    /// Worker threads of each, one connection each (problem).
    threads: usize = "40", "a whole number";
    /// Requests that may wait for a thread of each process (problem).
    backlog: usize = "2048", "a whole number";
    /// What an interpreter needs for a row of the report, slept and not burnt (problem). 0 is Rust.
    interpreter_us_per_row: u64 = "0", "a whole number of microseconds";
    /// Time limit of the notification call inside the transaction (problem).
    problem_call_limit_ms: u64 = "30000", "a whole number of milliseconds";
    /// Where notifications are posted. HTTP only.
    receiver_url: String = "http://127.0.0.1:9/notify", "a URL";
    /// Notification workers (optimised).
    outbox_workers: u32 = "2", "a whole number";
    /// Connections of the notification workers' own pool (optimised).
    outbox_connections: u32 = "2", "a whole number";
    /// Calls a worker has under way at most (optimised).
    outbox_in_flight: u32 = "16", "a whole number";
    /// Time limit of one notification call, whole (optimised).
    outbox_call_limit_ms: u64 = "5000", "a whole number of milliseconds";
    /// How long a claimed notification belongs to its worker; then another may send it.
    outbox_lease_ms: u64 = "15000", "a whole number of milliseconds";
    /// First pause after a failed call. Doubled each time, with full jitter.
    outbox_pause_min_ms: u64 = "500", "a whole number of milliseconds";
    /// Longest pause between two calls of one notification.
    outbox_pause_max_ms: u64 = "60000", "a whole number of milliseconds";
    /// Calls after which a notification is dead.
    outbox_attempts_max: u32 = "12", "a whole number";
    /// Calls over which failures are counted: when half of the last so many failed, the breaker
    /// opens, and nothing is sent but a trial call after each pause.
    outbox_breaker_calls: u32 = "20", "a whole number";
    /// First pause of the breaker. Doubled after each failed trial, up to outbox_pause_max_ms.
    outbox_breaker_pause_ms: u64 = "1000", "a whole number of milliseconds";
    /// How often the workers look for notifications nobody told them of.
    outbox_poll_ms: u64 = "250", "a whole number of milliseconds";
    /// Items of one bulk request.
    bulk_items_max: usize = "2000", "a whole number";
    /// Items of one transaction.
    bulk_batch: usize = "100", "a whole number";
    /// Quantity of one item.
    quantity_max: i64 = "10000", "a whole number";
    /// Bytes of a request body.
    body_bytes_max: usize = "1048576", "a whole number of bytes";
    /// Longest wait for a whole request body; then 408.
    body_limit_ms: u64 = "10000", "a whole number of milliseconds";
    /// Orders since this moment are in the statistics.
    statistics_since: String = "2024-01-01T00:00:00Z", "a timestamp with time zone";
    /// Users in the statistics.
    statistics_users_max: i64 = "1000", "a whole number";
    /// Age at which cached statistics are stale.
    statistics_fresh_s: u64 = "900", "a whole number of seconds";
    /// Shortest time between two computations while orders change.
    statistics_pause_ms: u64 = "5000", "a whole number of milliseconds";
    /// When set, the statistics need `Authorization: Bearer` with it.
    report_token: String = "", "a text";
    /// How long a key is remembered.
    idempotency_keep_h: u32 = "24", "a whole number of hours";
    /// How often the health probe looks at the database.
    probe_every_ms: u64 = "2000", "a whole number of milliseconds";
    /// Longest graceful stop.
    stop_limit_ms: u64 = "10000", "a whole number of milliseconds";
    /// Log lines as `json` or `text`.
    log: LogForm = "json", "json or text";
    /// Least level that is logged: `error`, `warn`, `info`, `debug`.
    log_level: tracing::Level = "info", "error, warn, info or debug";
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogForm {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

trait Value: Sized {
    fn parse(text: &str) -> Option<Self>;
}

macro_rules! from_str_values {
    ($($type:ty),+) => {$(
        impl Value for $type {
            fn parse(text: &str) -> Option<Self> {
                <$type>::from_str(text).ok()
            }
        }
    )+};
}

from_str_values!(SocketAddr, String, u32, u64, usize, i64, bool, tracing::Level);

impl Value for Code {
    fn parse(text: &str) -> Option<Self> {
        [("problem", Self::Problem), ("optimised", Self::Optimised)]
            .into_iter()
            .find_map(|(name, code)| (name == text).then_some(code))
    }
}

impl Value for ServerLimits {
    fn parse(text: &str) -> Option<Self> {
        [("startup", Self::Startup), ("role", Self::Role)]
            .into_iter()
            .find_map(|(name, limits)| (name == text).then_some(limits))
    }
}

impl Value for LogForm {
    fn parse(text: &str) -> Option<Self> {
        [("json", Self::Json), ("text", Self::Text)]
            .into_iter()
            .find_map(|(name, form)| (name == text).then_some(form))
    }
}

impl Settings {
    /// Reads settings from the environment and then from `arguments` (`--name value` pairs).
    ///
    /// # Errors
    /// The first argument or variable that cannot be read.
    pub fn read(
        environment: impl Iterator<Item = (String, String)>,
        arguments: impl Iterator<Item = String>,
    ) -> Result<Self, SettingError> {
        let mut settings = Self::default();
        for (variable, value) in environment {
            if let Some(name) = variable.strip_prefix("ORDERS_") {
                settings.set(&name.to_lowercase(), &value)?;
            }
        }
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let Some(name) = argument.strip_prefix("--") else {
                return Err(SettingError::Unknown(argument));
            };
            let name = name.replace('-', "_");
            let value = arguments.next().ok_or(SettingError::NoValue(argument))?;
            settings.set(&name, &value)?;
        }
        Ok(settings)
    }

    /// Connections this process opens at most.
    #[must_use]
    pub fn connections_max(&self) -> u64 {
        match self.code {
            Code::Problem => (self.processes * self.threads) as u64 + 1,
            Code::Optimised => u64::from(self.pool_connections + self.outbox_connections) + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Settings, SettingError> {
        let environment = [("ORDERS_THREADS".into(), "7".into()), ("HOME".into(), "/".into())];
        Settings::read(environment.into_iter(), arguments.iter().map(ToString::to_string))
    }

    #[test]
    fn arguments_win_over_the_environment() {
        assert_eq!(read(&[]).unwrap().threads, 7);
        let settings = read(&["--threads", "9", "--code", "problem"]).unwrap();
        assert_eq!((settings.threads, settings.code), (9, Code::Problem));
    }

    #[test]
    fn every_default_is_what_its_row_says() {
        let mut settings = Settings::default();
        for described in SETTINGS {
            settings.set(described.name, described.default).unwrap();
            assert!(!described.meaning.trim().is_empty(), "{}", described.name);
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (arguments, message) in [
            (vec!["--thread", "9"], "there is no setting \"thread\"; `orders settings` lists them"),
            (vec!["--threads", "x"], "setting threads: \"x\" is not a whole number"),
            (vec!["--threads"], "setting \"--threads\" needs a value after it"),
            (vec!["threads"], "there is no setting \"threads\"; `orders settings` lists them"),
        ] {
            assert_eq!(read(&arguments).unwrap_err().to_string(), message);
        }
    }
}
