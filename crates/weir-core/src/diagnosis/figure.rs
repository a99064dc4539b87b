//! Evidence: measured figures with names and units.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Things.
    Count,
    /// Seconds.
    Seconds,
    /// Hundredths of the whole.
    Percent,
    /// Each second.
    PerSecond,
    /// How many times as much.
    Times,
}

macro_rules! measures {
    ($($(#[doc = $doc:literal])+ $name:ident = $label:literal, $unit:ident;)+) => {
        /// What a figure measures.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Measure {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Measure {
            /// Its name in English.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)+
                }
            }

            /// Its unit.
            #[must_use]
            pub const fn unit(self) -> Unit {
                match self {
                    $(Self::$name => Unit::$unit,)+
                }
            }
        }
    };
}

measures! {
    /// Client sessions open on the server, over all databases.
    ConnectionsUsed = "connections used", Count;
    /// Connections that ordinary roles can open: `max_connections` without the reserved ones, or
    /// the limit of one database or role.
    ConnectionsLimit = "connections possible", Count;
    /// Used, of possible.
    ConnectionsPercent = "connections used of possible", Percent;
    /// At the present rate, until the limit.
    UntilFull = "until full", Seconds;
    /// Sessions, slots or clients that the finding explains.
    Explained = "sessions explained", Count;
    /// Statements that run longer than the limit for long ones.
    LongStatements = "long statements", Count;
    /// The limit a time is compared with.
    TimeLimit = "time limit", Seconds;
    /// How long the oldest statement runs.
    OldestStatement = "oldest statement", Seconds;
    /// The median of how long statements run.
    MedianStatement = "median statement", Seconds;
    /// Transactions that wait for their application.
    IdleInTransaction = "idle in transaction", Count;
    /// Their share of the sessions in use.
    IdleInTransactionPercent = "idle in transaction, of sessions in use", Percent;
    /// The longest silence.
    OldestSilence = "longest silence", Seconds;
    /// The median silence.
    MedianSilence = "median silence", Seconds;
    /// Sessions that wait for a lock.
    Blocked = "sessions blocked", Count;
    /// Steps from the root of a lock chain to its last waiter.
    ChainDepth = "depth of the chain", Count;
    /// How long the root's transaction is open.
    RootTransaction = "root's transaction open", Seconds;
    /// Sessions whose answer the client does not read.
    BlockedOnClient = "sessions that wait for a slow reader", Count;
    /// Rows one transaction takes.
    RowsPerTransaction = "rows a transaction", Count;
    /// Rows that the whole server reads from tables and indexes.
    RowsRead = "rows the server reads", PerSecond;
    /// Slots of the pool.
    Slots = "slots of the pool", Count;
    /// Slots that are held.
    SlotsHeld = "slots held", Count;
    /// Slots that execute.
    SlotsExecuting = "slots executing", Count;
    /// Slots that the work needs by Little's law: arrivals times hold time.
    SlotsNeeded = "slots needed", Count;
    /// Clients that wait for a slot.
    Waiting = "clients waiting", Count;
    /// Most slots a class may hold.
    SlotsAllowed = "slots allowed", Count;
    /// How long a holder has done what it does.
    HeldFor = "has lasted", Seconds;
    /// Slot time of one transaction.
    HoldTime = "slot time a transaction", Seconds;
    /// The same, as it usually is.
    HoldUsual = "usual slot time", Seconds;
    /// Longer waits are refused.
    WaitAllowed = "longest wait allowed", Seconds;
    /// How long the oldest waiter waits.
    OldestWait = "oldest wait", Seconds;
    /// Idle sessions of one origin.
    IdleSessions = "idle sessions", Count;
    /// Sessions that one origin has opened.
    SessionsOfOrigin = "sessions of this origin", Count;
    /// New connections.
    ConnectionRate = "new connections", PerSecond;
    /// Sessions younger than the window for young ones.
    YoungSessions = "young sessions", Count;
    /// Transactions.
    TransactionRate = "transactions", PerSecond;
    /// What is usual.
    UsualRate = "usual rate", PerSecond;
    /// Cancel requests.
    CancelRate = "cancel requests", PerSecond;
    /// Cancel requests under way.
    CancelsUnderWay = "cancel requests under way", Count;
    /// Hold time now, against the usual.
    Inflation = "hold time against the usual", Times;
    /// The same, median of all other routes.
    PeerInflation = "hold time of other routes against the usual", Times;
    /// Routes that were compared.
    RoutesCompared = "routes compared", Count;
    /// Clients pinned to server connections.
    Pinned = "clients pinned", Count;
    /// Pinned clients allowed.
    PinsAllowed = "pins allowed", Count;
    /// File descriptors open.
    DescriptorsUsed = "descriptors open", Count;
    /// File descriptors allowed.
    DescriptorsLimit = "descriptors allowed", Count;
    /// Sessions that do not come through the proxy.
    DirectSessions = "direct sessions", Count;
    /// Connections that all pools together may open.
    SlotsOfAllPools = "slots of all pools", Count;
    /// Statements that run at this moment.
    ActiveStatements = "active statements", Count;
    /// Of those, how many wait inside the server: disk, internal locks, commit.
    WaitingInServer = "statements that wait inside the server", Count;
    /// Different statements among them.
    DifferentStatements = "different statements", Count;
    /// How long the server took to answer the guard.
    AnswerTime = "server's answer to the guard", Seconds;
    /// How long the server has not answered.
    Silence = "no answer for", Seconds;
}

/// One piece of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured.
    pub measure: Measure,
    /// The value, in the measure's unit.
    pub value: f64,
    /// The unit.
    pub unit: Unit,
}

impl Figure {
    /// A value of a measure.
    #[must_use]
    pub const fn new(measure: Measure, value: f64) -> Self {
        Self { measure, value, unit: measure.unit() }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (label, value) = (self.measure.label(), self.value);
        match self.unit {
            Unit::Count => write!(f, "{label} {value:.0}"),
            Unit::Seconds if value > 0.0 && value < 0.95 => {
                write!(f, "{label} {:.0} ms", value * 1000.0)
            }
            Unit::Seconds => write!(f, "{label} {value:.1} s"),
            Unit::Percent => write!(f, "{label} {value:.0} %"),
            Unit::PerSecond => write!(f, "{label} {value:.1}/s"),
            Unit::Times => write!(f, "{label} {value:.1} times"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_shown_with_their_units() {
        let check = |measure, value, expected| {
            assert_eq!(Figure::new(measure, value).to_string(), expected);
        };
        check(Measure::ConnectionsUsed, 97.0, "connections used 97");
        check(Measure::OldestStatement, 42.13, "oldest statement 42.1 s");
        check(Measure::HoldUsual, 0.031, "usual slot time 31 ms");
        check(Measure::ConnectionsPercent, 99.6, "connections used of possible 100 %");
        check(Measure::ConnectionRate, 55.5, "new connections 55.5/s");
        check(Measure::Inflation, 9.0, "hold time against the usual 9.0 times");
    }
}
