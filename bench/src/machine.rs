//! Where and when it was measured: a figure without that says nothing.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use weir_testkit::{PgServer, output};

/// The conditions of a run, as names and values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Machine {
    facts: Vec<(&'static str, String)>,
}

impl Machine {
    /// Looks around. What cannot be told reads `unknown`.
    pub(crate) fn look(server: &PgServer) -> Self {
        let said = |program: &str, args: &[&str]| {
            let said = output(Command::new(program).args(args)).unwrap_or_default();
            if said.trim().is_empty() { "unknown".to_owned() } else { said.trim().to_owned() }
        };
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let facts = vec![
            ("date", said("date", &["-u", "+%F %H:%M UTC"])),
            ("processor", format!("{cores} × {}", processor())),
            ("system", said("uname", &["-sr"])),
            ("PostgreSQL", server.version().to_string()),
            ("Weir", said("git", &["describe", "--always", "--dirty"])),
            ("load before (1, 5, 15 min)", load()),
            ("command", command()),
        ];
        Self { facts }
    }

    /// Adds what only the end of the run can tell.
    pub(crate) fn look_again(&mut self) {
        self.facts.push(("load after", load()));
    }

    pub(crate) fn json(&self) -> Value {
        let facts = self.facts.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
        Value::Object(facts.collect())
    }

    pub(crate) fn markdown(&self) -> String {
        let rows: String =
            self.facts.iter().map(|(name, value)| format!("| {name} | {value} |\n")).collect();
        format!("| what | value |\n| --- | --- |\n{rows}")
    }
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| "unknown".to_owned(), |(_, name)| name.to_owned())
}

/// How many processes wanted to run: well above the cores before a run, it was not alone.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(", ")
}

/// The command as a person types it, without where programs are on this machine.
fn command() -> String {
    let words = std::env::args().skip(1).map(|word| match word.rsplit_once('/') {
        Some((_, name)) => format!("…/{name}"),
        None => word,
    });
    format!("`cargo xtask bench {}`", words.collect::<Vec<_>>().join(" "))
}
