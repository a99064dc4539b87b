//! Files that are made from definitions in the code: `cargo xtask gen` writes them, and a test
//! fails when one differs from what would be written.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context;
use weir_core::config::{import, reference, sample, schema};
use weir_core::console;
use weir_core::simulator::{Plan, Row, Rule, overview, play};

use crate::root;

/// Every generated file: its path from the top of the tree, and its content.
fn files() -> anyhow::Result<[(&'static str, String); 7]> {
    Ok([
        ("docs/using/console.md", console::reference()),
        ("docs/using/metrics.md", console::metrics_page()),
        ("docs/using/configuration.md", reference()),
        ("docs/using/pgbouncer.md", import::reference()),
        ("docs/using/weir.schema.json", format!("{:#}\n", schema())),
        ("docs/using/weir.toml", sample()),
        ("docs/inside/scenarios.md", scenarios()?),
    ])
}

/// What begins the page of scenarios.
const SCENARIOS: &str = "\
# Scenarios and rules

Incidents, played in virtual time with the proxy's own pool under eight rules (`weir simulate
scenarios/NAME.toml` shows one in detail). Each cell: of the requests that are not the culprit's and
began in the trouble, the share that had a server connection within a second and succeeded; then the
time after the trouble until 95 % of them do so again, for good. In scenarios without a culprit all
requests count. The numbers are the simulator's: exponential times, one seed, one set of parameters.
[dispatch.md](dispatch.md) has them beside what was measured.

*Bound* is what no rule can exceed, but by chance, even if it knows what will go wrong and refuses
all culprits beforehand: there are not more slots, or nobody can be reached (`simulator/bound.rs`).
*Asked* is what a test holds Weir to, on average over five seeds; where that is less than 99 %, the
scenario's file says why.

";

/// The page of scenarios: every rule in each.
fn scenarios() -> anyhow::Result<String> {
    let mut rows = Vec::new();
    let mut about = String::from("\n");
    for (name, plan) in library()? {
        about.push_str(&format!("- `{name}`: {}\n", plan.about));
        let outcomes = Rule::ALL.map(|rule| (rule, play(&plan, rule)));
        rows.push(Row { name, plan, outcomes: outcomes.into() });
    }
    Ok(format!("{SCENARIOS}{}{about}", overview(&rows)))
}

/// The plans in `scenarios`, by name.
fn library() -> anyhow::Result<BTreeMap<String, Plan>> {
    let folder = root().join("scenarios");
    let entries = fs::read_dir(&folder).with_context(|| format!("no {}", folder.display()))?;
    let mut plans = BTreeMap::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path)?;
        plans.insert(name, Plan::parse(&text).with_context(|| path.display().to_string())?);
    }
    Ok(plans)
}

/// Writes all of them.
///
/// # Errors
/// When one cannot be written.
pub(crate) fn write() -> anyhow::Result<()> {
    for (name, content) in files()? {
        let path = root().join(name);
        let dir = path.parent().unwrap_or(&path);
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        fs::write(&path, content).with_context(|| format!("cannot write {name}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_generated_is_up_to_date() {
        for (name, content) in files().expect("the scenarios can be read") {
            let found = fs::read_to_string(root().join(name)).unwrap_or_default();
            assert!(found == content, "{name} is stale: run `cargo xtask gen`");
        }
    }
}
