//! `# weir: ignore[rule]` on the line of a finding or alone on the line above, and
//! `# weir: ignore-file[rule]` anywhere. An ignore that silences nothing is reported itself.

use crate::finding::{Confidence, Finding, Severity};
use crate::source::{Module, Place};

/// Name of the rule for ignores that silence nothing.
pub(crate) const UNUSED: &str = "unused-ignore";

const MARK: &str = "# weir: ignore";

struct Ignore<'a> {
    line: usize,
    column: usize,
    whole_file: bool,
    alone: bool,
    rules: Vec<&'a str>,
    used: Vec<bool>,
}

/// Removes what `module` silences from `findings` (all of this module); adds unused ignores.
///
/// `ran` tells which rules ran, so that an ignore for a rule that is off counts as unused only
/// when it is asked for by name.
pub(crate) fn apply(
    module: &Module,
    findings: Vec<Finding>,
    ran: &dyn Fn(&str) -> bool,
) -> Vec<Finding> {
    if !module.text.contains(MARK) {
        return findings;
    }
    let mut ignores: Vec<Ignore<'_>> =
        (1..=module.line_count()).filter_map(|n| parse(n, module.line(n))).collect();
    let mut kept: Vec<Finding> = Vec::new();
    for finding in findings {
        if !silence(&mut ignores, &finding) {
            kept.push(finding);
        }
    }
    kept.extend(ignores.iter().flat_map(|ignore| unused(module, ignore, ran)));
    kept
}

fn parse(number: usize, line: &str) -> Option<Ignore<'_>> {
    let at = line.find(MARK)?;
    let rest = &line[at + MARK.len()..];
    let (whole_file, rest) = match rest.strip_prefix("-file") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let inner = rest.strip_prefix('[')?;
    let rules: Vec<&str> =
        inner.split(']').next()?.split(',').map(str::trim).filter(|r| !r.is_empty()).collect();
    let used = vec![false; rules.len()];
    let alone = line[..at].trim().is_empty();
    let column = line[..at].chars().count() + 1;
    Some(Ignore { line: number, column, whole_file, alone, rules, used })
}

fn silence(ignores: &mut [Ignore<'_>], finding: &Finding) -> bool {
    let mut silenced = false;
    for ignore in ignores {
        let covers = ignore.whole_file
            || (finding.start.line..=finding.end.line).contains(&ignore.line)
            || ignore.alone && ignore.line + 1 == finding.start.line;
        for (rule, used) in ignore.rules.iter().zip(&mut ignore.used) {
            if covers && *rule == finding.rule {
                *used = true;
                silenced = true;
            }
        }
    }
    silenced
}

fn unused(module: &Module, ignore: &Ignore<'_>, ran: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let pairs = ignore.rules.iter().zip(&ignore.used);
    let unused = pairs
        .filter(|(rule, used)| !**used && (ran(rule) || crate::rules::rule_named(rule).is_none()));
    unused
        .map(|(rule, _)| {
            let known = crate::rules::rule_named(rule).is_some();
            let message = if known {
                format!("`{rule}` reports nothing here, so this ignore has no effect")
            } else {
                format!("there is no rule `{rule}`, so this ignore has no effect")
            };
            let start = Place { line: ignore.line, column: ignore.column };
            Finding {
                path: module.path.clone(),
                start,
                end: Place { line: ignore.line, column: ignore.column + MARK.len() },
                rule: UNUSED,
                message,
                help: "delete it".to_owned(),
                severity: Severity::Warning,
                confidence: Confidence::High,
                related: Vec::new(),
                fix: None,
            }
        })
        .collect()
}
