//! The options as a list of keys, for SHOW CONFIG.

use toml::Value;

use super::options::Options;
use crate::console::ConfigRow;

/// Keys, by their beginning, that only a restart changes.
const FIXED: [&str; 6] = ["listen.", "http.", "workers.", "state_dir", "ledger.", "otlp."];

/// Every key in force with its value and its default. Secrets are `***`.
#[must_use]
pub fn config_rows(options: &Options) -> Vec<ConfigRow> {
    let defaults = leaves(&Options::default());
    let default = |key: &str| {
        let found = defaults.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.clone())
    };
    let row = |(key, value): (String, String)| ConfigRow {
        default: default(&key),
        changeable: !FIXED.iter().any(|fixed| key.starts_with(fixed)),
        key,
        value,
    };
    leaves(options).into_iter().map(row).collect()
}

fn leaves(options: &Options) -> Vec<(String, String)> {
    let mut leaves = Vec::new();
    // Every option has a form in TOML; `weir config show` would fail on one that had not.
    if let Ok(value) = Value::try_from(options) {
        collect("", &value, &mut leaves);
    }
    leaves
}

fn collect(path: &str, value: &Value, leaves: &mut Vec<(String, String)>) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(&path, value, leaves);
            }
        }
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Array(_) => leaves.push((path.to_owned(), value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::options::{DatabaseOptions, UpstreamUrl};

    #[test]
    fn keys_have_values_and_defaults_and_secrets_have_none() {
        let mut options = Options::default();
        options.pool.size = 7;
        let upstream = Some(UpstreamUrl::new("postgres://app:hunter2@h/d"));
        let database = DatabaseOptions { upstream, ..DatabaseOptions::default() };
        options.databases.insert("d".into(), database);
        let rows = config_rows(&options);
        let row = |key: &str| rows.iter().find(|row| row.key == key).unwrap();
        assert_eq!((row("pool.size").value.as_str(), row("pool.size").changeable), ("7", true));
        assert_eq!(row("pool.size").default.as_deref(), Some("20"));
        assert!(!row("workers.count").changeable);
        assert_eq!(row("databases.d.upstream").default, None);
        assert!(rows.iter().all(|row| !row.value.contains("hunter2")));
    }
}
