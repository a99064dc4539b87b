//! Where the lexer cuts texts: rows of text and tokens joined by a bar.

use weir_wire::sql::lex::{Kind, Lexer, Token};

fn show(token: Token<'_>) -> String {
    let kind = match token.kind {
        Kind::Word | Kind::Punct(_) => "",
        Kind::Quoted => "q:",
        Kind::String => "s:",
        Kind::Dollar => "d:",
        Kind::Number => "n:",
        Kind::Parameter => "p:",
        Kind::Operator => "o:",
        Kind::Comment => "c:",
        Kind::Other => "?:",
    };
    format!("{kind}{}", String::from_utf8_lossy(token.text))
}

#[track_caller]
fn check(sql: &str, expected: &str) {
    let tokens: Vec<String> = Lexer::new(sql.as_bytes()).map(show).collect();
    assert_eq!(tokens.join("|"), expected, "{sql}");
}

#[track_caller]
fn check_all(rows: &[(&str, &str)]) {
    for (sql, expected) in rows {
        check(sql, expected);
    }
}

#[test]
fn strings() {
    check_all(&[
        ("'a''b'c", "s:'a''b'|c"),
        ("E'a\\'b'c", "s:E'a\\'b'|c"),
        ("e'\\\\'c", "s:e'\\\\'|c"),
        ("'a\\'c", "s:'a\\'|c"),
        ("U&'a' u&\"b\"\"c\"", "s:U&'a'|q:u&\"b\"\"c\""),
        ("B'1'x'f'N'n'", "s:B'1'|s:x'f'|s:N'n'"),
        ("ab'c'", "ab|s:'c'"),
        ("u & 'c'", "u|o:&|s:'c'"),
        ("e 'c'", "e|s:'c'"),
        ("'a' 'b'", "s:'a'|s:'b'"),
        ("'a'\n'b'", "s:'a'\n'b'"),
        ("'a' -- x\n 'b'", "s:'a' -- x\n 'b'"),
        ("'a' /* x */\n'b'", "s:'a'|c:/* x */|s:'b'"),
        ("'a'\nb", "s:'a'|b"),
        ("E'a", "s:E'a"),
        ("E'a\\", "s:E'a\\"),
    ]);
}

#[test]
fn dollars() {
    check_all(&[
        ("$1$2", "p:$1|p:$2"),
        ("$$a$b$$c", "d:$$a$b$$|c"),
        ("$a$ $A$ $a $a$b", "d:$a$ $A$ $a $a$|b"),
        ("a$1$b$", "a$1$b$"),
        ("$é$x$é$", "d:$é$x$é$"),
        ("$a b", "?:$|a|b"),
        ("$1a", "p:$1|a"),
        ("$a1$x$a1$", "d:$a1$x$a1$"),
        ("$", "?:$"),
    ]);
}

#[test]
fn operators() {
    check_all(&[
        ("a=-1", "a|o:=|o:-|n:1"),
        ("a @-1", "a|o:@-|n:1"),
        ("a<>+-+1", "a|o:<>|o:+|o:-|o:+|n:1"),
        ("a*-b", "a|o:*|o:-|b"),
        ("+-+@", "o:+-+@"),
        ("a+--x", "a|o:+|c:--x"),
        ("a*/*x*/b", "a|o:*|c:/*x*/|b"),
        ("a->>'b'", "a|o:->>|s:'b'"),
        ("a::b:=c:d", "a|o:::|b|o::=|c|:|d"),
        ("a[1:2]", "a|[|n:1|:|n:2|]"),
    ]);
}

#[test]
fn numbers() {
    check_all(&[
        ("1 1.5 .5 1. 1e5 1E-5 1.5e+3", "n:1|n:1.5|n:.5|n:1.|n:1e5|n:1E-5|n:1.5e+3"),
        ("1..10", "n:1|o:..|n:10"),
        ("0xFf 0o17 0b1 1_000", "n:0xFf|n:0o17|n:0b1|n:1_000"),
        ("1e 1a", "n:1|e|n:1|a"),
        ("a.1", "a|n:.1"),
        ("a.b", "a|.|b"),
    ]);
}

#[test]
fn comments_and_the_rest() {
    check_all(&[
        ("/*a/*b*/c*/d", "c:/*a/*b*/c*/|d"),
        ("/*a/*b*/c", "c:/*a/*b*/c"),
        ("a--b\nc--d\re", "a|c:--b|c|c:--d|e"),
        ("/* -- */a", "c:/* -- */|a"),
        ("é_1$x", "é_1$x"),
        ("{a}\\", "?:{|a|?:}|?:\\"),
        ("a\u{b}b", "a|b"),
    ]);
}

#[test]
fn keywords_are_compared_whole() {
    let token = |text: &'static str| Lexer::new(text.as_bytes()).next().expect("a token");
    assert!(token("SELECT").is(b"select"));
    assert!(token("Transaction").is(b"transaction"));
    assert!(!token("xransaction").is(b"transaction"));
    assert!(!token("\"select\"").is(b"select"));
    assert!(!token("'in'").is(b"in"));
}
