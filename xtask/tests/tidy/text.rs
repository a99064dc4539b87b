//! Rules on text: what every file begins with, how wide it is, what it must not mention.

use crate::source::{files, none, rust};

#[test]
fn every_rust_file_says_what_it_is() {
    let begins = |text: &str| {
        let mut lines = text.lines().skip_while(|line| line.starts_with("#![") || line.is_empty());
        lines.next().is_some_and(|line| line.starts_with("//! "))
    };
    let breaches: Vec<String> =
        rust().into_iter().filter(|file| !begins(&file.text)).map(|file| file.path).collect();
    none(&breaches, "a Rust file begins with `//!` and what it is for");
}

const COLUMNS_MAX: usize = 100;

/// For lines that nobody can break well: a string, a row of a table.
const COLUMNS_UNBREAKABLE_MAX: usize = 130;

#[test]
fn lines_fit_the_page() {
    let mut breaches = Vec::new();
    for file in files().iter().filter(|file| file.is(&["rs", "py", "js", "ts", "sh", "css"])) {
        for (number, line) in file.text.lines().enumerate() {
            let columns = line.chars().count();
            let unbreakable = line.contains('"') || line.ends_with('\\') || line.contains("//! |");
            let whole = file.is(&["rs"]) && unbreakable;
            if columns > if whole { COLUMNS_UNBREAKABLE_MAX } else { COLUMNS_MAX } {
                breaches.push(format!("{}:{}: {columns} columns", file.path, number + 1));
            }
        }
    }
    none(&breaches, "lines have at most 100 columns");
}

/// In two halves, so that this file does not mention them.
const UNFINISHED: [(&str, &str); 5] =
    [("TO", "DO"), ("FIX", "ME"), ("XX", "X:"), ("db", "g!("), ("todo", "!(")];

#[test]
fn nothing_is_marked_unfinished() {
    let markers = UNFINISHED.map(|(one, two)| format!("{one}{two}"));
    check_absent(&markers, "finish it, or write it down in an issue");
}

/// Folders of one machine, and hosts that a registry's client knows by itself.
const ELSEWHERE: [(&str, &str); 7] = [
    ("/wo", "rk/"),
    ("/ro", "ot/"),
    ("/ho", "me/"),
    ("/Us", "ers/"),
    ("pypi", ".org"),
    ("registry.np", "mjs"),
    ("deb.deb", "ian"),
];

#[test]
fn no_file_depends_on_one_machine() {
    let places = ELSEWHERE.map(|(one, two)| format!("{one}{two}"));
    check_absent(&places, "paths of one machine and hosts of registries stay out of the tree");
}

fn check_absent(words: &[String], rule: &str) {
    let mut breaches = Vec::new();
    for file in files().iter().filter(|file| !file.path.ends_with(".lock")) {
        for (number, line) in file.text.lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(word.as_str())) {
                breaches.push(format!("{}:{}: {word}", file.path, number + 1));
            }
        }
    }
    none(&breaches, rule);
}

#[test]
fn files_end_with_one_line_end_and_lines_with_none_of_their_own() {
    let mut breaches = Vec::new();
    for file in files().iter().filter(|file| file.is(&["rs", "py", "js", "md", "toml", "sh"])) {
        if !file.text.is_empty() && (!file.text.ends_with('\n') || file.text.ends_with("\n\n")) {
            breaches.push(format!("{}: its end", file.path));
        }
        for (number, line) in file.text.lines().enumerate() {
            if line.ends_with([' ', '\t', '\r']) {
                breaches.push(format!("{}:{}: blanks at the end", file.path, number + 1));
            }
        }
    }
    none(&breaches, "no blanks at the end of lines, one line end at the end of files");
}
