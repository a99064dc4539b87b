//! What is paused and what is disabled, by the database names clients use.

use std::collections::BTreeSet;

/// The operators' standing orders. They outlive a reload and end with the process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holds {
    everything: bool,
    paused: BTreeSet<String>,
    disabled: BTreeSet<String>,
}

impl Holds {
    /// Whether this database is paused, by itself or with everything.
    #[must_use]
    pub fn is_paused(&self, database: &str) -> bool {
        self.everything || self.paused.contains(database)
    }

    /// Whether everything is paused.
    #[must_use]
    pub fn is_everything_paused(&self) -> bool {
        self.everything
    }

    /// Whether new clients of this database are refused.
    #[must_use]
    pub fn is_disabled(&self, database: &str) -> bool {
        self.disabled.contains(database)
    }

    /// Notes a pause. False when it was paused already.
    pub fn pause(&mut self, database: Option<&str>) -> bool {
        match database {
            None => !std::mem::replace(&mut self.everything, true),
            Some(name) => !self.everything && self.paused.insert(name.to_owned()),
        }
    }

    /// Notes the end of a pause; without a name of all. False when nothing was paused: a database
    /// that is paused with everything else is not resumed alone.
    pub fn resume(&mut self, database: Option<&str>) -> bool {
        match database {
            None => {
                let any = self.everything || !self.paused.is_empty();
                self.everything = false;
                self.paused.clear();
                any
            }
            Some(name) => !self.everything && self.paused.remove(name),
        }
    }

    /// Refuses new clients of a database from now on.
    pub fn disable(&mut self, database: &str) {
        self.disabled.insert(database.to_owned());
    }

    /// Lets new clients of a database in again.
    pub fn enable(&mut self, database: &str) {
        self.disabled.remove(database);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_of_everything_is_ended_as_a_whole() {
        let mut holds = Holds::default();
        assert!(holds.pause(Some("a")));
        assert!(!holds.pause(Some("a")), "twice");
        assert!(holds.is_paused("a") && !holds.is_paused("b"));
        assert!(holds.pause(None));
        assert!(holds.is_paused("b"));
        assert!(!holds.resume(Some("a")), "one of all");
        assert!(holds.resume(None));
        assert!(!holds.is_paused("a") && !holds.is_paused("b"));
        assert!(!holds.resume(None), "nothing is left");
    }

    #[test]
    fn a_disabled_database_is_not_paused() {
        let mut holds = Holds::default();
        holds.disable("a");
        assert!(holds.is_disabled("a") && !holds.is_paused("a") && !holds.is_disabled("b"));
        holds.enable("a");
        assert!(!holds.is_disabled("a"));
    }
}
