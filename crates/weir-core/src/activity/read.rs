//! From the rows of an answer to plain data. What is not understood becomes a [`Strange`], never
//! a guess.

use std::time::Duration;

use thiserror::Error;
use weir_wire::sql::Attribution;

use super::ask::APPLICATION;
use super::sample::{
    Facts, Kind, Limits, Narrower, Reserve, Sample, Session, State, Totals, Wait, Whose,
};
use super::statement::Statement;
use crate::ids::Pid;
use crate::time::Instant;

/// A row as text; `None` is NULL.
pub type Row = Vec<Option<String>>;

/// The rows of each statement that gave any description of rows, in order.
pub type Answer = Vec<Vec<Row>>;

/// The server answered something else than was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the server's answer has an unexpected {0}")]
pub struct Strange(pub &'static str);

/// Reads the answer to [`super::ask::facts`].
///
/// # Errors
/// When it is not one.
pub fn facts(answer: &Answer) -> Result<Facts, Strange> {
    let [main, narrower] = answer.as_slice() else { return Err(Strange("number of results")) };
    let mut row = Fields::of(main.first().ok_or(Strange("number of rows"))?);
    let version = row.number("version")?;
    let in_recovery = row.truth()?;
    let (max_connections, superuser_reserved) = (row.number("limit")?, row.number("limit")?);
    let reserved = row.number("limit")?;
    let (may_use_reserved, superuser, reads_all) = (row.truth()?, row.truth()?, row.truth()?);
    Ok(Facts {
        version,
        in_recovery,
        limits: Limits { max_connections, superuser_reserved, reserved },
        narrower: narrower.iter().map(narrower_limit).collect::<Result<_, _>>()?,
        sees_all: superuser || reads_all,
        reserve: match (superuser, may_use_reserved && reserved > 0) {
            (true, _) => Reserve::Superuser,
            (false, true) => Reserve::Reserved,
            (false, false) => Reserve::None,
        },
        statement_timeout: row.millis()?,
        idle_in_transaction_timeout: row.millis()?,
    })
}

/// When and how an answer came.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// When it came.
    pub at: Instant,
    /// How long it took.
    pub took: Duration,
}

/// Reads the answer to [`super::ask::sample`].
///
/// # Errors
/// When it is not one.
pub fn sample(answer: &Answer, facts: &Facts, taken: Taken) -> Result<Sample, Strange> {
    let [sessions, totals] = answer.as_slice() else { return Err(Strange("number of results")) };
    let mut row = Fields::of(totals.first().ok_or(Strange("number of rows"))?);
    Ok(Sample {
        taken: taken.at,
        took: taken.took,
        facts: facts.clone(),
        sessions: sessions.iter().map(session).collect::<Result<_, _>>()?,
        totals: Totals {
            transactions: row.optional("sum")?.unwrap_or(0),
            sessions: row.optional("sum")?,
            deadlocks: row.optional("sum")?.unwrap_or(0),
            rows_read: row.optional("sum")?.unwrap_or(0),
        },
    })
}

fn narrower_limit(row: &Row) -> Result<Narrower, Strange> {
    let mut row = Fields::of(row);
    let (kind, name) = (row.text()?, row.text()?.to_owned());
    let whose = match kind {
        "database" => Whose::Database(name),
        "role" => Whose::Role(name),
        _ => return Err(Strange("kind of limit")),
    };
    Ok(Narrower { whose, limit: row.number("limit")? })
}

