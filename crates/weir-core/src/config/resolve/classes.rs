//! Classes and whether they can be.

use std::sync::Arc;

use super::Resolver;
use crate::config::options::{ClassOptions, HealingOptions};
use crate::config::places;
use crate::config::settings::{ClassEntry, Classes};
use crate::dispatch::{Advises, ClassRules};
use crate::healing::Mode;

impl Resolver<'_> {
    pub(super) fn classes(&mut self) -> Arc<Classes> {
        let options = self.options;
        let entry = |(name, class): (&String, &ClassOptions)| ClassEntry {
            name: name.as_str().into(),
            routes: class.routes.clone(),
            applications: class.applications.clone(),
            users: class.users.clone(),
            rules: ClassRules {
                weight: class.weight,
                minimum: class.minimum,
                ceiling: class.ceiling,
                criticality: class.criticality,
                exempt: class.exempt,
                advises: Some(advises(class, &options.healing)),
            },
        };
        for (name, class) in &options.classes {
            self.check_class(&places::join("classes", name), class);
        }
        self.check_minimums();
        Arc::new(Classes(options.classes.iter().map(entry).collect()))
    }

    fn check_class(&mut self, path: &str, class: &ClassOptions) {
        if class.routes.is_empty() && class.applications.is_empty() && class.users.is_empty() {
            let message = "nobody belongs to this class";
            self.report(path, message, "set routes, applications or users");
        }
        if class.ceiling.is_some_and(|ceiling| ceiling < class.minimum) {
            let message = "more slots are kept for it than it may hold";
            self.report(format!("{path}.ceiling"), message, "raise it, or lower minimum");
        }
    }

    /// Whoever has no minimum needs a slot, too.
    fn check_minimums(&mut self) {
        let options = self.options;
        let kept: u32 = options.classes.values().map(|class| class.minimum).sum();
        let sizes = options.databases.values().filter_map(|database| database.pool_size);
        let smallest = sizes.chain([options.pool.size]).min().unwrap_or(options.pool.size);
        if let Some(name) = options.classes.iter().find(|(_, class)| class.minimum > 0)
            && kept >= smallest
        {
            let path = format!("{}.minimum", places::join("classes", name.0));
            let message =
                format!("{kept} slots are kept for classes, and the smallest pool has {smallest}");
            self.report(path, message, "lower the minimums: others need a slot, too");
        }
    }
}

/// What is only shown of a class: by its own modes, else by everybody's.
fn advises(class: &ClassOptions, usual: &HealingOptions) -> Advises {
    Advises {
        cap: class.cap.unwrap_or(usual.cap) != Mode::Enforce,
        shed: class.shed.unwrap_or(usual.shed) != Mode::Enforce,
    }
}
