//! The guard's settings.

use std::time::Duration;

use super::{Resolver, SecretOptions};
use crate::config::settings::Guard;
use crate::diagnosis::Thresholds;

/// The shortest time between samples: each costs the server a look at all of its sessions.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

impl Resolver<'_> {
    pub(super) fn guard(&mut self) -> Guard {
        let options = &self.options.guard;
        let password = self.secret(
            "guard.password",
            &SecretOptions {
                direct: options.password.as_ref(),
                env: options.password_env.as_deref(),
                file: options.password_file.as_deref(),
            },
        );
        self.check_guard();
        Guard {
            enabled: options.enabled,
            user: options.user.clone(),
            password,
            database: options.database.clone(),
            interval: options.interval.0,
            timeout: options.timeout.0,
            thresholds: self.thresholds(),
        }
    }

    fn thresholds(&self) -> Thresholds {
        let options = &self.options.guard;
        Thresholds {
            near_percent: options.near_percent,
            full_percent: options.full_percent,
            long_statement: options.long_statement.0,
            long_statements_max: options.long_statements_max,
            slow_statement: options.slow_statement.0,
            idle_transaction: options.idle_transaction.0,
            idle_transaction_calm: options.idle_transaction_calm.0,
            forgotten: options.forgotten.0,
            lock_wait: options.lock_wait.0,
            slow_reader: options.slow_reader.0,
            slot_wait: options.slot_wait.0,
            storm_per_second: options.storm_per_second,
            inflated_times: options.inflated_times,
            slow_answer: options.slow_answer.0,
            silence: options.silence.0,
            exempt_applications: options.exempt_applications.clone(),
            exempt_users: options.exempt_users.clone(),
        }
    }

    fn check_guard(&mut self) {
        let options = &self.options.guard;
        if options.interval.0 < INTERVAL_MIN {
            let message = "the server would do little else than answer the guard";
            self.report("guard.interval", message, "write at least \"100ms\"");
        }
        if options.timeout.0.is_zero() {
            self.report("guard.timeout", "this must be longer than 0", "");
        }
        if options.full_percent < options.near_percent {
            let message = "the limit would be reached before it is near";
            self.report("guard.full_percent", message, "raise it, or lower guard.near_percent");
        }
        if options.password.is_some() && options.user.is_none() {
            let message = "nobody is named whose password this is";
            self.report("guard.password", message, "set guard.user");
        }
    }
}
