//! Secrets fetched from PostgreSQL with the authentication query.
//!
//! One server connection for each database entry is kept for it, so that logins go on when
//! PostgreSQL has no connection left to give; questions take turns on it. Answers are remembered
//! for a short time, also that there is no such user.

mod ask;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex as TurnMutex;
use tokio::time::timeout;
use tracing::warn;
use weir_core::config::limits;
use weir_core::config::settings::{AuthQuery, Database, Settings, UserSecret};
use weir_wire::error::SqlState;

use crate::proxy::dial::ServerConn;
use crate::proxy::directory::{Directory, KnownUser};
use crate::proxy::mail::DialFailure;
use crate::proxy::refusal::Refusal;
use crate::proxy::target::{Credential, DialSpec};
use crate::proxy::threads::House;

/// How long an answer is believed.
const BELIEVED: Duration = Duration::from_secs(10);

/// How long an answer is kept even when a login failed with it, so that wrong passwords do not
/// become a flood of queries.
const KEPT: Duration = Duration::from_secs(1);

/// Remembers what the authentication queries answered.
#[derive(Debug, Default)]
pub struct Secrets {
    users: Mutex<HashMap<UserKey, Entry>>,
    lines: Mutex<HashMap<Arc<str>, Arc<Line>>>,
}

/// A database as the client named it, and a user.
type UserKey = (Arc<str>, Arc<str>);

/// What is known about one user of one database. Those who ask for the same user at the same time
/// wait for one answer.
type Entry = Arc<TurnMutex<Option<Answer>>>;

#[derive(Debug, Clone)]
struct Answer {
    user: Option<Arc<KnownUser>>,
    at: Instant,
}

/// The server connection that questions about one database go over.
#[derive(Debug, Default)]
struct Line {
    conn: TurnMutex<Option<(DialSpec, ServerConn)>>,
}

impl Secrets {
    /// Asks for a user's secret; `None` when there is no such user, or nothing to ask.
    ///
    /// # Errors
    /// A refusal when PostgreSQL cannot be asked.
    pub async fn fetch(
        &self,
        house: &House,
        directory: &Directory,
        database: &Arc<str>,
        user: &Arc<str>,
    ) -> Result<Option<Arc<KnownUser>>, Refusal> {
        let Some(entry) = directory.settings.database(database) else { return Ok(None) };
        let Some(query) = &entry.auth_query else { return Ok(None) };
        let slot = self.entry(database, user);
        let mut answer = slot.lock().await;
        if let Some(known) = answer.as_ref().filter(|known| known.at.elapsed() < BELIEVED) {
            return Ok(known.user.clone());
        }
        let spec = dial_spec(directory, entry, query);
        let line = self.line(database);
        let asked = timeout(spec.timeout, line.ask(house, &spec, &query.query, user)).await;
        let secret = asked.unwrap_or_else(|_| Err(no_answer(&spec)));
        let secret = secret.map_err(|failure| {
            warn!(%database, %user, "auth.query failed: {}", failure.message);
            cannot_ask(&failure)
        })?;
        let found = secret.as_deref().map(UserSecret::classify).filter(|s| *s != UserSecret::None);
        let user = found.map(|secret| Arc::new(KnownUser::new(secret)));
        *answer = Some(Answer { user: user.clone(), at: Instant::now() });
        Ok(user)
    }

    /// An answer that is believed still, without asking; `None` when it would have to be asked for.
    #[must_use]
    pub fn remembered(
        &self,
        database: &Arc<str>,
        user: &Arc<str>,
    ) -> Option<Option<Arc<KnownUser>>> {
        let key = (Arc::clone(database), Arc::clone(user));
        let entry = Arc::clone(lock(&self.users).get(&key)?);
        let answer = entry.try_lock().ok()?;
        let known = answer.as_ref().filter(|known| known.at.elapsed() < BELIEVED)?;
        Some(known.user.clone())
    }

    /// Forgets an answer that a login failed with, unless it is fresh.
    pub fn forget(&self, database: &Arc<str>, user: &Arc<str>) {
        let mut users = lock(&self.users);
        let key = (Arc::clone(database), Arc::clone(user));
        let stale = users.get(&key).is_some_and(|entry| older_than(entry, KEPT));
        if stale {
            users.remove(&key);
        }
    }

    fn entry(&self, database: &Arc<str>, user: &Arc<str>) -> Entry {
        let mut users = lock(&self.users);
        if users.len() >= limits::AUTH_QUERY_CACHE_USERS {
            users.retain(|_, entry| !older_than(entry, BELIEVED));
        }
        if users.len() >= limits::AUTH_QUERY_CACHE_USERS {
            // All of them are fresh: someone is guessing names. Start over.
            users.clear();
        }
        Arc::clone(users.entry((Arc::clone(database), Arc::clone(user))).or_default())
    }

    fn line(&self, database: &Arc<str>) -> Arc<Line> {
        let mut lines = lock(&self.lines);
        if lines.len() >= limits::POOLS {
            lines.clear();
        }
        Arc::clone(lines.entry(Arc::clone(database)).or_default())
    }
}

impl Line {
    /// Asks over the kept connection; a broken or outdated one is replaced once.
    async fn ask(
        &self,
        house: &House,
        spec: &DialSpec,
        query: &str,
        user: &str,
    ) -> Result<Option<String>, DialFailure> {
        let mut kept = self.conn.lock().await;
        if let Some((_, mut conn)) = kept.take().filter(|(old, _)| same_line(old, spec))
            && let Ok(secret) = ask::ask(&mut conn, spec, query, user).await
        {
            *kept = Some((spec.clone(), conn));
            return Ok(secret);
        }
        let mut conn = house.open(spec).await?;
        let secret = ask::ask(&mut conn, spec, query, user).await?;
        *kept = Some((spec.clone(), conn));
        Ok(secret)
    }
}

fn same_line(old: &DialSpec, new: &DialSpec) -> bool {
    old.address == new.address
        && old.database == new.database
        && old.user == new.user
        && old.credential == new.credential
}

fn dial_spec(directory: &Directory, entry: &Database, query: &AuthQuery) -> DialSpec {
    DialSpec {
        address: directory.first_address(entry),
        others: directory.other_addresses(entry),
        database: query.database.clone(),
        user: query.user.clone(),
        credential: credential(&directory.settings, query),
        tls: directory.server_tls.clone(),
        parameters: vec![("application_name".into(), "weir auth_query".into())],
        connect_query: None,
        timeout: entry.pool.connect_timeout,
    }
}

fn credential(settings: &Settings, query: &AuthQuery) -> Credential {
    let stored = settings.users.get(&query.user).and_then(|user| user.secret.plain());
    match query.password.as_ref().or(stored) {
        Some(password) => Credential::Password(password.reveal().to_owned()),
        None => Credential::None,
    }
}

fn cannot_ask(failure: &DialFailure) -> Refusal {
    Refusal::new(
        SqlState::CANNOT_CONNECT_NOW,
        "the proxy cannot check passwords now: its question to PostgreSQL failed",
    )
    .hint("Try again; the proxy's log has the reason.")
    .log(failure.message.clone())
}

fn no_answer(spec: &DialSpec) -> DialFailure {
    DialFailure {
        message: format!("no answer from PostgreSQL at {} within {:?}", spec.address, spec.timeout),
        sqlstate: *b"08006",
        permanent: false,
    }
}

fn older_than(entry: &Entry, age: Duration) -> bool {
    // One that is being asked for is in use, so it is not old.
    entry
        .try_lock()
        .is_ok_and(|answer| answer.as_ref().is_some_and(|answer| answer.at.elapsed() >= age))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
