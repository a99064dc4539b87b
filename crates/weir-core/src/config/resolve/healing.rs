//! The healing ladder: what its options amount to.

use std::time::Duration;

use super::Resolver;
use crate::config::options::HealingOptions;
use crate::config::settings::Healing;
use crate::healing::{Envelope, Exemptions, Ladder, Limits, Rules, Step};

/// The shortest time limit: workers look ten times a second.
const LIMIT_MIN: Duration = Duration::from_millis(100);

impl Resolver<'_> {
    pub(super) fn healing(&mut self) -> Healing {
        let options = &self.options.healing;
        let mut ladder = Ladder::default();
        let modes = [
            (Step::Shed, options.shed),
            (Step::Cap, options.cap),
            (Step::Quarantine, options.quarantine),
            (Step::Evict, options.evict),
            (Step::Cancel, options.cancel),
            (Step::Close, options.close),
        ];
        for (step, mode) in modes {
            ladder.set(step, mode);
        }
        for (name, class) in &self.options.classes {
            let modes = [
                (Step::Shed, class.shed),
                (Step::Cap, class.cap),
                (Step::Quarantine, class.quarantine),
                (Step::Evict, class.evict),
                (Step::Cancel, class.cancel),
                (Step::Close, class.close),
            ];
            for (step, mode) in modes {
                if let Some(mode) = mode {
                    ladder.set_class(name, step, mode);
                }
            }
        }
        let limits = Limits {
            idle: options.idle_in_transaction.0,
            statement: options.statement.0,
            stuck: options.stuck.0,
            writers: options.writers,
        };
        let envelope = Envelope {
            destructive_per_minute: options.per_minute_max,
            fruitless_max: options.fruitless_max,
        };
        let exempt = Exemptions {
            users: options.exempt_users.clone(),
            applications: options.exempt_applications.clone(),
            classes: options.exempt_classes.clone(),
            superusers: options.exempt_superusers,
        };
        self.check_healing();
        let rules = Rules { ladder, limits, envelope, exempt };
        let HealingOptions { server_margin, summary_every, .. } = &self.options.healing;
        Healing { rules, server_margin: server_margin.0, summary_every: summary_every.0 }
    }

    fn check_healing(&mut self) {
        let options = &self.options.healing;
        let limits = [
            ("idle_in_transaction", options.idle_in_transaction),
            ("statement", options.statement),
            ("stuck", options.stuck),
        ];
        for (key, limit) in limits {
            if limit.0 < LIMIT_MIN {
                let message = "workers look ten times a second: this would end whatever they see";
                self.report(format!("healing.{key}"), message, "write at least \"100ms\"");
            }
        }
    }
}
