//! Who may come in.

use std::collections::BTreeMap;

use super::{Resolver, SecretOptions, some};
use crate::config::choices::AuthMethod;
use crate::config::hba::{self, HbaRules};
use crate::config::options::UserOptions;
use crate::config::settings::{Auth, User, UserOverrides, UserSecret};
use crate::config::{places, userlist};

impl Resolver<'_> {
    pub(super) fn auth(&mut self) -> Auth {
        let options = &self.options.auth;
        let hba = self.hba();
        Auth { method: options.method, hba, scram_iterations: options.scram_iterations }
    }

    fn hba(&mut self) -> Option<HbaRules> {
        let options = &self.options.auth;
        match (options.method, &options.hba_file) {
            (AuthMethod::Hba, Some(name)) => self.hba_rules(name),
            (AuthMethod::Hba, None) => {
                self.report("auth.hba_file", "the method \"hba\" needs a file of rules", "");
                None
            }
            (_, Some(_)) => {
                let message = "the rules are not used: the method is not \"hba\"";
                self.report("auth.hba_file", message, "set auth.method = \"hba\" or remove it");
                None
            }
            (_, None) => None,
        }
    }

    fn hba_rules(&mut self, name: &str) -> Option<HbaRules> {
        match (self.sources.file)(name) {
            Ok(text) => match hba::parse(&text, name, self.sources.file) {
                Ok(rules) => return Some(rules),
                Err(problems) => self.problems.extend(problems),
            },
            Err(why) => self.report("auth.hba_file", why, ""),
        }
        None
    }

    /// The users of `auth.file`, and over them those of `[users]`.
    pub(super) fn users(&mut self) -> BTreeMap<String, User> {
        let mut users = BTreeMap::new();
        if let Some(name) = &self.options.auth.file {
            match (self.sources.file)(name) {
                Ok(text) => match userlist::parse(&text, name) {
                    Ok(listed) => users = listed,
                    Err(problems) => self.problems.extend(problems),
                },
                Err(why) => self.report("auth.file", why, ""),
            }
        }
        for (name, options) in &self.options.users {
            let user = users.entry(name.clone()).or_default();
            self.user(name, options, user);
        }
        users
    }

    fn user(&mut self, name: &str, options: &UserOptions, user: &mut User) {
        let path = places::join("users", name);
        let given = SecretOptions {
            direct: options.password.as_ref(),
            env: options.password_env.as_deref(),
            file: options.password_file.as_deref(),
        };
        if let Some(secret) = self.secret(&format!("{path}.password"), &given) {
            user.secret = UserSecret::classify(secret.reveal());
        }
        user.overrides = UserOverrides {
            pool_mode: options.pool_mode,
            pool_size: options.pool_size,
            reserve_size: options.reserve_size,
            servers_max: options.servers_max.map(some),
            clients_max: options.clients_max.map(some),
            query_wait_timeout: options.query_wait_timeout.map(|limit| limit.0),
            statement_timeout: options.statement_timeout.map(|limit| limit.0),
            transaction_timeout: options.transaction_timeout.map(|limit| limit.0),
            idle_transaction_timeout: options.idle_transaction_timeout.map(|limit| limit.0),
            client_idle_timeout: options.client_idle_timeout.map(|limit| limit.0),
        };
    }
}
