//! Every bound of every queue, map, buffer and loop, in one table.
//!
//! A bound that depends on the configuration is in [`super::settings::ClientLimits`]; these are
//! the ones nobody needs to tune. What happens at a bound is in its line; it is never a panic, nor
//! growth without end. A test sees to it that each is used by the code it bounds.

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
    /// One read from a socket, into a buffer that the connections of a worker share: large results
    /// come in few reads. A message that must be seen whole and is longer is gathered in a buffer
    /// of its connection.
    READ_BYTES = 256 * KIB;
    /// Reads from one client before others have their turn.
    CLIENT_READS_PER_TURN = 4;
    /// Reads from one server connection before others have their turn.
    SERVER_READS_PER_TURN = 8;
    /// A reply that is longer is read at a pace: what the server writes meanwhile, in pieces of
    /// 8 KiB, is read and sent on in one go.
    PACED_REPLY_BYTES = MIB;
    /// Microseconds between two such reads; the kernel may add 50.
    PACED_READ_MICROS = 100;
    /// A reply of which less comes in that time is read as it comes, until as much more of it has
    /// passed as makes a reply long.
    PACED_READ_BYTES_MIN = 16 * KIB;
    /// Socket events taken from the kernel at once; the rest is taken in the next turn.
    EVENTS_PER_TURN = 256;
    /// Buffers that the kernel fills as bytes arrive, for all connections of a worker, with
    /// io_uring. When all are full it goes on after the next turn.
    RECEIVE_BUFFERS = 128;
    /// One of these buffers. A connection of which more than three come at once is read without
    /// them, until it brings less than one.
    RECEIVE_BUFFER_BYTES = 16 * KIB;
    /// Completions that the kernel keeps ready for a worker, with io_uring. Further ones wait in
    /// the kernel.
    COMPLETIONS = 4_096;
    /// Bytes of one connection that came and that nobody reads, with io_uring. Beyond it no more
    /// is taken from its peer.
    UNREAD_BYTES = 64 * KIB;
    /// What is sent at once, with io_uring, and not at the end of the turn with the rest.
    DIRECT_SEND_BYTES = 16 * KIB;
    /// Send buffers that a worker keeps for the next turn, with io_uring.
    SEND_BUFFERS_KEPT = 256;
    /// The largest of them; larger ones are freed.
    SEND_BUFFER_BYTES_KEPT = 32 * KIB;
    /// A slow client's unsent reply. Beyond it the server is no longer read, nor the client. When
    /// more than this has been relayed already, nothing is gathered: the rest would not fit.
    CLIENT_BUFFER_BYTES = 256 * KIB;
    /// Bytes for a server that its socket does not take. Beyond it the client is no longer read.
    /// Nothing is gathered, likewise, when more than this has been relayed already.
    SERVER_BUFFER_BYTES = 256 * KIB;
    /// A client's message that must be seen whole before it is acted on: Query and Parse. What is
    /// longer streams through, and what it left in the session is asked for afterwards; a Parse
    /// with a name that is longer is refused.
    PARSE_BUFFER_BYTES = MIB;
    /// An ErrorResponse that is read whole. Of a longer one only the beginning is read; all of it
    /// is passed on.
    REPLY_BUFFER_BYTES = 64 * KIB;
    /// Parameters in one startup packet. One more is refused.
    STARTUP_PARAMETERS = 64;
    /// Name of a startup parameter. A longer one is refused.
    PARAMETER_NAME_BYTES = 63;
    /// Value of a startup parameter. A longer one is refused.
    PARAMETER_VALUE_BYTES = 1024;
    /// Settings that a client has changed and that follow it from server connection to server
    /// connection. One more pins the client.
    TRACKED_PARAMETERS = 128;
    /// Names and values of those settings together. Beyond it the client is pinned.
    TRACKED_PARAMETER_BYTES = 128 * KIB;
    /// A password, SCRAM or GSS message during login. A longer one ends the login.
    AUTH_MESSAGE_BYTES = 8 * KIB;
    /// Round trips of one login in either role. One more ends it.
    LOGIN_MESSAGES = 16;
    /// Clients between accept and the end of their login. For one more the longest silent one is
    /// closed; when none is silent, the newcomer is refused.
    HALF_OPEN_LOGINS = 1_000;
    /// Clients that a worker accepts at one address before queries have their turn, where workers
    /// accept. Further ones wait in the kernel.
    CALLERS_PER_TURN = 4;
    /// Clients that it hears about their proof before queries have their turn. The others are heard
    /// in the turns that follow.
    PROOFS_PER_TURN = 4;
    /// Secrets fetched with the authentication query that are remembered. The oldest goes.
    AUTH_QUERY_CACHE_USERS = 10_000;
    /// Name of a prepared statement. A client with a longer one is told and disconnected.
    STATEMENT_NAME_BYTES = 1024;
    /// Statements that a worker remembers after the last client that prepared them has left.
    /// Those longest unused go.
    STATEMENTS_UNUSED = 10_000;
    /// Bytes of all statements that one worker remembers. Unused ones go; when those in use are
    /// more, a client that prepares another is told and disconnected.
    STATEMENT_BYTES = 256 * MIB;
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
    /// Actions of the healer of one worker that are remembered. The oldest goes.
    HEALING_RECORDS = 1_000;
    /// Routes and statements that one worker can keep in quarantine at once. One more is let in.
    QUARANTINES = 64;
    /// Users, applications and routes that operators can exempt on the console. One more is
    /// refused.
    EXEMPTIONS = 1_000;
    /// Classes that the dispatch of one pool tells apart. Those with higher numbers share one.
    DISPATCH_CLASSES = 1_024;
    /// Rows of one console answer. A notice says how many were left out.
    CONSOLE_ROWS = 100_000;
    /// Console sessions at once. One more is refused.
    CONSOLE_SESSIONS = 64;
    /// Pools with series of their own in `/metrics`. Further ones are summed up as `other`.
    METRIC_POOLS = 1_000;
    /// Routes with series of their own in `/metrics`. Further ones are summed up.
    METRIC_ROUTES = 20;
    /// HTTP connections at once. Further ones wait to be accepted.
    HTTP_CONNECTIONS = 64;
    /// Sessions of one server that the guard looks at. Further ones are left out.
    GUARD_SESSIONS = 20_000;
    /// Samples the guard remembers for rates. The oldest goes.
    GUARD_POINTS = 128;
    /// A console command. A longer one is refused.
    CONSOLE_COMMAND_BYTES = 8 * KIB;
    /// Classes (routes, applications, users, transaction shapes) in one worker's ledger. For one
    /// more, one that nobody uses and that was not seen lately is added to `other`.
    LEDGER_CLASSES = 1_024;
    /// Statements known by fingerprint in one worker's ledger. Likewise one of them is forgotten.
    LEDGER_STATEMENTS = 4_096;
    /// The normal form of a statement that the ledger keeps. A longer one is cut.
    LEDGER_STATEMENT_BYTES = 512;
    /// Texts whose fingerprint and tags one worker remembers by hash. Another one with the same
    /// place replaces it.
    LEDGER_TEXTS = 4_096;
    /// Statements of a pipeline whose turn has not come and that the ledger knows. Those behind
    /// them are charged to the one before.
    LEDGER_STATEMENTS_AHEAD = 64;
    /// Gap edges in one worker's ledger. For one more, one not seen lately is added to `other`.
    LEDGER_GAPS = 1_024;
    /// Gap edges that are shown, those with most time. The rest is shown as `other`.
    LEDGER_GAPS_SHOWN = 100;
    /// Seconds of which the ledger keeps each.
    LEDGER_SECONDS = 900;
    /// Stretches of ten seconds that it keeps after that.
    LEDGER_TENS = 8_640;
    /// Classes shown by name in one of those seconds, those with most time. The rest is `other`.
    LEDGER_SECOND_CLASSES = 32;
    /// The same for stretches of ten seconds.
    LEDGER_TEN_CLASSES = 12;
    /// Classes by name in one stretch that is kept on disk, those with most time. The rest is
    /// `other`.
    LEDGER_SUMMARY_CLASSES = 64;
    /// Gap edges by name in one such stretch, those with most time. The rest is `other`.
    LEDGER_SUMMARY_GAPS = 64;
    /// Pools in one such stretch, those with most time. The rest is `other`.
    LEDGER_SUMMARY_POOLS = 256;
    /// Such stretches that the disk did not take, or all of them where there is no state
    /// directory. The oldest go.
    LEDGER_SUMMARIES_IN_MEMORY = 240;
    /// Such stretches in one answer over HTTP, the latest.
    LEDGER_SUMMARIES_SHOWN = 1_500;
    /// Files read for one configuration, `%include` and user lists among them.
    CONFIG_FILES = 64;
    /// Nesting of `%include`.
    CONFIG_INCLUDE_DEPTH = 10;
    /// One configuration file.
    CONFIG_FILE_BYTES = 16 * MIB;
    /// Causes kept of one incident. The weakest goes.
    INCIDENT_SUSPECTS = 16;
    /// Events kept of one incident. Of further ones only changes of state are kept, and how many
    /// were left out.
    INCIDENT_EVENTS = 2_000;
    /// Incidents kept in memory with all that is known of them, for console and HTTP. Older ones
    /// are read from the state directory.
    INCIDENTS_AT_HAND = 20;
    /// Actions told of before an incident opened that are kept for it. The oldest goes.
    INCIDENT_ACTIONS_BEFORE = 32;
    /// Actions counted in one incident. Further ones are only counted as events left out.
    INCIDENT_ACTIONS = 1_000;
    /// Classes whose caps and refusals are followed as actions. Further ones are not told.
    DISPATCH_ACTIONS = 256;
    /// Looks kept from before an incident: at one a second, five minutes.
    FLIGHT_POINTS_BEFORE = 300;
    /// Looks kept of an incident. For one more the resolution is halved.
    FLIGHT_POINTS = 1_200;
    /// Looks and notes that wait for the thread of incidents. Further ones are lost, and the log
    /// says so.
    INCIDENT_ORDERS = 256;
    /// Records of incidents that a full disk did not take. The oldest go.
    INCIDENT_RECORDS_UNSTORED = 10_000;
    /// Messages that wait for one receiver of alerts. The oldest goes, and the log says so.
    ALERTS_QUEUED = 64;
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
        const { assert!(STARTUP_PARAMETERS <= TRACKED_PARAMETERS) };
        let startup = STARTUP_PARAMETERS * (PARAMETER_NAME_BYTES + PARAMETER_VALUE_BYTES);
        assert!(startup <= TRACKED_PARAMETER_BYTES, "a login would pin its client");
        const { assert!(CONSOLE_COMMAND_BYTES <= PARSE_BUFFER_BYTES) };
    }
}
