//! The ledger, its history and the export of metrics: what their options amount to.

use std::time::Duration;

use super::{Resolver, SecretOptions};
use crate::alert::{Destination, WebAddress};
use crate::config::choices::AlertKind;
use crate::config::settings::{History, Otlp};
use crate::healing::Mode;

/// The shortest stretch, and the shortest time between exports: each asks every worker.
const EVERY_MIN: Duration = Duration::from_secs(1);

/// The smallest file: a stretch of many routes has some tens of kilobytes.
const HISTORY_BYTES_MIN: u64 = 1 << 20;

/// Where a collector takes metrics, by OTLP's specification.
const METRICS_PATH: &str = "/v1/metrics";

impl Resolver<'_> {
    /// Whether the ledger is kept. What can do nothing without it must not be asked for.
    pub(super) fn ledger(&mut self) -> bool {
        let options = self.options;
        if options.ledger.enabled {
            return true;
        }
        let help = "set ledger.enabled = true, or take this out";
        if !options.classes.is_empty() {
            self.report("classes", "without the ledger nobody's class is known", help);
        }
        let healing = &options.healing;
        let ends_work = [
            ("healing.evict", healing.evict),
            ("healing.cancel", healing.cancel),
            ("healing.close", healing.close),
        ];
        for (path, _) in ends_work.into_iter().filter(|(_, mode)| *mode == Mode::Enforce) {
            self.report(path, "without the ledger nobody is known to hold a slot", help);
        }
        false
    }

    pub(super) fn history(&mut self) -> History {
        let options = &self.options.ledger;
        let history = History {
            every: options.history_every.0,
            keep: options.history_keep.0,
            bytes_max: options.history_size_max.0,
        };
        if history.every < EVERY_MIN {
            let message = "the workers would do little else than answer";
            self.report("ledger.history_every", message, "write at least \"1s\"");
        }
        if history.bytes_max < HISTORY_BYTES_MIN {
            let message = "hardly anything fits in so little";
            self.report("ledger.history_size_max", message, "write at least \"1MiB\"");
        }
        history
    }

    pub(super) fn otlp(&mut self) -> Otlp {
        let options = &self.options.otlp;
        let token = SecretOptions {
            direct: options.token.as_ref(),
            env: options.token_env.as_deref(),
            file: options.token_file.as_deref(),
        };
        let token = self.secret("otlp.token", &token);
        let address = match options.url.as_deref().map(collector) {
            Some(Ok(address)) => Some(address),
            Some(Err(message)) => {
                self.report("otlp.url", message, "write it like \"http://127.0.0.1:4318\"");
                None
            }
            None => None,
        };
        if options.every.0 < EVERY_MIN {
            let message = "the workers would do little else than answer";
            self.report("otlp.every", message, "write at least \"1s\"");
        }
        if options.timeout.0.is_zero() {
            self.report("otlp.timeout", "this must be longer than 0", "");
        }
        let instance = options.instance.clone();
        Otlp {
            address,
            every: options.every.0,
            timeout: options.timeout.0,
            instance: instance.unwrap_or_else(|| self.options.incident.name.clone()),
            token,
            ca: options.ca.clone(),
        }
    }
}

/// The address of a collector.
fn collector(url: &str) -> Result<WebAddress, String> {
    match Destination::parse(AlertKind::Webhook, url) {
        Ok(Destination::Web(address)) if address.path == "/" => {
            Ok(WebAddress { path: METRICS_PATH.into(), ..address })
        }
        Ok(Destination::Web(address)) => Ok(address),
        Ok(Destination::Mail(_)) | Err(_) => Err("this is no web address".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_path_is_added_where_there_is_none() {
        let check = |url: &str, expected: Option<(u16, &str)>| {
            let found = collector(url).ok();
            let found = found.as_ref().map(|address| (address.port, address.path.as_str()));
            assert_eq!(found, expected, "{url}");
        };
        check("http://127.0.0.1:4318", Some((4318, "/v1/metrics")));
        check("https://collector.example/", Some((443, "/v1/metrics")));
        check("https://collector.example/otlp/v1/metrics", Some((443, "/otlp/v1/metrics")));
        check("grpc://collector.example", None);
        check("collector.example:4318", None);
    }
}