fn session(row: &Row) -> Result<Session, Strange> {
    let mut row = Fields::of(row);
    let pid = Pid(row.number("process id")?);
    let kind = kind(row.text()?);
    let [database, user, application, address] =
        [row.text()?, row.text()?, row.text()?, row.text()?].map(str::to_owned);
    let state = state(row.text()?);
    let wait = wait(row.text()?, row.text()?);
    // One that is hidden must not look young.
    let age = row.seconds()?.unwrap_or(Duration::MAX);
    let (transaction, statement_began) = (row.seconds()?, row.seconds()?);
    let state_for = row.seconds()?.unwrap_or_default();
    let wrote = row.truth()?;
    let blocked_by = row.pids()?;
    let query_id = row.optional("query id")?;
    let text = row.next()?.unwrap_or_default().as_bytes();
    Ok(Session {
        pid,
        kind,
        own: application == APPLICATION,
        database,
        user,
        application,
        address,
        state,
        wait,
        age,
        transaction,
        statement_began,
        state_for,
        wrote,
        blocked_by,
        statement: Statement::of(text),
        route: Attribution::from_text(text).label().map(|label| label.into_owned()),
        query_id,
    })
}

fn kind(word: &str) -> Kind {
    match word {
        "client backend" => Kind::Client,
        "walsender" => Kind::Replication,
        "autovacuum worker" => Kind::Autovacuum,
        "parallel worker" => Kind::Parallel,
        _ => Kind::Background,
    }
}

fn state(word: &str) -> State {
    match word {
        "active" | "fastpath function call" => State::Active,
        "idle" => State::Idle,
        "idle in transaction" => State::IdleInTransaction,
        "idle in transaction (aborted)" => State::IdleInFailedTransaction,
        // Logging in, `disabled`, or hidden from this role.
        _ => State::Unknown,
    }
}

fn wait(class: &str, event: &str) -> Wait {
    match (class, event) {
        ("", _) => Wait::None,
        ("Client", "ClientRead") => Wait::ClientRead,
        ("Client", "ClientWrite") => Wait::ClientWrite,
        ("Lock", _) => Wait::Lock,
        ("Activity", _) => Wait::Work,
        _ => Wait::Server,
    }
}

/// The fields of a row, one after the other.
struct Fields<'a>(std::slice::Iter<'a, Option<String>>);

impl<'a> Fields<'a> {
    fn of(row: &'a Row) -> Self {
        Self(row.iter())
    }

