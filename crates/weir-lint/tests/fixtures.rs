//! Every rule against its fixtures, and the examples on its page.
//!
//! A fixture file is Markdown: each `## name` is one case, its code indented by four. Code goes to
//! `shop/views.py` below a header of imports, or to the path of a `### path` line. A line that
//! must be reported ends in `# <-`. Beside each case lies the small project in `_project`.
#![expect(clippy::disallowed_methods, reason = "the crate is pure; its tests read fixtures")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use weir_lint::{Config, Finding, Module, RuleInfo, Source, check, rules};

const MARK: &str = "# <-";

struct Case {
    name: String,
    files: Vec<(String, String)>,
    config: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn cases(text: &str) -> Vec<Case> {
    let header = read(&root().join("_project/header.py"));
    let mut all: Vec<Case> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            let files = Vec::new();
            all.push(Case { name: name.to_owned(), files, config: String::new() });
            continue;
        }
        let Some(case) = all.last_mut() else { continue };
        if let Some(path) = line.strip_prefix("### ") {
            case.files.push((path.to_owned(), String::new()));
        } else if let Some(option) = line.strip_prefix("- ") {
            case.config.push_str(option);
            case.config.push('\n');
        } else if let Some(code) = line.strip_prefix("    ") {
            if case.files.is_empty() {
                case.files.push(("shop/views.py".to_owned(), header.clone()));
            }
            let file = case.files.last_mut().expect("a file was just added");
            file.1.push_str(code);
            file.1.push('\n');
        } else if line.is_empty()
            && let Some(file) = case.files.last_mut()
        {
            file.1.push('\n');
        }
    }
    all
}

fn run(rule: &str, case: &Case) -> (Vec<Module>, Vec<Finding>) {
    let project = ["shop/models.py", "shop/tasks.py", "shop/gateway.py"];
    let mut sources: Vec<Source> = project
        .iter()
        .filter(|path| case.files.iter().all(|(own, _)| own != *path))
        .map(|path| Source {
            path: (*path).to_owned(),
            text: read(&root().join("_project").join(path)),
        })
        .collect();
    sources.push(Source { path: "shop/__init__.py".into(), text: String::new() });
    sources.extend(
        case.files.iter().map(|(path, text)| Source { path: path.clone(), text: text.clone() }),
    );
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    let options = format!("[tool.weir-lint]\nselect = ['{rule}']\n{}", case.config);
    let config = Config::from_pyproject(&options).unwrap_or_else(|e| panic!("{}: {e}", case.name));
    let modules: Vec<Module> = sources.into_iter().map(Module::parse).collect();
    for module in &modules {
        assert_eq!(module.problem(), None, "{}: {}", case.name, module.path());
    }
    let findings = check(&modules, &config);
    (modules, findings)
}

/// Checks each case: the reported lines are the marked ones. Returns the complaints.
fn complaints(rule: &str, file: &str, all: &[Case], fires: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for case in all {
        let (modules, findings) = run(rule, case);
        let found: BTreeSet<(String, usize)> =
            findings.iter().map(|f| (f.path.clone(), f.start.line)).collect();
        let marked: BTreeSet<(String, usize)> = modules
            .iter()
            .flat_map(|module| {
                (1..=module.line_count())
                    .filter(|n| module.line(*n).trim_end().ends_with(MARK))
                    .map(|n| (module.path().to_owned(), n))
            })
            .collect();
        if marked.is_empty() == fires {
            wrong.push(format!("{rule}/{file} `{}`: marks do not fit the file", case.name));
        }
        if found != marked {
            let text: Vec<String> = findings
                .iter()
                .map(|f| format!("      {}:{} {}", f.path, f.start.line, f.message))
                .collect();
            wrong.push(format!(
                "{rule}/{file} `{}`:\n   marked {marked:?}\n   found {found:?}\n{}",
                case.name,
                text.join("\n")
            ));
        }
    }
    wrong
}

fn with_fixtures() -> impl Iterator<Item = RuleInfo> {
    rules().filter(|rule| rule.name != "unused-ignore")
}

#[test]
fn every_rule_fires_and_holds() {
    let mut wrong = Vec::new();
    for rule in with_fixtures() {
        for (file, fires) in [("fires.md", true), ("holds.md", false)] {
            let all = cases(&read(&root().join(rule.name).join(file)));
            if all.len() < 8 {
                wrong.push(format!("{}/{file}: {} cases, at least 8 wanted", rule.name, all.len()));
            }
            wrong.extend(complaints(rule.name, file, &all, fires));
        }
    }
    assert!(wrong.is_empty(), "{}\n{} complaints", wrong.join("\n"), wrong.len());
}

#[test]
fn examples_on_the_pages_are_true() {
    let mut wrong = Vec::new();
    for rule in with_fixtures() {
        let (bad, good) = (section(rule.page, "## Bad"), section(rule.page, "## Good"));
        if bad.is_empty() || good.is_empty() {
            wrong.push(format!("{}: the page lacks an example", rule.name));
            continue;
        }
        for (text, fires) in [(bad, true), (good, false)] {
            let case = example(&text);
            let (_, findings) = run(rule.name, &case);
            if findings.is_empty() == fires {
                wrong.push(format!("{}: fires: {fires}, found {findings:?}", rule.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The text of a page between a heading and the next one.
fn section(page: &str, heading: &str) -> String {
    let after = page.split_once(&format!("{heading}\n")).map_or("", |(_, after)| after);
    after.split("\n## ").next().unwrap_or("").trim().to_owned()
}

/// A page's example: a fenced block, in a settings module when it sets settings.
fn example(text: &str) -> Case {
    let header = read(&root().join("_project/header.py"));
    let code: String = text
        .split("```")
        .skip(1)
        .step_by(2)
        .filter_map(|block| block.strip_prefix("python\n"))
        .collect();
    let config: String = text
        .split("```")
        .skip(1)
        .step_by(2)
        .filter_map(|block| block.strip_prefix("toml\n[tool.weir-lint]\n"))
        .collect();
    let settings = code.contains("DATABASES") || code.contains("CONN_MAX_AGE");
    let file = if settings {
        ("config/settings.py".to_owned(), code)
    } else {
        ("shop/views.py".to_owned(), header + &code)
    };
    Case { name: "example".into(), files: vec![file], config }
}

#[test]
fn pages_have_their_parts_and_the_index_names_them_all() {
    let index =
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/using/rules/README.md"));
    for rule in rules() {
        let expected = format!("# {}\n\n{}.\n", rule.name, rule.summary);
        assert!(rule.page.starts_with(&expected), "{}: page begins otherwise", rule.name);
        for part in ["## Why", "## How to fix", "## Known limits"] {
            assert!(rule.page.contains(part), "{}: no {part}", rule.name);
        }
        let state = if rule.default_on { "on" } else { "off" };
        let line = format!(
            "| [{0}]({0}.md) | {1} | {2} | {3} |",
            rule.name,
            rule.severity.as_str(),
            state,
            rule.summary
        );
        assert!(index.contains(&line), "the index lacks: {line}");
    }
}
