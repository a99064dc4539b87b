//! No input makes the checker panic, and what it cannot read it says so.
#![expect(clippy::disallowed_methods, reason = "the crate is pure; its tests read fixtures")]

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use weir_lint::output::{Format, Report, render};
use weir_lint::{Config, FILE_BYTES_MAX, Module, NESTING_MAX, Source, check};

fn everything() -> Config {
    Config::from_pyproject(
        "[tool.weir-lint]\nselect = ['all']\nconfidence = 'low'\nconnection-limit = 1\nprocesses = 9",
    )
    .expect("valid")
}

/// Checks one text as views and as settings, beside itself, and renders every format.
fn run(text: &str) -> Vec<Module> {
    let source = |path: &str| Source { path: path.into(), text: text.into() };
    let modules: Vec<Module> = ["config/settings.py", "shop/__init__.py", "shop/views.py"]
        .into_iter()
        .map(source)
        .map(Module::parse)
        .collect();
    let findings = check(&modules, &everything());
    let report = Report { findings: &findings, modules: &modules, accepted: 0 };
    for format in
        [Format::Text { color: true }, Format::Json, Format::Sarif, Format::Github, Format::Gitlab]
    {
        assert!(!render(&report, format).is_empty() || findings.is_empty());
    }
    modules
}

fn message(modules: &[Module]) -> String {
    modules[0].problem().map(|p| p.message.clone()).unwrap_or_default()
}

#[test]
fn a_file_of_ten_megabytes_gives_a_clear_message() {
    let modules = run(&"x = 1\n".repeat(10 * 1024 * 1024 / 6));
    assert!(
        message(&modules).contains(&format!("longer than {FILE_BYTES_MAX}")),
        "{}",
        message(&modules)
    );
}

#[test]
fn deep_nesting_gives_a_clear_message_and_never_a_crash() {
    let ladder = |head: &str, n: usize| -> String {
        (0..n).map(|i| format!("{}{head}\n", "  ".repeat(i))).collect::<String>()
            + &"  ".repeat(n)
            + "pass\n"
    };
    type Shape = (&'static str, Box<dyn Fn(usize) -> String>);
    let shapes: Vec<Shape> = vec![
        ("brackets", Box::new(|n| format!("{}1{}\n", "(".repeat(n), ")".repeat(n)))),
        ("lists", Box::new(|n| format!("{}{}\n", "[".repeat(n), "]".repeat(n)))),
        ("calls", Box::new(|n| format!("x{}\n", "()".repeat(n)))),
        ("nested calls", Box::new(|n| format!("{}1{}\n", "f(".repeat(n), ")".repeat(n)))),
        ("attributes", Box::new(|n| format!("x{}\n", ".y".repeat(n)))),
        ("queries", Box::new(|n| format!("O.objects{}\n", ".filter(a=1)".repeat(n)))),
        ("subscripts", Box::new(|n| format!("x{}\n", "[0]".repeat(n)))),
        ("sums", Box::new(|n| format!("x = 1{}\n", " + 1".repeat(n)))),
        ("nots", Box::new(|n| format!("x = {}1\n", "not ".repeat(n)))),
        ("signs", Box::new(|n| format!("x = {}1\n", "-".repeat(n)))),
        ("powers", Box::new(|n| format!("x = 1{}\n", " ** 1".repeat(n)))),
        ("lambdas", Box::new(|n| format!("x = {}1\n", "lambda: ".repeat(n)))),
        ("conditions", Box::new(|n| format!("x = {}1\n", "1 if a else ".repeat(n)))),
        ("awaits", Box::new(|n| format!("async def f():\n    {}x\n", "await ".repeat(n)))),
        ("dicts", Box::new(|n| format!("{}1{}\n", "{1: ".repeat(n), "}".repeat(n)))),
        (
            "comprehensions",
            Box::new(|n| format!("{}1{}\n", "[".repeat(n), " for x in y]".repeat(n))),
        ),
        ("ifs", Box::new(move |n| ladder("if x:", n))),
        ("functions", Box::new(move |n| ladder("def f(a):", n))),
        ("classes", Box::new(move |n| ladder("class A(B):", n))),
        ("loops", Box::new(move |n| ladder("for x in O.objects.all():", n))),
        ("blocks", Box::new(move |n| ladder("with transaction.atomic():", n))),
        ("tries", Box::new(|n| format!("{}pass\n", "try:\n".repeat(n)))),
        (
            "one-space steps",
            Box::new(|n| (0..n).map(|i| format!("{}if x:\n", " ".repeat(i))).collect()),
        ),
        (
            "strings in f-strings",
            Box::new(|n| format!("x = {}1{}\n", "f'{".repeat(n), "}'".repeat(n))),
        ),
        ("elifs", Box::new(|n| format!("if a:\n    pass\n{}", "elif b:\n    pass\n".repeat(n)))),
        ("decorators", Box::new(|n| format!("{}def f(): pass\n", "@a\n".repeat(n)))),
        ("walrus", Box::new(|n| format!("{}1{}\n", "(x := ".repeat(n), ")".repeat(n)))),
        ("stars", Box::new(|n| format!("f({}x)\n", "*".repeat(n)))),
        (
            "match",
            Box::new(|n| {
                format!("match x:\n    case {}1{}:\n        pass\n", "[".repeat(n), "]".repeat(n))
            }),
        ),
    ];
    for (name, shape) in &shapes {
        for depth in [10, NESTING_MAX / 3, NESTING_MAX - 2, NESTING_MAX, 5_000] {
            let modules = run(&shape(depth));
            let told = message(&modules);
            let refused = told.contains("nested deeper") || told.contains("longer than");
            let flat = matches!(*name, "elifs" | "decorators" | "tries" | "strings in f-strings");
            assert!(depth < 5_000 || refused || flat, "{name} at {depth}: {told}");
        }
    }
}

#[test]
fn a_broken_file_is_told_and_its_sound_parts_are_checked() {
    let text = "import requests\n\ndef good():\n    requests.get('u')\n\ndef broken(:\n    pass\n\n\
                def after():\n    requests.post('u')\n";
    let modules = vec![Module::parse(Source { path: "shop/jobs.py".into(), text: text.into() })];
    let problem = modules[0].problem().expect("a syntax error");
    assert_eq!(problem.place.line, 6);
    let lines: Vec<usize> =
        check(&modules, &Config::default()).iter().map(|f| f.start.line).collect();
    assert_eq!(lines, [4, 10]);
}

#[test]
fn binary_files_are_told() {
    assert!(message(&run("x = '\0'\n")).contains("NUL"));
}

/// Every Python text of our own tests.
fn seeds() -> Vec<String> {
    fn collect(dir: &Path, out: &mut Vec<String>) {
        for entry in fs::read_dir(dir).expect("readable").flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(&path, out);
            } else if path.extension().is_some_and(|e| e == "py" || e == "md") {
                let text = fs::read_to_string(&path).expect("readable");
                let code = text.lines().map(|l| l.strip_prefix("    ").unwrap_or(l));
                out.push(code.collect::<Vec<_>>().join("\n"));
            }
        }
    }
    let mut out = Vec::new();
    for dir in ["tests/fixtures", "tests/story"] {
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(dir), &mut out);
    }
    out.sort();
    out
}

