//! The rules: one file each, one list of them all.

mod activity_probe;
mod atomic_network;
mod atomic_sleep;
mod atomic_swallowed_error;
mod atomic_task_enqueue;
mod atomic_unbounded_loop;
mod cache_stampede;
mod check_then_write;
mod connection_cleanup;
mod context;
mod executor_waits;
mod http_no_timeout;
mod loop_n_plus_one;
mod loop_query;
mod on_commit_late_binding;
mod pooler_session_state;
mod python_aggregate;
mod queryset_discarded;
mod settings_atomic_requests;
mod settings_connection_budget;
mod settings_ineffective_key;
mod settings_invalid_option;
mod settings_no_health_check;
mod settings_no_statement_timeout;
mod settings_persistent_asgi;
mod settings_pool_with_max_age;
mod settings_pooler_server_cursors;
mod settings_pooler_startup_options;
mod shared;
mod thread_orm;
mod unbounded_queryset;

pub use context::Check;
use context::{Context, Draft, Sink};

use crate::finding::Severity;
use crate::suppress;

/// What a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Functions.
    Code,
    /// Settings.
    Settings,
}

/// What is known of a rule without running it.
#[derive(Debug, Clone, Copy)]
pub struct RuleInfo {
    /// The name, stable for ever.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// What it looks at.
    pub group: Group,
    /// How much a finding matters.
    pub severity: Severity,
    /// Whether it runs without being asked for.
    pub default_on: bool,
    /// The page, as Markdown.
    pub page: &'static str,
}

/// A rule: what is known of it, and the check.
struct Rule {
    info: RuleInfo,
    check: fn(&Context<'_, '_>, &mut Sink<'_>),
}

/// The page of rule `$name`.
macro_rules! page {
    ($name:literal) => {
        include_str!(concat!("../../../../docs/using/rules/", $name, ".md"))
    };
}
use page;

const RULES: [Rule; 29] = [
    atomic_network::RULE,
    atomic_task_enqueue::RULE,
    atomic_sleep::RULE,
    atomic_unbounded_loop::RULE,
    atomic_swallowed_error::RULE,
    loop_query::RULE,
    loop_n_plus_one::RULE,
    python_aggregate::RULE,
    unbounded_queryset::RULE,
    http_no_timeout::RULE,
    thread_orm::RULE,
    executor_waits::RULE,
    on_commit_late_binding::RULE,
    queryset_discarded::RULE,
    check_then_write::RULE,
    pooler_session_state::RULE,
    cache_stampede::RULE,
    activity_probe::RULE,
    connection_cleanup::RULE,
    settings_invalid_option::RULE,
    settings_ineffective_key::RULE,
    settings_no_health_check::RULE,
    settings_persistent_asgi::RULE,
    settings_pool_with_max_age::RULE,
    settings_connection_budget::RULE,
    settings_pooler_server_cursors::RULE,
    settings_pooler_startup_options::RULE,
    settings_no_statement_timeout::RULE,
    settings_atomic_requests::RULE,
];

/// What is known of the rule for ignores without effect, which runs in every check.
const UNUSED_IGNORE: RuleInfo = RuleInfo {
    name: suppress::UNUSED,
    summary: "an ignore comment silences nothing",
    group: Group::Code,
    severity: Severity::Warning,
    default_on: true,
    page: page!("unused-ignore"),
};

/// All rules, in the order of the reference.
pub fn rules() -> impl Iterator<Item = RuleInfo> {
    RULES.iter().map(|rule| rule.info).chain([UNUSED_IGNORE])
}

/// The rule called `name`.
#[must_use]
pub fn rule_named(name: &str) -> Option<RuleInfo> {
    rules().find(|rule| rule.name == name)
}

/// The rule whose name is most like `name`, if one is near.
#[must_use]
pub fn nearest(name: &str) -> Option<&'static str> {
    let scored = rules().map(|rule| (distance(name, rule.name), rule.name));
    scored.min().filter(|(distance, _)| *distance <= 4).map(|(_, name)| name)
}

/// Levenshtein distance (Wagner and Fischer 1974, one row).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(100).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}
