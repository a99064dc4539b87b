//! Rules on crates: which of ours may use which, and what is said of those of others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::source::{none, root};

/// Our crates and those of ours that each may use outside its tests, from the ground up.
const EDGES: [(&str, &[&str]); 11] = [
    ("weir-wire", &[]),
    ("weir-core", &["weir-wire"]),
    ("weir-lint", &["weir-wire", "weir-core"]),
    ("weir-testkit", &[]),
    ("weir-tower", &[]),
    ("orders", &["weir-tower"]),
    ("weir-fuzz", &["weir-wire", "weir-core"]),
    // Drives everything from outside, over the network.
    ("weir-replay", &["weir-testkit"]),
    // The demo starts private servers, replays the incident, and carries the service that had it.
    ("weir", &["weir-wire", "weir-core", "weir-lint", "weir-testkit", "weir-replay", "orders"]),
    ("weir-bench", &["weir-testkit"]),
    ("xtask", &["weir-testkit", "weir-core"]),
];

/// Crates that stay out, whoever asks for them.
const BANNED: [(&str, &str); 5] = [
    ("openssl", "one TLS library, in Rust's hands: rustls with aws-lc-rs"),
    ("openssl-sys", "as openssl"),
    ("native-tls", "as openssl"),
    ("ring", "aws-lc-rs is the one provider of cryptography"),
    ("async-std", "one runtime: tokio"),
];

/// Licences that ask for no more than their own text.
const LICENCES: [&str; 16] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "OpenSSL",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
];

fn cargo(arguments: &[&str]) -> String {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    let output = cargo.args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Workspaces of ours: the fuzz targets need flags of their own, so they are one apart.
const WORKSPACES: [&str; 2] = ["Cargo.toml", "fuzz/Cargo.toml"];

/// Our own packages, as `cargo metadata` describes them.
fn ours() -> Vec<Value> {
    let of = |manifest: &&str| {
        let path = ["--manifest-path", manifest];
        let text = cargo(&[&["metadata", "--format-version=1", "--no-deps"][..], &path].concat());
        let metadata: Value = serde_json::from_str(&text).unwrap();
        metadata["packages"].as_array().unwrap().clone()
    };
    WORKSPACES.iter().filter(|path| root().join(path).exists()).flat_map(of).collect()
}

fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap()
}

fn dependencies(package: &Value) -> impl Iterator<Item = &Value> {
    package["dependencies"].as_array().unwrap().iter()
}

/// A package that is built for some target, with some features, in some test.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Built {
    name: String,
    version: String,
    licence: String,
}

/// All of them. (`cargo metadata` and the lock file name more: what optional features could need.)
fn built() -> &'static BTreeSet<Built> {
    static BUILT: OnceLock<BTreeSet<Built>> = OnceLock::new();
    BUILT.get_or_init(|| {
        let tree = cargo(&[
            "tree",
            "--workspace",
            "--all-features",
            "--target=all",
            "--edges=normal,build,dev",
            "--prefix=none",
            "--format={p}|{l}",
        ]);
        tree.lines().filter(|line| line.contains('|')).map(read).collect()
    })
}

/// Reads `name v1.2.3 (where it is)|licence (*)`.
fn read(line: &str) -> Built {
    let (package, licence) = line.split_once('|').unwrap();
    let mut words = package.split(' ').map(str::to_owned);
    let licence = licence.trim_end_matches(" (*)").to_owned();
    Built { name: words.next().unwrap(), version: words.next().unwrap(), licence }
}

#[test]
fn edges_between_our_crates_point_down() {
    let allowed: BTreeMap<&str, &[&str]> = EDGES.into();
    let ours = ours();
    let our_names: BTreeSet<&str> = ours.iter().map(name).collect();
    let mut breaches = Vec::new();
    for package in &ours {
        let Some(below) = allowed.get(name(package)) else {
            breaches.push(format!("{} has no place yet: give it one in EDGES", name(package)));
            continue;
        };
        for dependency in dependencies(package).filter(|edge| edge["kind"].is_null()) {
            let used = name(dependency);
            if our_names.contains(used) && !below.contains(&used) {
                breaches.push(format!("{} uses {used}", name(package)));
            }
        }
    }
    none(&breaches, "a crate uses only those of ours that EDGES gives it");
}

#[test]
fn banned_crates_stay_out() {
    let found = built().iter().filter_map(|package| {
        let (banned, reason) = BANNED.iter().find(|(banned, _)| *banned == package.name)?;
        Some(format!("{banned}: {reason}"))
    });
    none(&found.collect::<Vec<_>>(), "these crates are banned");
}

#[test]
fn licences_are_permissive() {
    let mut breaches = Vec::new();
    for Built { name, licence, .. } in built() {
        if !permitted(licence) {
            breaches.push(format!("{name}: {licence:?}"));
        }
    }
    none(&breaches, "every crate can be had under a licence of the list LICENCES");
}

/// Whether an SPDX expression leaves us a permitted choice. Brackets group alternatives only, as
/// in `(MIT OR Apache-2.0) AND Unicode-3.0`.
fn permitted(expression: &str) -> bool {
    let known = |licence: &str| LICENCES.contains(&licence.trim_matches(['(', ')', ' ']));
    let some = |part: &str| part.replace('/', " OR ").split(" OR ").any(known);
    if expression.contains('(') {
        return expression.split(" AND ").all(some);
    }
    let every = |choice: &str| choice.split(" AND ").all(known);
    expression.replace('/', " OR ").split(" OR ").any(every)
}

#[test]
fn licence_expressions_are_understood() {
    let cases = [
        ("MIT", true),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
        ("(GPL-2.0 OR GPL-3.0) AND MIT", false),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
        ("", false),
    ];
    for (expression, expected) in cases {
        assert_eq!(permitted(expression), expected, "{expression}");
    }
}

#[test]
fn every_direct_dependency_is_accounted_for() {
    let page = fs::read_to_string(root().join("docs/inside/dependencies.md")).unwrap();
    let first_columns = page.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next());
    let described: BTreeSet<&str> =
        first_columns.flat_map(|column| column.split('`').skip(1).step_by(2)).collect();
    let ours = ours();
    let our_names: BTreeSet<&str> = ours.iter().map(name).collect();
    let used: BTreeSet<&str> = ours
        .iter()
        .flat_map(dependencies)
        .map(name)
        .filter(|used| !our_names.contains(used))
        .collect();
    let missing = used.difference(&described).map(|name| format!("{name} has no row"));
    let stale = described.difference(&used).map(|name| format!("{name} is no longer used"));
    let breaches: Vec<String> = missing.chain(stale).collect();
    none(&breaches, "docs/inside/dependencies.md has a row for each direct dependency");
}

#[test]
fn our_own_crates_have_names_of_their_own() {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in built() {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    println!("in more than one version (no failure): {versions:#?}");
    assert!(!ours().iter().any(|package| versions.contains_key(name(package))));
}
