//! Health as a plugin of Nagios answers: one line, and performance data behind a bar.

use super::{Health, Status};

/// One line for all servers (Nagios Plugins Development Guidelines, "Plugin Output").
#[must_use]
pub fn nagios(all: &[Health]) -> String {
    let word = match Status::worst(all.iter().map(|health| health.status)) {
        Status::Ok => "OK",
        Status::Warning => "WARNING",
        Status::Critical => "CRITICAL",
        Status::Unknown => "UNKNOWN",
    };
    let texts: Vec<String> = all.iter().map(|health| plain(&said(health))).collect();
    let data: Vec<String> = all.iter().filter_map(data).collect();
    let bar = if data.is_empty() { "" } else { " | " };
    format!("WEIR {word} - {}{bar}{}\n", texts.join("; "), data.join(" "))
}

/// A bar begins performance data and a line end begins long output.
fn plain(text: &str) -> String {
    text.replace('|', "/").replace(['\n', '\r'], " ")
}

fn said(health: &Health) -> String {
    let server = &health.server;
    match (&health.error, health.issues.first(), &health.connections) {
        (Some(error), ..) => format!("{server}: {error}"),
        (None, Some(worst), _) => format!("{server}: {}: {}", worst.cause.title(), worst.summary),
        (None, None, Some(c)) => format!("{server}: {}/{} connections", c.used, c.limit),
        (None, None, None) => format!("{server}: nothing known"),
    }
}

fn data(health: &Health) -> Option<String> {
    let connections = health.connections.as_ref()?;
    let (states, server) = (connections.states, health.server.replace(['\'', '='], "_"));
    Some(format!(
        "'{server} used'={};;;0;{limit} '{server} active'={};;;0;{limit} \
         '{server} idle_in_transaction'={};;;0;{limit}",
        connections.used,
        states.active,
        states.idle_in_transaction,
        limit = connections.limit,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::health::tests::health;

    #[test]
    fn one_line_with_figures() {
        let line = nagios(&[health()]);
        assert!(line.starts_with("WEIR CRITICAL - db:5432: transactions wait on"), "{line}");
        assert!(line.contains(" | 'db:5432 used'=10;;;0;10 'db:5432 active'=1;;;0;10"), "{line}");
        assert_eq!(line.lines().count(), 1);
        let line = nagios(&[Health::unknown("db", "a|b\nc")]);
        assert_eq!(line, "WEIR UNKNOWN - db: a/b c\n");
    }
}
