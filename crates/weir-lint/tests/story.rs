//! The incident's code, in a rendering of our own: every fault that reading can show is found, each
//! by the rule named in a comment on its line; the mended project is clean with every rule on.
#![expect(clippy::disallowed_methods, reason = "the crate is pure; its tests read fixtures")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use weir_lint::{Config, Finding, Module, Source, check, rule_named};

fn load(version: &str) -> Vec<Module> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/story").join(version);
    let mut modules = Vec::new();
    for dir in ["config", "shop"] {
        let entries = fs::read_dir(root.join(dir)).expect("the story is there");
        for entry in entries {
            let path = entry.expect("readable").path();
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).expect("readable");
            modules.push(Module::parse(Source { path: format!("{dir}/{name}"), text }));
        }
    }
    modules.sort_by(|a, b| a.path().cmp(b.path()));
    modules
}

fn findings(modules: &[Module]) -> Vec<Finding> {
    let config =
        "[tool.weir-lint]\nselect = ['all']\nconnection-limit = 97\nprocesses = 16\nthreads = 8";
    check(modules, &Config::from_pyproject(config).expect("valid"))
}

#[test]
fn every_visible_fault_is_found_and_has_a_page() {
    let modules = load("broken");
    let found: BTreeSet<(String, usize, String)> =
        findings(&modules).into_iter().map(|f| (f.path, f.start.line, f.rule.to_owned())).collect();
    let mut marked = BTreeSet::new();
    for module in &modules {
        for number in 1..=module.line_count() {
            let Some((_, comment)) = module.line(number).split_once("  # ") else { continue };
            for rule in comment.split_whitespace().filter(|word| rule_named(word).is_some()) {
                marked.insert((module.path().to_owned(), number, rule.to_owned()));
            }
        }
    }
    let missing: Vec<_> = marked.difference(&found).collect();
    assert!(missing.is_empty(), "not found: {missing:#?}");
    let named: BTreeSet<&str> = marked.iter().map(|(_, _, rule)| rule.as_str()).collect();
    assert!(named.len() >= 16, "only {} rules take part", named.len());
    assert!(named.iter().all(|rule| rule_named(rule).is_some_and(|r| r.page.contains("## Why"))));
    let noise: Vec<_> = found.difference(&marked).collect();
    assert!(noise.is_empty(), "besides: {noise:#?}");
}

#[test]
fn the_mended_project_is_clean_with_every_rule_on() {
    let modules = load("mended");
    let config =
        "[tool.weir-lint]\nselect = ['all']\nconnection-limit = 97\nprocesses = 16\nthreads = 8";
    let found = check(&modules, &Config::from_pyproject(config).expect("valid"));
    assert!(found.is_empty(), "{found:#?}");
}
