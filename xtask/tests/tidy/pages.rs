//! Pages: links lead somewhere, and every page can be found.

use crate::source::{File, files, none};

/// The pages of the project.
fn pages(all: &[File]) -> impl Iterator<Item = &File> {
    all.iter().filter(|file| file.is(&["md"]))
}

/// The files that a page links to, from the root; what lies outside the project is left out.
fn links(page: &File) -> impl Iterator<Item = String> {
    let targets = page.text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    let ours = targets.filter(|target| !target.is_empty() && !target.contains(':'));
    ours.map(|target| resolved(&page.path, target))
}

/// `target` as the page at `from` means it.
fn resolved(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// The page that lists this one of the documentation; none lists the first one.
fn index_of(page: &str) -> Option<&'static str> {
    const FOLDERS: [&str; 3] = ["docs/operating/causes/", "docs/using/rules/", "docs/decisions/"];
    const INDICES: [&str; 3] = [
        "docs/operating/causes/README.md",
        "docs/using/rules/README.md",
        "docs/decisions/README.md",
    ];
    let own = FOLDERS.iter().position(|folder| page.starts_with(folder));
    let own = own.map(|at| INDICES[at]).filter(|index| *index != page);
    own.or((page != "docs/README.md").then_some("docs/README.md"))
}

#[test]
fn links_lead_to_what_is_there() {
    let all = files();
    let exists = |path: &str| {
        let folder = format!("{path}/");
        all.iter().any(|file| file.path == path || file.path.starts_with(&folder))
    };
    let mut breaches = Vec::new();
    for page in pages(&all) {
        let lost = links(page).filter(|target| !exists(target));
        breaches.extend(lost.map(|target| format!("{}: {target}", page.path)));
    }
    none(&breaches, "a link leads to a file of the project");
}

#[test]
fn every_page_is_listed() {
    let all = files();
    let mut breaches = Vec::new();
    for page in pages(&all).filter(|page| page.path.starts_with("docs/")) {
        let Some(index) = index_of(&page.path) else { continue };
        let mut listed = pages(&all).filter(|page| page.path == index).flat_map(links);
        if !listed.any(|target| target == page.path) {
            breaches.push(format!("{}: not in {index}", page.path));
        }
    }
    none(&breaches, "a page of the documentation is in its folder's index");
}

#[test]
fn links_are_read_as_a_reader_follows_them() {
    let text = "[a](../x.md#part) [b](y/z.md), [c](https://d.e) and [f](#here)".to_owned();
    let page = File { path: "docs/using/p.md".to_owned(), text };
    assert_eq!(links(&page).collect::<Vec<_>>(), ["docs/x.md", "docs/using/y/z.md"]);
}

#[test]
fn every_cause_has_its_page_and_names_rules_that_exist() {
    let all = files();
    let exists = |path: &str| all.iter().any(|file| file.path == path);
    let mut breaches = Vec::new();
    for cause in weir_core::diagnosis::Cause::ALL {
        let page = format!("docs/{}", cause.page());
        let rules = cause.checks().iter().map(|rule| format!("docs/using/rules/{rule}.md"));
        breaches.extend(std::iter::once(page).chain(rules).filter(|path| !exists(path)));
    }
    none(&breaches, "a cause links to pages that exist");
}
