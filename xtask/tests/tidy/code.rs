//! Rules on Rust code: what pure crates may not name, how long functions are, where `unsafe` is.

use crate::source::{File, Token, flat, none, rust};

/// Crates that decide and do not act.
const PURE: [&str; 3] = ["crates/weir-wire/src/", "crates/weir-core/src/", "crates/weir-lint/src/"];

/// What only acting code names. Time, chance and environment are arguments there.
const BANNED: [&str; 21] = [
    "tokio",
    "mio",
    "rustix",
    "libc",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "ToSocketAddrs",
    "std::fs",
    "std::io::stdin",
    "std::io::stdout",
    "std::env",
    "std::process",
    "std::thread",
    "Instant::now",
    "SystemTime",
    "rand",
    "getrandom",
    "println!",
    "eprintln!",
];

#[test]
fn pure_crates_name_nothing_that_acts() {
    let breaches: Vec<String> = rust()
        .iter()
        .filter(|file| PURE.iter().any(|start| file.path.starts_with(start)))
        .flat_map(banned_in)
        .collect();
    none(&breaches, "pure crates read no clock, socket, file, environment or chance");
}

fn banned_in(file: &File) -> Vec<String> {
    let tokens = flat(file.tokens());
    let mut breaches = Vec::new();
    // A failed test may say what it saw.
    let speaks = |banned: &&&str| banned.ends_with("println!") && file.path.contains("/tests/");
    for banned in BANNED.iter().filter(|banned| !speaks(banned)) {
        let wanted = flat(banned.parse().unwrap());
        for window in tokens.windows(wanted.len()) {
            if window.iter().zip(&wanted).all(|(found, wanted)| found.text == wanted.text) {
                breaches.push(format!("{}:{}: {banned}", file.path, window[0].line));
            }
        }
    }
    breaches
}

/// Lines between a function's braces, blank ones and comments not counted.
const FUNCTION_LINES_MAX: usize = 70;

#[test]
fn functions_are_short() {
    let mut breaches = Vec::new();
    for file in rust() {
        for function in functions(&file) {
            if function.lines > FUNCTION_LINES_MAX {
                let Function { name, line, lines } = function;
                breaches.push(format!("{}:{line}: {name} has {lines} lines", file.path));
            }
        }
    }
    none(&breaches, "functions have at most 70 lines");
}

#[derive(Debug, PartialEq, Eq)]
struct Function {
    name: String,
    line: usize,
    lines: usize,
}

/// The functions with a body. Lines are those that hold a token, so comments do not count.
fn functions(file: &File) -> Vec<Function> {
    let tokens = flat(file.tokens());
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let Some(name) = tokens.get(at + 1) else { continue };
        let named = name.text.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if token.text == "fn"
            && named
            && let Some(body) = body_of(&tokens[at..])
        {
            let mut lines: Vec<usize> = body.iter().map(|token| token.line).collect();
            lines.dedup();
            let name = name.text.clone();
            found.push(Function { name, line: token.line, lines: lines.len() });
        }
    }
    found
}

/// What is between the braces, given the tokens from `fn`; `None` for a declaration without a body.
fn body_of(tokens: &[Token]) -> Option<&[Token]> {
    let mut depth = 0_usize;
    let mut body = None;
    for (at, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            // After a generic type the two come as one: `-> Option<Self>;`.
            ";" | ">;" if depth == 0 => return None,
            "{" | "(" | "[" => {
                if depth == 0 && token.text == "{" {
                    body = Some(at + 1);
                }
                depth += 1;
            }
            "}" | ")" | "]" => {
                depth -= 1;
                if let (0, Some(start)) = (depth, body) {
                    return Some(&tokens[start..at]);
                }
            }
            _ => {}
        }
    }
    None
}

#[test]
fn the_length_of_a_function_leaves_out_comments_and_blanks() {
    let text = "
        trait T { fn declared(&self) -> [u8; 2]; fn generic() -> Option<u8>; }
        // fn commented() {}
        fn one() -> u8 { 1 }
        fn two(a: [u8; 4],
            b: fn(u8) -> u8) {

            // A comment.
            let text = \"fn not_a_function() {\";
            drop(text);
        }";
    let file = File { path: "x.rs".to_owned(), text: text.to_owned() };
    let found: Vec<(String, usize)> =
        functions(&file).into_iter().map(|function| (function.name, function.lines)).collect();
    assert_eq!(found, [("one".to_owned(), 1), ("two".to_owned(), 2)]);
}

#[test]
fn banned_names_are_found_in_code_and_not_in_comments() {
    let text = "//! No std::fs here.\nuse std::fs::File;\nfn f() { Instant :: now(); }\n";
    let file = File { path: "x.rs".to_owned(), text: text.to_owned() };
    assert_eq!(banned_in(&file), ["x.rs:2: std::fs", "x.rs:3: Instant::now"]);
}

/// Files that may hold `unsafe`, and why.
const UNSAFE: [(&str, &str); 3] = [
    ("crates/weir/src/proxy/defer.rs", "sets a socket option that no dependency knows"),
    (
        "crates/weir/src/proxy/driver/uring/buffers.rs",
        "shows the kernel the ring of buffers that it fills",
    ),
    (
        "crates/weir/src/proxy/driver/uring/ring.rs",
        "submits operations on memory that the kernel reads later",
    ),
];

#[test]
fn unsafe_is_only_where_it_is_accounted_for() {
    let mut breaches = Vec::new();
    for file in rust() {
        let used: Vec<Token> =
            flat(file.tokens()).into_iter().filter(|token| token.text == "unsafe").collect();
        let allowed = UNSAFE.iter().any(|(path, _)| *path == file.path);
        match (used.first(), allowed) {
            (Some(first), false) => breaches.push(format!("{}:{}", file.path, first.line)),
            (None, true) => breaches.push(format!("{} no longer needs its entry", file.path)),
            (Some(_), true) | (None, false) => {}
        }
    }
    none(&breaches, "`unsafe` is only in the files that the list UNSAFE names");
}
