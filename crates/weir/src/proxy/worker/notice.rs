//! What clients are told when they do not get what they asked for.

use weir_core::dispatch::{Explanation, Why};
use weir_core::healing::Turned;
use weir_core::pool::{Counts, PoolView, Refusal};
use weir_core::session::Notice;
use weir_wire::build;
use weir_wire::error::{Report, SqlState};

/// A report without detail and hint.
pub(super) fn plain(sqlstate: SqlState, message: &str) -> Notice {
    Notice { sqlstate, message: message.into(), detail: String::new(), hint: String::new() }
}

/// Why there was no server connection. `console` is the console's database name, if it has one.
pub(super) fn refusal(refusal: &Refusal, console: Option<&str>) -> Notice {
    match refusal {
        Refusal::QueueFull(counts) => Notice {
            sqlstate: SqlState::TOO_MANY_CONNECTIONS,
            message: refusal.to_string(),
            detail: describe(counts),
            hint: "Try again later; raise limits.queue_max only if clients can wait that long."
                .into(),
        },
        Refusal::WaitLimit { waited, counts, fault, .. } => Notice {
            sqlstate: SqlState::TOO_MANY_CONNECTIONS,
            message: format!("no server connection within {:.1} s", waited.as_secs_f64()),
            detail: match fault {
                Some(fault) => {
                    format!("{} The last attempt to connect: {}", describe(counts), fault.message)
                }
                None => describe(counts),
            },
            hint: who_holds(counts, console),
        },
        Refusal::Overload(why) => Notice {
            sqlstate: SqlState::TOO_MANY_CONNECTIONS,
            message: overload(why),
            detail: format!("{why}."),
            hint: advice(why.why).into(),
        },
        Refusal::Server(fault) => Notice {
            sqlstate: SqlState::parse(&fault.sqlstate).unwrap_or(SqlState::CONNECTION_FAILURE),
            message: fault.message.to_string(),
            detail: "PostgreSQL refused the proxy's own connection for this pool.".into(),
            hint: "Check user, password and database in the configuration of the proxy.".into(),
        },
        Refusal::Removed => removed(),
        Refusal::Stopping => stopping(),
    }
}

/// One sentence for a client that is refused so that others are served.
fn overload(why: &Explanation) -> String {
    if why.waited.is_zero() {
        return "refused a server connection: the pool is overloaded".into();
    }
    let waited = why.waited.as_secs_f64();
    format!("no server connection within {waited:.1} s: the pool is overloaded")
}

const fn advice(why: Why) -> &'static str {
    match why {
        Why::Inflated | Why::Dominant => {
            "Try again later. Look for what this kind of transaction waits for while it is open: \
             a call to another service belongs before or after it."
        }
        Why::Common | Why::Shed => {
            "Try again later, after a pause. PostgreSQL is slow for everybody: look at locks, load \
             and plans there."
        }
        Why::Deserted | Why::Hopeless | Why::Nothing => {
            "Try again later, after a pause that grows. More clients ask than the pool can serve."
        }
    }
}

/// A claim of something that is in quarantine.
pub(super) fn quarantined(turned: &Turned) -> Notice {
    let (kind, name) = (turned.subject.kind(), turned.subject.name());
    let until = if turned.probing {
        "One of them is let in at this moment; how it goes decides about the others.".to_owned()
    } else {
        format!("The next is let in after {:.1} s.", turned.next.as_secs_f64())
    };
    Notice {
        sqlstate: SqlState::TOO_MANY_CONNECTIONS,
        message: format!("refused a server connection: the {kind} \"{name}\" is in quarantine"),
        detail: format!("Because {}. {until}", turned.why),
        hint: "Try again later. SHOW QUARANTINE on the console says how it goes; QUARANTINE … OFF \
               ends it."
            .into(),
    }
}

/// The pool is not configured any more.
pub(super) fn removed() -> Notice {
    plain(SqlState::ADMIN_SHUTDOWN, &Refusal::Removed.to_string())
}

/// A notice for a client that waits for a server connection behind `ahead` others.
pub(super) fn waiting(ahead: usize, view: &PoolView) -> Vec<u8> {
    let message = format!(
        "waiting for a server connection: {ahead} ahead in the queue, {} of {} server connections \
         are in use",
        view.active, view.size_max
    );
    let mut out = Vec::new();
    build::notice_response(&mut out, &Report::notice(&message));
    out
}

/// The server connection of a session had to go.
pub(super) fn replaced() -> Notice {
    Notice {
        sqlstate: SqlState::ADMIN_SHUTDOWN,
        message: "the session's server connection is replaced".into(),
        detail: "The server has a new address, or an administrator asked for new connections."
            .into(),
        hint: "Connect again.".into(),
    }
}

