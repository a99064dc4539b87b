//! Health as a file for the textfile collector of Prometheus' node exporter.

use std::fmt::Write;

use super::Health;
use crate::diagnosis::Severity;

/// Samples with their types (Prometheus exposition format 0.0.4).
#[must_use]
pub fn prometheus(all: &[Health]) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut out, all);
    out
}

fn write_all(out: &mut String, all: &[Health]) -> std::fmt::Result {
    head(out, "healthy", "Whether nothing is wrong (1) or something (0).")?;
    for health in all {
        writeln!(out, "weir_check_healthy{{{}}} {}", server(health), u8::from(health.healthy))?;
    }
    head(out, "connections", "Client sessions by state.")?;
    for (health, connections) in known(all) {
        let states = connections.states;
        for (state, count) in [
            ("active", states.active),
            ("idle", states.idle),
            ("idle in transaction", states.idle_in_transaction),
            ("unknown", states.unknown),
        ] {
            let server = server(health);
            writeln!(out, "weir_check_connections{{{server},state=\"{state}\"}} {count}")?;
        }
    }
    head(out, "connections_limit", "Connections that ordinary roles can open.")?;
    for (health, connections) in known(all) {
        let (server, limit) = (server(health), connections.limit);
        writeln!(out, "weir_check_connections_limit{{{server}}} {limit}")?;
    }
    head(out, "issue", "A finding: 1 is a warning, 2 is critical.")?;
    for health in all {
        let mut seen = std::collections::BTreeSet::new();
        for issue in health.issues.iter().filter(|issue| seen.insert(issue.cause)) {
            let value = match issue.severity {
                Severity::Info => 0,
                Severity::Warning => 1,
                Severity::Critical => 2,
            };
            let (server, cause) = (server(health), issue.cause.id());
            writeln!(out, "weir_check_issue{{{server},cause=\"{cause}\"}} {value}")?;
        }
    }
    Ok(())
}

fn known(all: &[Health]) -> impl Iterator<Item = (&Health, &super::Connections)> {
    all.iter().filter_map(|health| Some((health, health.connections.as_ref()?)))
}

fn head(out: &mut String, name: &str, help: &str) -> std::fmt::Result {
    writeln!(out, "# HELP weir_check_{name} {help}\n# TYPE weir_check_{name} gauge")
}

fn server(health: &Health) -> String {
    let escaped = health.server.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("server=\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::health::tests::health;

    #[test]
    fn gauges_with_their_types() {
        let text = prometheus(&[health(), Health::unknown("a\"b", "why")]);
        for line in [
            "# TYPE weir_check_healthy gauge",
            "weir_check_healthy{server=\"db:5432\"} 0",
            "weir_check_healthy{server=\"a\\\"b\"} 0",
            "weir_check_connections{server=\"db:5432\",state=\"idle in transaction\"} 8",
            "weir_check_connections_limit{server=\"db:5432\"} 10",
            "weir_check_issue{server=\"db:5432\",cause=\"waits-on-application\"} 2",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
        }
    }
}
