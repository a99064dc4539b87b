//! The files of the project, as git knows them, and Rust source as tokens with their lines.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use proc_macro2::{Spacing, TokenStream, TokenTree};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A text file.
#[derive(Debug)]
pub(crate) struct File {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    pub(crate) fn is(&self, extensions: &[&str]) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, end)| extensions.contains(&end))
    }

    pub(crate) fn tokens(&self) -> TokenStream {
        TokenStream::from_str(&self.text).unwrap_or_else(|err| panic!("{}: {err}", self.path))
    }
}

/// Every text file that is committed or about to be.
pub(crate) fn files() -> Vec<File> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(root());
    let listed = git.output().expect("git lists the files");
    assert!(listed.status.success(), "git ls-files: {listed:?}");
    let mut files = Vec::new();
    for path in String::from_utf8(listed.stdout).unwrap().lines() {
        // A file that was deleted but not yet committed is listed; one that is no text is passed.
        if let Ok(text) = fs::read_to_string(root().join(path)) {
            files.push(File { path: path.to_owned(), text });
        }
    }
    assert!(files.len() > 20, "only {} files found", files.len());
    files
}

/// The Rust files.
pub(crate) fn rust() -> Vec<File> {
    files().into_iter().filter(|file| file.is(&["rs"])).collect()
}

/// A token that is not a group: its text, and its line from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// Tokens in order, brackets as tokens of their own, comments gone, `::` and the like joined.
pub(crate) fn flat(stream: TokenStream) -> Vec<Token> {
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    tokens
}

fn flatten(stream: TokenStream, into: &mut Vec<Token>) {
    let mut joined = false;
    for tree in stream {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    proc_macro2::Delimiter::Parenthesis => ("(", ")"),
                    proc_macro2::Delimiter::Brace => ("{", "}"),
                    proc_macro2::Delimiter::Bracket => ("[", "]"),
                    proc_macro2::Delimiter::None => ("", ""),
                };
                into.push(Token { text: open.to_owned(), line });
                flatten(group.stream(), into);
                into.push(Token { text: close.to_owned(), line: group.span_close().start().line });
                joined = false;
            }
            TokenTree::Punct(punct) => {
                match into.last_mut() {
                    Some(last) if joined => last.text.push(punct.as_char()),
                    Some(_) | None => into.push(Token { text: punct.to_string(), line }),
                }
                joined = punct.spacing() == Spacing::Joint;
            }
            TokenTree::Ident(_) | TokenTree::Literal(_) => {
                into.push(Token { text: tree.to_string(), line });
                joined = false;
            }
        }
    }
}

/// Fails with all breaches, one a line.
#[track_caller]
pub(crate) fn none(breaches: &[String], rule: &str) {
    assert!(breaches.is_empty(), "{rule}:\n  {}", breaches.join("\n  "));
}