/// The proxy is being stopped.
pub(super) fn stopping() -> Notice {
    Notice {
        sqlstate: SqlState::ADMIN_SHUTDOWN,
        message: "the proxy is shutting down".into(),
        detail: String::new(),
        hint: "Connect again; another instance may be running already.".into(),
    }
}

/// An operator closed the client.
pub(super) fn killed() -> Notice {
    plain(SqlState::ADMIN_SHUTDOWN, "terminating connection due to administrator command")
}

/// An operator rolled an idle transaction back.
pub(super) fn evicted() -> Notice {
    Notice {
        sqlstate: SqlState::IDLE_IN_TRANSACTION_TIMEOUT,
        message: "transaction rolled back by an administrator while it waited for its client"
            .into(),
        detail: "Its server connection is used by others; this connection lives on.".into(),
        hint: "ROLLBACK, then repeat the transaction without waiting inside it.".into(),
    }
}

/// An operator closed a server connection.
pub(super) fn closed() -> Notice {
    Notice {
        sqlstate: SqlState::IDLE_IN_TRANSACTION_TIMEOUT,
        message: "statement ended by an administrator, who closed its server connection".into(),
        detail: "A transaction that was open is rolled back; this connection lives on.".into(),
        hint: "ROLLBACK, then repeat the transaction; read results as they come.".into(),
    }
}

/// The server connection broke under the client.
pub(super) fn server_lost() -> Notice {
    Notice {
        sqlstate: SqlState::CONNECTION_FAILURE,
        message: "the server closed the connection unexpectedly".into(),
        detail:
            "The transaction under way is lost; whether a COMMIT under way took place is not known."
                .into(),
        hint: "Connect again and repeat the transaction.".into(),
    }
}

fn describe(counts: &Counts) -> String {
    let Counts { active, size_max, dialling, between, waiting, .. } = *counts;
    let between = match between {
        0 => String::new(),
        between => format!(" {between} are being checked, put in order or closed,"),
    };
    let wait = if waiting == 1 { "client waits" } else { "clients wait" };
    format!(
        "{active} of {size_max} server connections are in use,{between} {dialling} are being \
         opened, {waiting} {wait}."
    )
}

/// Where to look next.
fn who_holds(counts: &Counts, console: Option<&str>) -> String {
    let nobody = if counts.active == 0 {
        "Nobody holds one: PostgreSQL gives none, or does not answer. "
    } else {
        ""
    };
    let look = match console {
        None => "The console would say more; it is switched off (console.databases).".to_owned(),
        Some(name) if counts.active == 0 => {
            format!("SHOW POOLS on the console (database {name}) says what it said last.")
        }
        Some(name) => format!(
            "SHOW HOLDERS on the console (database {name}) says who holds the connections, and \
             what each of them does."
        ),
    };
    format!("{nobody}{look}")
}

/// Where to read about the open incident.
pub(super) fn incident_hint(id: &str, console: &str) -> String {
    format!(" SHOW INCIDENT \"{id}\" on the console (database {console}) says what is known.")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_waited_in_vain_is_told_where_the_holders_are_named() {
        let refusal = |refused: &Refusal| refusal(refused, Some("weir"));
        let counts =
            Counts { active: 4, idle: 0, dialling: 0, between: 0, waiting: 1, size_max: 4 };
        let waited = Duration::from_secs(5);
        let told = refusal(&Refusal::WaitLimit { waited, ahead: 0, counts, fault: None });
        assert!(told.hint.starts_with("SHOW HOLDERS on the console"), "{}", told.hint);
        assert!(told.detail.ends_with("use, 0 are being opened, 1 client waits."), "{told:?}");
        let counts = Counts { active: 0, between: 3, waiting: 2, ..counts };
        let told = refusal(&Refusal::WaitLimit { waited, ahead: 0, counts, fault: None });
        assert!(told.hint.starts_with("Nobody holds one: PostgreSQL"), "{}", told.hint);
        assert!(told.detail.contains("3 are being checked"), "{}", told.detail);
    }

    #[test]
    fn the_console_is_named_as_it_is_configured() {
        for (active, look) in [(4, "SHOW HOLDERS"), (0, "SHOW POOLS")] {
            let counts =
                Counts { active, idle: 0, dialling: 0, between: 0, waiting: 1, size_max: 4 };
            let named = who_holds(&counts, Some("pooler"));
            assert!(named.contains(look) && named.contains("(database pooler)"), "{named}");
            let nameless = who_holds(&counts, None);
            assert!(!nameless.contains("SHOW") && nameless.contains("switched off"), "{nameless}");
        }
        assert!(
            incident_hint("7-a", "pooler").contains("\"7-a\" on the console (database pooler)")
        );
    }
}
