//! A subscriber that writes lines of text, and nothing else: no spans, no filters but a level.

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::line;

/// Writes each event up to a level as a line.
pub(super) struct Text<F> {
    level: LevelFilter,
    /// What is said under this target is said elsewhere.
    without: Option<&'static str>,
    out: F,
}

impl<F: Fn(&Level, &str)> Text<F> {
    /// Lines go to `out`.
    pub(super) const fn new(level: LevelFilter, without: Option<&'static str>, out: F) -> Self {
        Self { level, without, out }
    }

    /// As the filters of `tracing_subscriber` have it: a target is meant with all that begins so.
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
            && self.without.is_none_or(|target| !metadata.target().starts_with(target))
    }
}

impl<F: Fn(&Level, &str) + 'static> Subscriber for Text<F> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && self.wants(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        line::with(event, |line| (self.out)(event.metadata().level(), line));
    }

    // Spans are not enabled, so there is only one, which nobody asks for.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[test]
    fn what_is_said_elsewhere_is_not_said_here() {
        let said = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&said);
        let out = move |_: &Level, _: &str| *counted.lock().unwrap() += 1;
        let text = Text::new(LevelFilter::INFO, Some("incident"), out);
        tracing::subscriber::with_default(text, || {
            tracing::info!(target: "incident", "told there");
            tracing::info!(target: "incident::more", "told there");
            let _span = tracing::info_span!("no span").entered();
            tracing::info!("told here");
        });
        assert_eq!(*said.lock().unwrap(), 1);
    }
}
