//! From settings to what a worker needs to make one pool.

use std::path::PathBuf;
use std::sync::Arc;

use weir_core::config::choices;
use weir_core::config::settings::{
    Database, Pool, PoolPlan, ServerLogin, Settings, UpstreamHost, UserSecret,
};
use weir_core::dispatch::Policy;
use weir_core::healing::Rules;
use weir_core::pool::{Backoff, PoolSettings};
use weir_core::session::SessionSettings;

use crate::proxy::shares;
use crate::proxy::shelf::Shelf;
use crate::proxy::target::{
    Care, Credential, DialSpec, Others, PoolKey, ServerAddress, ServerTls, Target,
};

/// Names the pool: clients of a database with a fixed server user share one.
pub(super) fn pool_key(settings: &Settings, database: &Arc<str>, user: &Arc<str>) -> PoolKey {
    let user = match settings.database(database).map(|entry| &entry.login) {
        Some(ServerLogin::Fixed { user, .. }) => user.as_str().into(),
        Some(ServerLogin::AsClient) | None => Arc::clone(user),
    };
    PoolKey { database: Arc::clone(database), user }
}

/// Everything about one pool; `None` when no entry serves its database.
pub(super) fn target(
    settings: &Settings,
    tls: &ServerTls,
    pool: &PoolKey,
    proof: &Credential,
    shelf: impl FnOnce(&Pool) -> Option<Arc<Shelf>>,
) -> Option<Target> {
    let plan = settings.plan(&pool.database, &pool.user)?;
    let shelf = shelf(&plan.pool);
    let dial = DialSpec {
        address: first_address(&plan.database),
        others: others(&plan.database),
        database: plan.dbname.clone(),
        user: pool.user.to_string(),
        credential: credential(settings, &plan.database, pool, proof),
        tls: tls.clone(),
        parameters: parameters(settings, &plan.database, &pool.user),
        connect_query: plan.database.connect_query.clone(),
        timeout: plan.pool.connect_timeout,
    };
    Some(Target {
        pool: pool_settings(settings, &plan.pool),
        session: session_settings(settings, &plan, (&pool.user, shelf.as_deref())),
        classes: Arc::clone(&settings.classes),
        shares: shares::of(settings, &plan, pool, shelf.is_some()),
        shelf,
        care: care(settings, &plan.pool),
        healing: healing(settings),
        dial: Arc::new(dial),
    })
}

/// The first of the database's hosts; the configuration makes sure that there is one, and a
/// database without any is looked for where PostgreSQL is by default.
pub(super) fn first_address(entry: &Database) -> ServerAddress {
    let default = || ServerAddress::Tcp { host: "localhost".into(), port: 5432 };
    entry.hosts.first().map_or_else(default, address)
}

/// The database's hosts after the first.
pub(super) fn others(entry: &Database) -> Others {
    Others {
        addresses: entry.hosts.iter().skip(1).map(address).collect(),
        take_turns: match entry.host_balance {
            choices::HostBalance::RoundRobin => true,
            choices::HostBalance::FirstUp => false,
        },
        dials: Arc::default(),
    }
}

/// The address of one configured host.
pub fn address(host: &UpstreamHost) -> ServerAddress {
    match host {
        UpstreamHost::Tcp { host, port } => ServerAddress::Tcp { host: host.clone(), port: *port },
        UpstreamHost::Unix { dir, port } => {
            ServerAddress::Unix(PathBuf::from(dir).join(format!(".s.PGSQL.{port}")))
        }
    }
}

/// How the pool's user is proved to the server: by the configured password, else by what is
/// stored about the user, else by what the client's login revealed.
fn credential(
    settings: &Settings,
    database: &Database,
    pool: &PoolKey,
    proof: &Credential,
) -> Credential {
    if let ServerLogin::Fixed { password: Some(password), .. } = &database.login {
        return Credential::Password(password.reveal().to_owned());
    }
    let stored = settings.users.get(&*pool.user).map(|user| &user.secret);
    match stored {
        Some(UserSecret::Plain(password)) => Credential::Password(password.reveal().to_owned()),
        Some(UserSecret::Md5(hash)) => Credential::Md5(hash.reveal().to_owned()),
        Some(UserSecret::None | UserSecret::ScramVerifier(_)) | None => match &database.login {
            ServerLogin::AsClient => proof.clone(),
            // What the client proved is not this user's.
            ServerLogin::Fixed { .. } => Credential::None,
        },
    }
}