    fn next(&mut self) -> Result<Option<&'a str>, Strange> {
        self.0.next().map(Option::as_deref).ok_or(Strange("number of columns"))
    }

    fn text(&mut self) -> Result<&'a str, Strange> {
        self.next()?.ok_or(Strange("NULL"))
    }

    fn truth(&mut self) -> Result<bool, Strange> {
        Ok(self.text()? == "t")
    }

    fn number<T: std::str::FromStr>(&mut self, what: &'static str) -> Result<T, Strange> {
        self.text()?.parse().map_err(|_| Strange(what))
    }

    fn optional<T: std::str::FromStr>(&mut self, what: &'static str) -> Result<Option<T>, Strange> {
        self.next()?.map(str::parse).transpose().map_err(|_| Strange(what))
    }

    /// Seconds with a fraction. A clock that was set back gives a negative age, which is none.
    fn seconds(&mut self) -> Result<Option<Duration>, Strange> {
        let seconds: Option<f64> = self.optional("age")?;
        Ok(seconds.map(|age| Duration::try_from_secs_f64(age).unwrap_or_default()))
    }

    /// A time limit in milliseconds, where 0 is none.
    fn millis(&mut self) -> Result<Option<Duration>, Strange> {
        let millis: u64 = self.number("time limit")?;
        Ok((millis > 0).then(|| Duration::from_millis(millis)))
    }

    fn pids(&mut self) -> Result<Vec<Pid>, Strange> {
        let text = self.next()?.unwrap_or_default();
        let parse = |pid: &str| pid.parse().map(Pid).map_err(|_| Strange("process id"));
        text.split(',').filter(|pid| !pid.is_empty()).map(parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(fields: &[&str]) -> Row {
        let field = |&text: &&str| (text != "NULL").then(|| text.to_owned());
        fields.iter().map(field).collect()
    }

    fn facts_row() -> Row {
        row(&["150004", "f", "100", "3", "0", "f", "f", "t", "0", "60000"])
    }

    fn read_facts() -> Facts {
        let limits = vec![row(&["database", "shop", "40"]), row(&["role", "app", "0"])];
        facts(&vec![vec![facts_row()], limits]).unwrap()
    }

    #[test]
    fn facts_tell_limits_and_what_the_role_sees() {
        let facts = read_facts();
        assert_eq!((facts.major(), facts.limits.ordinary()), (15, 97));
        assert!(facts.sees_all && !facts.in_recovery);
        assert_eq!(facts.reserve, Reserve::None);
        assert_eq!(facts.statement_timeout, None);
        assert_eq!(facts.idle_in_transaction_timeout, Some(Duration::from_secs(60)));
        let shop = Narrower { whose: Whose::Database("shop".into()), limit: 40 };
        assert_eq!(facts.narrower, [shop, Narrower { whose: Whose::Role("app".into()), limit: 0 }]);
        assert_eq!(facts.blind_spots().len(), 1);
    }

    #[test]
    fn a_session_is_read_without_its_values_and_with_its_route() {
        let text = "SELECT * FROM orders WHERE card = '4111' /*route='/pay'*/";
        let session = row(&[
            "42",
            "client backend",
            "shop",
            "app",
            "web",
            "10.0.0.7",
            "active",
            "Lock",
            "transactionid",
            "99.5",
            "12.5",
            "3",
            "-0.001",
            "t",
            "7,8",
            "-5",
            text,
        ]);
        let mut guard = session.clone();
        (guard[0], guard[4]) = (Some("43".into()), Some(APPLICATION.into()));
        let totals = vec![row(&["1000", "NULL", "2", "90"])];
        let taken = Taken { at: Instant::ZERO, took: Duration::from_millis(3) };
        let answer = vec![vec![session, guard], totals];
        let sample = sample(&answer, &read_facts(), taken).unwrap();
        let session = &sample.sessions[0];
        assert_eq!((session.state, session.wait), (State::Active, Wait::Lock));
        assert_eq!(session.blocked_by, [Pid(7), Pid(8)]);
        assert_eq!(session.running(), Some(Duration::from_secs(3)));
        assert_eq!(session.state_for, Duration::ZERO);
        assert_eq!(session.route.as_deref(), Some("/pay"));
        assert!(!session.statement.text.contains("4111"));
        assert_eq!((sample.used(), sample.clients().count()), (2, 1), "the guard counts");
        let totals = Totals { transactions: 1000, sessions: None, deadlocks: 2, rows_read: 90 };
        assert_eq!(sample.totals, totals);
    }

    #[test]
    fn an_idle_session_runs_nothing_however_old_its_last_statement_is() {
        let idle = row(&[
            "1",
            "client backend",
            "shop",
            "app",
            "web",
            "",
            "idle",
            "Client",
            "ClientRead",
            "5000",
            "NULL",
            "4000",
            "4000",
            "f",
            "NULL",
            "NULL",
            "NULL",
        ]);
        let session = session(&idle).unwrap();
        assert_eq!((session.running(), session.silent()), (None, None));
        assert_eq!(session.state_for, Duration::from_secs(4000));
    }

    #[test]
    fn a_session_that_is_hidden_counts_and_is_neither_young_nor_busy() {
        let mut hidden = row(&["1", "client backend", "shop", "app", "", "", "", "", ""]);
        hidden.extend(row(&["NULL", "NULL", "NULL", "NULL", "f", "NULL", "NULL", "NULL"]));
        let session = session(&hidden).unwrap();
        assert_eq!((session.kind, session.state), (Kind::Client, State::Unknown));
        assert_eq!((session.running(), session.silent()), (None, None));
        assert_eq!(session.age, Duration::MAX);
    }

    #[test]
    fn a_strange_answer_is_said_to_be_strange() {
        let short = vec![vec![row(&["150004", "f"])], vec![]];
        assert_eq!(facts(&short), Err(Strange("number of columns")));
        assert_eq!(facts(&vec![]), Err(Strange("number of results")));
        let mut words = facts_row();
        words[2] = Some("many".into());
        assert_eq!(facts(&vec![vec![words], vec![]]), Err(Strange("limit")));
    }
}
