//! Every bound of every queue, map, buffer and loop, in one table.
//!
//! A bound that depends on the configuration is in [`super::settings::ClientLimits`]; these are
//! the ones nobody needs to tune. Reaching one is counted under its name and is visible on the
//! console; none of them is reached by a panic or by growing without end.

/// One line of [`TABLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// The constant's name, unit last.
    pub name: &'static str,
    /// Its value, in the unit the name ends with; a count where it names none.
    pub value: u64,
    /// What it bounds and what happens there.
    pub about: &'static str,
}

macro_rules! bounds {
    ($($(#[doc = $doc:literal])+ $name:ident = $value:expr;)+) => {
        $($(#[doc = $doc])+ pub const $name: usize = $value;)+

        /// All of them, for the console and the reference page.
        pub const TABLE: &[Bound] = &[
            $(Bound { name: stringify!($name), value: $name as u64, about: concat!($($doc),+) }),+
        ];
    };
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

bounds! {
    /// The shortest read from a socket. Most requests and replies fit into one.
    READ_BUFFER_MIN_BYTES = 8 * KIB;
    /// The longest read from a socket; reads grow to it while large results flow.
    READ_BUFFER_MAX_BYTES = 64 * KIB;
    /// A slow client's unsent reply. Beyond it the server is no longer read, and the phase is
    /// `client_blocked`.
    CLIENT_BUFFER_BYTES = 256 * KIB;
    /// Bytes for a server that its socket does not take. Beyond it the client is no longer read.
    SERVER_BUFFER_BYTES = 256 * KIB;
    /// A message that must be seen whole before it is acted on: Parse, Bind, Close, Describe,
    /// Query text for tags. What is longer streams through; a Parse that is longer is not shared.
    PARSE_BUFFER_BYTES = 4 * MIB;
    /// Bytes of a query's text that are read for tags and the fingerprint; the rest is not seen.
    SCAN_TEXT_BYTES = 64 * KIB;
    /// The whole startup packet (`MAX_STARTUP_PACKET_LENGTH` of PostgreSQL). A longer one is
    /// refused.
    STARTUP_PACKET_BYTES = 10_000;
    /// Parameters in one startup packet. One more is refused.
    STARTUP_PARAMETERS = 64;
    /// Name of a startup or tracked parameter. A longer one is refused or not tracked.
    PARAMETER_NAME_BYTES = 63;
    /// Value of a startup or tracked parameter. A longer one is refused or not tracked.
    PARAMETER_VALUE_BYTES = 1024;
    /// Parameters tracked for one session. One more pins the session.
    TRACKED_PARAMETERS = 64;
    /// A password, SCRAM or GSS message during login. A longer one ends the login.
    AUTH_MESSAGE_BYTES = 8 * KIB;
    /// Round trips of one login in either role. One more ends it.
    LOGIN_MESSAGES = 16;
    /// Clients between accept and the end of their login. For one more the longest silent one is
    /// closed; when none is silent, the newcomer is refused.
    HALF_OPEN_LOGINS = 1_000;
    /// Secrets fetched with the authentication query that are remembered. The oldest goes.
    AUTH_QUERY_CACHE_USERS = 10_000;
    /// Name of a prepared statement or portal. A longer one is refused.
    STATEMENT_NAME_BYTES = 1024;
    /// Parameter types of one prepared statement (the protocol's 16-bit count).
    STATEMENT_PARAMETERS = 65_535;
    /// Distinct statements shared by the prepared statements of one worker. The least recently
    /// used that nobody holds goes.
    SHARED_STATEMENTS = 100_000;
    /// Bytes of text of those statements.
    SHARED_STATEMENT_BYTES = 256 * MIB;
    /// Requests of one client's pipeline whose answers are outstanding. Beyond it the client is
    /// no longer read.
    PIPELINE_REQUESTS = 10_000;
    /// Cancel requests on their way to one PostgreSQL.
    CANCELS_IN_FLIGHT = 16;
    /// Cancel requests waiting for that, in all. Further ones are dropped; the protocol promises
    /// nothing.
    CANCELS_QUEUED = 1_000;
    /// Connects to one PostgreSQL under way at once, over all of its pools.
    DIALS_IN_FLIGHT = 32;
    /// Pools of one process. A login that would make one more is refused.
    POOLS = 10_000;
    /// Classes of one pool that are told apart. Further ones are counted together as `other`.
    CLASSES = 1_024;
    /// Channels one client listens on. One more is refused.
    LISTEN_CHANNELS = 1_024;
    /// Notifications waiting for one client. The client that does not read is disconnected.
    NOTIFICATIONS_QUEUED = 10_000;
    /// Rows of one console answer. A notice says how many were left out.
    CONSOLE_ROWS = 100_000;
    /// Console sessions at once. One more is refused.
    CONSOLE_SESSIONS = 64;
    /// Pools with series of their own in `/metrics`. Further ones are summed up as `other`.
    METRIC_POOLS = 1_000;
    /// HTTP connections at once. Further ones wait to be accepted.
    HTTP_CONNECTIONS = 64;
    /// A console command. A longer one is refused.
    CONSOLE_COMMAND_BYTES = 8 * KIB;
    /// Actions one session may ask for in one turn; more means a fault of ours, and the session
    /// is closed.
    SESSION_ACTIONS_PER_TURN = 4_096;
    /// Socket completions handled in one turn of a worker before its timers are looked at.
    COMPLETIONS_PER_TURN = 1_024;
    /// Events between a worker and the control plane that are not read yet. Further ones are
    /// dropped and counted; a worker never waits.
    CONTROL_EVENTS_QUEUED = 65_536;
    /// Files read for one configuration, `%include` and user lists among them.
    CONFIG_FILES = 64;
    /// Nesting of `%include`.
    CONFIG_INCLUDE_DEPTH = 10;
    /// One configuration file.
    CONFIG_FILE_BYTES = 16 * MIB;
    /// Problems reported for one configuration. Further ones show when these are mended.
    CONFIG_PROBLEMS = 200;
}

/// Slots of one pool, at most.
pub const POOL_SIZE_MAX: u32 = 10_000;
/// Client connections of one process, at most.
pub const CLIENTS_MAX: u32 = 1_000_000;
/// Worker threads and login threads, at most, each.
pub const THREADS_MAX: u16 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bound_is_positive_named_with_care_and_explained() {
        for bound in TABLE {
            assert!(bound.value > 0, "{} is zero", bound.name);
            assert!(bound.about.trim().ends_with('.'), "{} has no sentence", bound.name);
        }
        const { assert!(READ_BUFFER_MIN_BYTES <= READ_BUFFER_MAX_BYTES) };
        const { assert!(CONSOLE_COMMAND_BYTES <= PARSE_BUFFER_BYTES) };
    }
}
