//! The numbers behind a decision, for clients, operators and incident reports.

use std::fmt;
use std::time::Duration;

use crate::ids::ClassId;

/// Why the dispatch refused somebody or capped a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Why {
    /// Nothing was decided against the class.
    #[default]
    Nothing,
    /// Its transactions hold slots much longer than usual, and other classes' do not.
    Inflated,
    /// The same, and it holds more than half of the pool.
    Dominant,
    /// Everything is slow: no class is to blame.
    Common,
    /// Its clients leave before they are served.
    Deserted,
    /// Those who wait already would take longer to serve than a client may wait.
    Hopeless,
    /// Everything is slow, and others matter more.
    Shed,
}

impl Why {
    /// A sentence for people.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Nothing => "nothing was decided against this class",
            Self::Inflated => {
                "its transactions hold server connections much longer than usual, others' do not"
            }
            Self::Dominant => {
                "its transactions hold server connections much longer than usual, others' do not, \
                 and it holds more than half of the pool"
            }
            Self::Common => "all transactions take much longer than usual",
            Self::Deserted => "clients leave before they are served",
            Self::Hopeless => "the queue is longer than can be served in the time allowed",
            Self::Shed => "all transactions take much longer than usual, and others matter more",
        }
    }
}

/// What the controller saw of one class at its last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verdict {
    /// What follows from it.
    pub why: Why,
    /// Slot time lately, that of open transactions included, for each that ended; all of it while
    /// none has.
    pub hold: Duration,
    /// The usual slot time; none while too little was seen.
    pub usual: Option<Duration>,
    /// How much longer than usual other classes hold their slots, in percent; none without others.
    pub peers_percent: Option<u64>,
    /// Slots it held.
    pub held: u32,
    /// Slots the pool had open.
    pub slots: u32,
    /// Its clients that waited.
    pub waiting: u32,
    /// Clients of other classes waited at that moment.
    pub others_wait: bool,
}

/// A decision with the numbers that led to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// Whom it is about.
    pub class: ClassId,
    /// What was seen.
    pub verdict: Verdict,
    /// The reason of this decision.
    pub why: Why,
    /// How long the client waited.
    pub waited: Duration,
    /// How long it would have waited in order of arrival, if that is known.
    pub predicted: Option<Duration>,
    /// Most slots its class may hold now; none is no limit.
    pub cap: Option<u32>,
    /// The class that holds most slots, and how many.
    pub top: Option<(ClassId, u32)>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { hold, usual, held, slots, waiting, peers_percent, .. } = self.verdict;
        write!(
            f,
            "{}: {held} of {slots} held by this class, {waiting} waiting",
            self.why.sentence()
        )?;
        if let Some(cap) = self.cap {
            write!(f, ", at most {cap} allowed")?;
        }
        write!(f, "; {hold:.1?} of slots for each transaction that ended")?;
        if let Some(usual) = usual {
            write!(f, " (usual: {usual:.1?})")?;
        }
        if let Some(percent) = peers_percent {
            write!(f, ", others at {percent} % of theirs")?;
        }
        if let Some(predicted) = self.predicted {
            write!(f, "; predicted wait {predicted:.1?}")?;
        }
        Ok(())
    }
}
