//! Who is shielded by the name it goes by.

use super::holder::Shield;

/// How programs that make or restore backups call themselves.
const BACKUPS: [&str; 6] =
    ["pg_dump", "pg_restore", "pg_basebackup", "pgbackrest", "barman", "wal-g"];

/// How tagged maintenance begins: its route, by an SQL comment, or its `application_name`.
const MAINTENANCE: &str = "maintenance";

impl Shield {
    /// What shields a client with this `application_name`, in any case.
    #[must_use]
    pub fn of_application(name: &str) -> Option<Self> {
        let is = |word: &&str| begins(name, word);
        if BACKUPS.iter().any(is) {
            Some(Self::Backup)
        } else {
            is(&MAINTENANCE).then_some(Self::Maintenance)
        }
    }

    /// What shields a transaction of this route.
    #[must_use]
    pub fn of_route(route: &str) -> Option<Self> {
        begins(route.trim_start_matches('/'), MAINTENANCE).then_some(Self::Maintenance)
    }
}

fn begins(name: &str, word: &str) -> bool {
    name.as_bytes().get(..word.len()).is_some_and(|b| b.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backups_and_maintenance_are_known_by_their_names() {
        let of = Shield::of_application;
        assert_eq!(of("pg_dump"), Some(Shield::Backup));
        assert_eq!(of("pgBackRest [backup]"), Some(Shield::Backup));
        assert_eq!(of("maintenance: nightly"), Some(Shield::Maintenance));
        assert_eq!((of("shop"), of("pg_dum"), of("")), (None, None, None));
        assert_eq!(Shield::of_route("/maintenance/vacuum"), Some(Shield::Maintenance));
        assert_eq!(Shield::of_route("/orders"), None);
    }
}
