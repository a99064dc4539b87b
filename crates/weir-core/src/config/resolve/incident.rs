//! Incidents and who is told of them: what their options amount to.

use std::collections::BTreeMap;

use super::{Resolver, SecretOptions};
use crate::alert::Destination;
use crate::config::choices::{AlertKind, OpenAt};
use crate::config::options::AlertOptions;
use crate::config::places;
use crate::config::settings::{Incidents, Receiver, Secret};
use crate::diagnosis::Severity;
use crate::incident::{Price, Rules};

impl Resolver<'_> {
    pub(super) fn incidents(&mut self) -> Incidents {
        let options = &self.options.incident;
        let price = match options.request_price.as_deref().map(Price::parse) {
            Some(Err(message)) => {
                self.report("incident.request_price", message, "");
                None
            }
            Some(Ok(price)) => Some(price),
            None => None,
        };
        let rules = Rules {
            open_at: match options.open_at {
                OpenAt::Critical => Severity::Critical,
                OpenAt::Warning => Severity::Warning,
            },
            calm: options.calm.0,
            quiet: options.quiet.0,
            reopen: options.reopen.0,
            ..Rules::default()
        };
        Incidents {
            name: options.name.clone(),
            language: options.language,
            rules,
            price,
            keep: options.keep.0,
        }
    }

    pub(super) fn receivers(&mut self) -> BTreeMap<String, Receiver> {
        let mut receivers = BTreeMap::new();
        for (name, options) in &self.options.alerts {
            if let Some(receiver) = self.receiver(&places::join("alerts", name), options) {
                receivers.insert(name.clone(), receiver);
            }
        }
        receivers
    }

    fn receiver(&mut self, path: &str, options: &AlertOptions) -> Option<Receiver> {
        let url = SecretOptions {
            direct: options.url.as_ref(),
            env: options.url_env.as_deref(),
            file: options.url_file.as_deref(),
        };
        let url = self.secret(&format!("{path}.url"), &url);
        let given = SecretOptions {
            direct: options.secret.as_ref(),
            env: options.secret_env.as_deref(),
            file: options.secret_file.as_deref(),
        };
        let secret = self.secret(&format!("{path}.secret"), &given);
        let url = url.or_else(|| options.kind.default_url().map(Secret::new));
        let Some(url) = url else {
            self.report(format!("{path}.url"), "nobody knows where the messages go", "set it");
            return None;
        };
        if let Err(message) = Destination::parse(options.kind, url.reveal()) {
            self.report(format!("{path}.url"), message, "");
        }
        self.needs(path, options, secret.is_some());
        Some(Receiver {
            kind: options.kind,
            url,
            secret,
            user: options.user.clone(),
            from: options.from.clone(),
            to: options.to.clone(),
            mention: options.mention.clone(),
            language: options.language.unwrap_or(self.options.incident.language),
            per_minute: options.per_minute.unwrap_or(options.kind.per_minute()),
            ca: options.ca.clone(),
        })
    }

    /// What one kind cannot do without.
    fn needs(&mut self, path: &str, options: &AlertOptions, has_secret: bool) {
        match options.kind {
            AlertKind::Email => {
                if options.from.is_none() {
                    self.report(format!("{path}.from"), "a mail needs a sender", "set it");
                }
                if options.to.is_empty() {
                    self.report(format!("{path}.to"), "a mail needs a receiver", "set it");
                }
                if options.user.is_some() != has_secret {
                    let message = "a login at the mail server needs `user` and `secret`";
                    self.report(format!("{path}.user"), message, "set both, or none");
                }
            }
            AlertKind::Pagerduty if !has_secret => {
                let message = "PagerDuty needs the routing key of a service integration";
                self.report(format!("{path}.secret"), message, "set it");
            }
            AlertKind::Pagerduty
            | AlertKind::Webhook
            | AlertKind::Alertmanager
            | AlertKind::Slack
            | AlertKind::Dingtalk
            | AlertKind::Feishu
            | AlertKind::Wecom => {}
        }
    }
}
