//! `settings-connection-budget`: more connections than the server has.

use super::shared;
use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::Severity;
use crate::settings::Database;
use crate::syntax::ast::ExprKind;

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "settings-connection-budget",
        summary: "processes × threads × aliases can open more connections than the server allows",
        group: Group::Settings,
        severity: Severity::Error,
        default_on: true,
        page: page!("settings-connection-budget"),
    },
    check,
};

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    let Some(settings) = context.settings else { return };
    let (Some(limit), Some(processes)) =
        (context.config.connection_limit, context.config.processes)
    else {
        return;
    };
    let aliases: Vec<_> = settings
        .databases
        .iter()
        .filter(|d| d.defined && !shared::is_other_database(context, d))
        .collect();
    let Some(first) = aliases.first() else { return };
    let threads = u64::from(context.config.threads.max(1));
    let per_process: u64 = aliases.iter().map(|d| most(context, d, threads)).sum();
    let most = per_process * u64::from(processes);
    if most > u64::from(limit) {
        let message = format!(
            "{processes} processes can hold {most} connections ({per_process} each over {} aliases), \
             but the server allows {limit}",
            aliases.len()
        );
        let help = "run fewer workers or threads, use a smaller pool, or put a transaction pooler \
                    in front";
        sink.push(Draft::new(first.span, message, help));
    }
}

/// The most connections one process opens for an alias: one a thread, or the native pool's size.
fn most(context: &Context<'_, '_>, database: &Database<'_>, threads: u64) -> u64 {
    let Some(pool) = database.option("pool") else { return threads };
    let ExprKind::Dict(items) = &pool.value.kind else { return POOL_SIZE };
    let size = |name: &str| {
        let found =
            items.iter().find(|(key, _)| key.as_ref().and_then(|k| k.as_str()) == Some(name));
        found
            .and_then(|(_, v)| shared::value(context, v).as_int())
            .and_then(|n| u64::try_from(n).ok())
    };
    size("max_size").or_else(|| size("min_size")).unwrap_or(POOL_SIZE)
}

/// Connections of a psycopg pool that is given no size.
const POOL_SIZE: u64 = 4;
