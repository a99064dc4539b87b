//! Who is never touched, by user, application, class or statement.

use std::collections::BTreeSet;

use super::holder::Shield;

/// Statements that change the schema: a deployment waits for them, and they leave work behind.
const MIGRATIONS: [&str; 3] = ["alter ", "create ", "drop "];

/// Statements that look like those and leave nothing behind.
const PASSING: [&str; 1] = ["create temp"];

/// Statements that keep the database in order.
const MAINTENANCE: [&str; 6] =
    ["vacuum", "analyze", "reindex", "cluster", "refresh materialized ", "checkpoint"];

/// Applications of backups, as in the guard's settings.
const BACKUPS: [&str; 7] =
    ["pg_dump", "pg_dumpall", "pg_restore", "pg_basebackup", "pgbackrest*", "barman*", "wal-g*"];

/// Applications of migrations.
const MIGRATORS: [&str; 6] =
    ["alembic*", "flyway*", "liquibase*", "sqitch*", "migrat*", "pg_repack*"];

/// Classes of maintenance, by their tags.
const TAGS: [&str; 4] = ["maintenance*", "/maintenance*", "migrat*", "backup*"];

/// Applications of maintenance.
const KEEPERS: [&str; 1] = ["maintenance*"];

/// Whose work is never ended. Patterns may end with `*`, which stands for anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemptions {
    /// Users, of clients and of pools.
    pub users: Vec<String>,
    /// Application names.
    pub applications: Vec<String>,
    /// Names of classes: tags of the SQL, or what else a route is called.
    pub classes: Vec<String>,
    /// Superusers of PostgreSQL. Default yes.
    pub superusers: bool,
}

impl Default for Exemptions {
    fn default() -> Self {
        let applications = BACKUPS.iter().chain(&MIGRATORS).chain(&KEEPERS);
        Self {
            users: Vec::new(),
            applications: applications.map(|&name| name.to_owned()).collect(),
            classes: TAGS.map(str::to_owned).to_vec(),
            superusers: true,
        }
    }
}

/// What an operator exempted with EXEMPT, until the process ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exempted {
    /// A user.
    User(String),
    /// An application name.
    Application(String),
    /// A route.
    Route(String),
}

/// Who has a slot, as far as exemptions look at it.
#[derive(Debug, Clone, Copy)]
pub struct Party<'a> {
    /// The client's user.
    pub user: &'a str,
    /// The user of the pool's server connections.
    pub pool_user: &'a str,
    /// What the client calls itself.
    pub application: &'a str,
    /// The class of its transaction.
    pub route: &'a str,
    /// Its statement in normal form: lower case, without values; the last one while it is idle.
    pub statement: &'a str,
    /// PostgreSQL says that the role is a superuser.
    pub superuser: bool,
}

impl Exemptions {
    /// Whether the work of this user is never ended.
    #[must_use]
    pub fn names(&self, user: &str) -> bool {
        self.users.iter().any(|one| fits(one, user))
    }

    /// What shields this party, if anything does. `ordered`: what operators exempted besides.
    #[must_use]
    pub fn shield(&self, party: &Party<'_>, ordered: &BTreeSet<Exempted>) -> Option<Shield> {
        let named = |patterns: &[String], name: &str| patterns.iter().any(|one| fits(one, name));
        if self.superusers && party.superuser {
            return Some(Shield::Superuser);
        }
        if is_ordered(party, ordered) {
            return Some(Shield::Exempt);
        }
        if named(&self.users, party.user) || named(&self.users, party.pool_user) {
            return Some(Shield::Exempt);
        }
        if named(&self.applications, party.application) {
            return Some(kind_of(party.application));
        }
        if named(&self.classes, party.route) {
            return Some(Shield::Maintenance);
        }
        let begins = |words: &[&str]| words.iter().any(|word| party.statement.starts_with(word));
        if begins(&MIGRATIONS) && !begins(&PASSING) {
            Some(Shield::Migration)
        } else if begins(&MAINTENANCE) {
            Some(Shield::Maintenance)
        } else {
            None
        }
    }
}

fn is_ordered(party: &Party<'_>, ordered: &BTreeSet<Exempted>) -> bool {
    ordered.iter().any(|one| match one {
        Exempted::User(name) => name == party.user || name == party.pool_user,
        Exempted::Application(name) => name == party.application,
        Exempted::Route(name) => name == party.route,
    })
}

/// What an exempt application is, as far as its name tells.
fn kind_of(application: &str) -> Shield {
    if BACKUPS.iter().any(|one| fits(one, application)) {
        Shield::Backup
    } else if MIGRATORS.iter().any(|one| fits(one, application)) {
        Shield::Migration
    } else if KEEPERS.iter().any(|one| fits(one, application)) {
        Shield::Maintenance
    } else {
        Shield::Exempt
    }
}

/// Whether a name is the one of a pattern, or begins with what is before its `*`, in any case.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => {
            let begin = name.as_bytes().get(..start.len());
            begin.is_some_and(|begin| begin.eq_ignore_ascii_case(start.as_bytes()))
        }
        None => name.eq_ignore_ascii_case(pattern),
    }
}
