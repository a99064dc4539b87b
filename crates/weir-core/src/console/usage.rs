//! The commands besides SHOW as people read of them: the help and the reference are made of this.

use super::topic::Topic;

/// A command as the help and the reference name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Its first word, lower case.
    pub word: &'static str,
    /// How it is written.
    pub syntax: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// Every command besides SHOW.
pub const COMMANDS: [Usage; 21] = [
    Usage {
        word: "pause",
        syntax: "PAUSE [database]",
        about: "Lets the transactions under way end, begins no other, and closes the server \
                connections. Answers when that is done. Clients stay connected and wait, each for \
                at most `pool.query_wait_timeout`. Cancelling the statement, or disconnecting \
                before the answer, ends the pause.",
    },
    Usage {
        word: "resume",
        syntax: "RESUME [database]",
        about: "Ends PAUSE and KILL. Without a name it ends all of them; a database that was \
                paused together with all others is resumed together with them.",
    },
    Usage {
        word: "reconnect",
        syntax: "RECONNECT [database]",
        about: "Closes each server connection when it is next free, and opens others as they are \
                needed: after a failover or a change of a name's address. Answers at once; \
                WAIT_CLOSE waits.",
    },
    Usage {
        word: "wait_close",
        syntax: "WAIT_CLOSE [database]",
        about: "Answers when the server connections that RECONNECT or a reload made stale are \
                closed.",
    },
    Usage {
        word: "kill",
        syntax: "KILL [database]",
        about: "Closes all client and server connections at once, running statements too, and \
                pauses. RESUME ends the pause.",
    },
    Usage {
        word: "kill_client",
        syntax: "KILL_CLIENT id",
        about: "Closes one client: `id` is that of SHOW CLIENTS. Its transaction is rolled back.",
    },
    Usage {
        word: "evict",
        syntax: "EVICT id | CLIENT id | ROUTE name [FORCE] [DRY RUN]",
        about: "Rolls back idle transactions and gives their server connections to others. The \
                clients stay connected and get an error until they roll back. `id` alone is that \
                of SHOW CLIENTS or SHOW SERVERS: whatever it wrote, and refused with the reason \
                where a statement or COMMIT is under way or where the client's session lives on \
                its server connection. CLIENT and ROUTE spare those that are exempt, and without \
                FORCE those that wrote rows; they answer a line for each. With DRY RUN nothing \
                is done.",
    },
    Usage {
        word: "cancel",
        syntax: "CANCEL id",
        about: "Cancels the statement of a client; `id` as for EVICT. Nothing else is sent on its \
                server connection before PostgreSQL has acknowledged that.",
    },
    Usage {
        word: "close_server",
        syntax: "CLOSE_SERVER id",
        about: "Closes a server connection under its client, for what CANCEL does not end; `id` \
                as for EVICT. The client stays connected: its statement ends with an error, and \
                its transaction has failed.",
    },
    Usage {
        word: "disable",
        syntax: "DISABLE database",
        about: "Refuses new clients of the database. Those that are connected stay.",
    },
    Usage { word: "enable", syntax: "ENABLE database", about: "Ends DISABLE." },
    Usage {
        word: "reload",
        syntax: "RELOAD",
        about: "Reads the configuration again, as SIGHUP does. Nobody is disconnected. A \
                configuration with problems changes nothing, and the answer names the first.",
    },
    Usage {
        word: "shutdown",
        syntax: "SHUTDOWN [WAIT_FOR_SERVERS | WAIT_FOR_CLIENTS]",
        about: "Stops the process: at once; or when the transactions under way have ended, for at \
                most `timeouts.shutdown_wait`, as SIGTERM does; or when the last client has left \
                by itself. New connections are not accepted meanwhile.",
    },
    Usage {
        word: "cap",
        syntax: "CAP ROUTE name slots | OFF [DRY RUN]",
        about: "Most slots that a route may hold in each pool, until OFF or the end of the \
                process. What it holds beyond that it keeps until its transactions end.",
    },
    Usage {
        word: "quarantine",
        syntax: "QUARANTINE ROUTE name | FINGERPRINT digits [OFF] [DRY RUN]",
        about: "Lets the transactions of a route, or those that begin with a statement, in one at \
                a time, and refuses the others (53300) until three in a row were well.",
    },
    Usage {
        word: "exempt",
        syntax: "EXEMPT USER name | APPLICATION name | ROUTE name [OFF] [DRY RUN]",
        about: "The healing ladder ends no work of theirs, until OFF or the end of the process. \
                For good: `healing.exempt_users` and its like.",
    },
    Usage {
        word: "freeze",
        syntax: "FREEZE [DRY RUN]",
        about: "Stops the healing ladder and the controller of caps at once, on all workers, and \
                lifts what they did. Commands of operators work still.",
    },
    Usage {
        word: "unfreeze",
        syntax: "UNFREEZE [DRY RUN]",
        about: "Ends FREEZE, and closes a breaker that opened because actions did not help.",
    },
    Usage {
        word: "suspend",
        syntax: "SUSPEND",
        about: "Refused: there is no hand-over of sockets to another process. PAUSE holds \
                clients.",
    },
    Usage {
        word: "set",
        syntax: "SET key = value",
        about: "Refused: the configuration is the file, so that a restart changes nothing. Change \
                it there and RELOAD. What drivers set by habit, such as `application_name`, is \
                accepted and ignored.",
    },
    Usage {
        word: "show",
        syntax: "SHOW table | SHOW INCIDENT [id]",
        about: "Answers one of the tables below; SHOW HELP lists them. SHOW INCIDENT answers what \
                happened in an incident, with the columns time, severity and what: that of this \
                name, or whose name begins so; without it, in the latest.",
    },
];

/// The help: every command and every table.
#[must_use]
pub fn usage() -> String {
    let tables: Vec<String> =
        Topic::ALL.iter().map(|topic| topic.table().name().to_ascii_uppercase()).collect();
    let mut text = format!("\n\tSHOW HELP|{}", tables.join("|"));
    for command in COMMANDS.iter().filter(|command| command.word != "show") {
        text.push_str("\n\t");
        text.push_str(command.syntax);
    }
    text
}