/// One change to a text.
#[derive(Debug, Clone)]
enum Edit {
    Cut { at: usize, length: usize },
    Insert { at: usize, token: usize },
    Swap { at: usize, to: usize },
    Double { at: usize, length: usize },
}

const TOKENS: [&str; 24] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    "\"",
    "'",
    "\"\"\"",
    "\n",
    "\n    ",
    "    ",
    "def f(",
    "with atomic():\n",
    "for x in ",
    "lambda ",
    "f'{",
    "\\",
    "é",
    "await ",
    "**",
    "\u{feff}",
];

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let edit = prop_oneof![
        (any::<usize>(), 1..80usize).prop_map(|(at, length)| Edit::Cut { at, length }),
        (any::<usize>(), 0..TOKENS.len()).prop_map(|(at, token)| Edit::Insert { at, token }),
        (any::<usize>(), any::<usize>()).prop_map(|(at, to)| Edit::Swap { at, to }),
        (any::<usize>(), 1..200usize).prop_map(|(at, length)| Edit::Double { at, length }),
    ];
    proptest::collection::vec(edit, 1..12)
}

fn apply(text: &str, edits: &[Edit]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for edit in edits {
        let length = chars.len().max(1);
        match edit {
            Edit::Cut { at, length: n } => {
                let at = at % length;
                chars.drain(at.min(chars.len())..(at + n).min(chars.len()));
            }
            Edit::Insert { at, token } => {
                let at = (at % length).min(chars.len());
                chars.splice(at..at, TOKENS[*token].chars());
            }
            Edit::Swap { at, to } if !chars.is_empty() => chars.swap(at % length, to % length),
            Edit::Swap { .. } => {}
            Edit::Double { at, length: n } => {
                let at = (at % length).min(chars.len());
                let part: Vec<char> = chars[at..(at + n).min(chars.len())].to_vec();
                chars.splice(at..at, part);
            }
        }
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn mutated_python_never_panics(pick in any::<usize>(), edits in edits()) {
        let seeds = seeds();
        run(&apply(&seeds[pick % seeds.len()], &edits));
    }

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,400}") {
        run(&text);
    }
}