fn pool_settings(settings: &Settings, pool: &Pool) -> PoolSettings {
    PoolSettings {
        size_max: pool.size,
        size_min: pool.size_min,
        reserve: pool.reserve_size,
        reserve_after: pool.reserve_after,
        wait_max: pool.query_wait_timeout,
        queue_len_max: settings.limits.queue_max,
        server_lifetime: pool.server_lifetime,
        server_idle_timeout: pool.server_idle_timeout,
        check_after_idle: pool.check_query.as_ref().map(|_| pool.check_delay),
        connect_timeout: pool.connect_timeout,
        settle_timeout: pool.settle_timeout,
        dials_parallel_max: pool.connects_max,
        retry: Backoff { initial: pool.retry_min, max: pool.retry_max },
        dispatch: policy(pool.dispatch),
        rotation: pool.rotation,
        ..PoolSettings::default()
    }
}

fn care(settings: &Settings, pool: &Pool) -> Care {
    Care {
        forget_after: pool.forget_after,
        wait_notice_after: settings.session.wait_notice_after,
        stats_every: settings.log.stats_every,
        summary_every: settings.healing.summary_every,
        fast_close: pool.server_fast_close,
        log_disconnections: settings.log.disconnections,
        log_errors: settings.log.pooler_errors,
        console: settings.console.databases.first().map(|name| name.as_str().into()),
    }
}

/// The rules of healing; the workers share what may be ended in a minute.
fn healing(settings: &Settings) -> Arc<Rules> {
    let mut rules = settings.healing.rules.clone();
    let workers = u32::from(settings.workers.count.max(1));
    let most = &mut rules.envelope.destructive_per_minute;
    *most = most.div_ceil(workers);
    Arc::new(rules)
}

/// What is asked of the server in the startup packet: the database's own parameters, and time
/// limits slightly above ours where an operator wants them, should we hang or die.
fn parameters(settings: &Settings, database: &Database, user: &str) -> Vec<(String, String)> {
    let mut all = database.parameters.clone();
    let rules = &settings.healing.rules;
    if let Some(margin) = settings.healing.server_margin.filter(|_| !rules.exempt.names(user)) {
        let timeouts = settings.timeouts_for(user);
        let limits = [
            ("idle_in_transaction_session_timeout", timeouts.idle_transaction),
            ("statement_timeout", timeouts.statement),
        ];
        for (name, limit) in limits {
            if let Some(limit) = limit {
                let millis = limit.saturating_add(margin).as_millis();
                all.entry(name.to_owned()).or_insert_with(|| millis.to_string());
            }
        }
    }
    all.into_iter().collect()
}

const fn policy(choice: choices::Dispatch) -> Policy {
    match choice {
        choices::Dispatch::Fair => Policy::Fair,
        choices::Dispatch::Fifo => Policy::Fifo,
    }
}

fn session_settings(
    settings: &Settings,
    plan: &PoolPlan,
    (user, shelf): (&str, Option<&Shelf>),
) -> SessionSettings {
    let timeouts = settings.timeouts_for(user);
    // Each worker counts its own pins.
    let workers = shelf.map_or(1, Shelf::workers);

    SessionSettings {
        mode: plan.pool.mode,
        deferred_begin: plan.pool.deferred_begin,
        reset: plan.pool.server_reset,
        reset_query: plan.pool.reset_query.as_str().into(),
        check_query: plan.pool.check_query.as_deref().unwrap_or_default().into(),
        message_bytes_max: settings.limits.message_bytes_max,
        client_statements_max: settings.limits.prepared_per_client_max,
        server_statements_max: settings.limits.prepared_per_server_max,
        statement_timeout: timeouts.statement,
        transaction_timeout: timeouts.transaction,
        idle_transaction_timeout: timeouts.idle_transaction,
        client_idle_timeout: timeouts.client_idle,
        pins_max: (settings.limits.pins_for(plan.pool.size) / workers).max(1),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn clients_are_told_the_name_that_the_console_has() {
        let named = |databases: &[&str]| {
            let mut settings = Settings::default();
            settings.console.databases = databases.iter().map(|&name| name.to_owned()).collect();
            care(&settings, &Pool::default()).console
        };
        assert_eq!(named(&["pooler", "weir"]).as_deref(), Some("pooler"));
        assert_eq!(named(&[]), None);
    }

    #[test]
    fn how_long_a_pool_waits_for_a_server_is_what_an_operator_said() {
        let second = Duration::from_secs(1);
        let pool = Pool { settle_timeout: second, connect_timeout: second * 2, ..Pool::default() };
        let made = pool_settings(&Settings::default(), &pool);
        assert_eq!((made.settle_timeout, made.connect_timeout), (second, second * 2));
    }
}
