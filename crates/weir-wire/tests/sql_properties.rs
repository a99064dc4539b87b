//! What holds for every text: nothing panics, tokens cover the text, work grows with the length,
//! and what is not a statement's meaning does not change its fingerprint.

use std::borrow::Cow;

use proptest::prelude::*;
use weir_wire::sql::lex::{Kind, Lexer};
use weir_wire::sql::{
    Attribution, Effect, Flags, Sender, SetValue, effects, facts, fingerprint, identifier, literal,
    normalise, setting_name, tags, templated,
};

/// Pieces that begin, end or change tokens, so that random texts reach the odd corners.
const FRAGMENTS: &str = "SELECT SET LOCAL SESSION x = TO DEFAULT BEGIN ATOMIC CASE END CREATE \
    FUNCTION TEMP TABLE EXPLAIN EXECUTE PREPARE AS IN VALUES ARRAY INTO UPDATE pg_settings \
    set_config pg_advisory_lock COPY FROM STDIN DECLARE CURSOR HOLD WITH SAVEPOINT NULL true 'a' \
    ' '' E' \\ U&\" U&' \" \"q\" $$ $a$ $1 1 -1 1.5e 0x ( ) [ ] , ; . :: : := .. + - * / @ -- /* */ \
    é \u{a0} k='v%20' k:v %";

fn fragment() -> impl Strategy<Value = &'static str> {
    let mut fragments: Vec<&str> = FRAGMENTS.split(' ').collect();
    fragments.extend([" ", "\n", "\t"]);
    prop::sample::select(fragments)
}

fn any_text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        prop::collection::vec(fragment(), 0..60).prop_map(|parts| parts.concat().into_bytes()),
        prop::collection::vec(fragment(), 0..60).prop_map(|parts| parts.join(" ").into_bytes()),
    ]
}

/// `space` in scan.l.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn is_inside(part: &[u8], text: &[u8]) -> bool {
    text.as_ptr_range().start <= part.as_ptr() && part.as_ptr_range().end <= text.as_ptr_range().end
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn tokens_cover_the_text(text in any_text()) {
        let mut at = 0;
        for token in Lexer::new(&text) {
            prop_assert!(token.start >= at && !token.text.is_empty());
            prop_assert!(text[at..token.start].iter().all(|&byte| is_space(byte)));
            prop_assert_eq!(&text[token.start..token.end()], token.text);
            at = token.end();
        }
        prop_assert!(text[at..].iter().all(|&byte| is_space(byte)));
    }

    #[test]
    fn any_text_is_scanned_in_bounded_steps(text in any_text()) {
        let tokens = Lexer::new(&text).filter(|token| token.kind != Kind::Comment).count();
        let found: Vec<Effect<'_>> = effects(&text).take(3 * tokens + 1).collect();
        prop_assert!(found.len() <= 3 * tokens, "{} effects of {tokens} tokens", found.len());
        let union = found.iter().fold(Flags::NONE, |flags, effect| flags | effect.flag());
        let facts = facts(&text);
        prop_assert_eq!(facts.flags, union);
        prop_assert!(usize::from(facts.statements) <= tokens);
        for effect in found {
            match effect {
                Effect::Prepare { name } | Effect::Execute { name } => {
                    prop_assert_eq!(&text[name.span()], name.raw);
                    prop_assert!(name.folded().len() <= name.raw.len());
                }
                Effect::Set { name, value, .. } => {
                    let _ = setting_name(name);
                    if let SetValue::Literal(raw) = value {
                        prop_assert!(is_inside(raw, &text) && !raw.is_empty());
                    }
                }
                _ => {}
            }
        }
    }

    #[test]
    fn any_text_has_a_bounded_normal_form(text in any_text(), len_max in 0..100_usize) {
        let mut whole = String::new();
        normalise(&text, &mut whole, usize::MAX);
        let mut cut = String::new();
        normalise(&text, &mut cut, len_max);
        prop_assert!(cut.len() <= len_max && whole.starts_with(&cut));
        prop_assert!(whole.len() <= 3 * text.len());
        prop_assert_eq!(fingerprint(&text), fingerprint(&text));
        let _ = (identifier(&text), literal(&text), setting_name(&text));
    }

    #[test]
    fn any_text_has_bounded_tags(text in any_text(), wrapped in any::<bool>()) {
        let text = if wrapped { [b"/*", &text[..], b"*/"].concat() } else { text };
        for (key, value) in tags(&text).take(text.len() + 1) {
            prop_assert!(!key.is_empty());
            let _ = templated(&value);
        }
        let _ = Attribution::from_text(&text).label();
    }
}

/// A piece of a statement and how it may be written otherwise.
#[derive(Debug, Clone)]
enum Piece {
    Word(&'static str),
    Punct(&'static str),
    Constant,
    List(usize),
    Rows(usize),
}

fn piece() -> impl Strategy<Value = Piece> {
    let words = vec!["SELECT", "a", "FROM", "t", "WHERE", "AND", "JOIN", "update", "café", "\"Q\""];
    prop_oneof![
        4 => prop::sample::select(words).prop_map(Piece::Word),
        // Brackets come in pairs: after one that is never closed there is nothing to normalise.
        2 => prop::sample::select(vec!["=", ",", "(a)", "f(b)", "<>", "||"]).prop_map(Piece::Punct),
        2 => Just(Piece::Constant),
        1 => (1..9_usize).prop_map(Piece::List),
        1 => (1..9_usize).prop_map(Piece::Rows),
    ]
}

/// How one writing of a statement differs from another: the chances are drawn from a list.
struct Style {
    draws: Vec<u8>,
    next: usize,
}

impl Style {
    fn pick<'t>(&mut self, choices: &[&'t str]) -> &'t str {
        self.next += 1;
        choices[usize::from(self.draws[self.next % self.draws.len()]) % choices.len()]
    }

    fn constant(&mut self) -> &'static str {
        self.pick(&["1", "-2", "'x'", "'it''s'", "$1", "$$y$$", "E'\\''", "1.5e-3", "NULL"])
    }

    fn gap(&mut self) -> &'static str {
        self.pick(&[" ", "\n", " /* c */ ", " -- c\n", "\t /* /* n */ */"])
    }

    fn word(&mut self, word: &str) -> String {
        match self.pick(&["lower", "upper", "same"]) {
            _ if word.starts_with('"') => word.to_owned(),
            "lower" => word.to_ascii_lowercase(),
            "upper" => word.to_ascii_uppercase(),
            _ => word.to_owned(),
        }
    }

    fn constants(&mut self, count: usize) -> String {
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(format!("{}{}", self.constant(), self.gap()));
        }
        list.join(",")
    }

    fn write(&mut self, pieces: &[Piece], repeats: usize) -> String {
        let mut text = String::new();
        for piece in pieces {
            text.push_str(self.gap());
            let written = match piece {
                Piece::Word(word) => self.word(word),
                Piece::Punct(punct) => (*punct).to_owned(),
                // A sign after a name would be a subtraction, and NULL there a keyword.
                Piece::Constant => format!("= {}", self.constant()),
                Piece::List(count) => format!("in ({})", self.constants(count * repeats)),
                Piece::Rows(count) => {
                    let width = 2;
                    let rows: Vec<String> = (0..count * repeats)
                        .map(|_| format!("({})", self.constants(width)))
                        .collect();
                    format!(
                        "values {}",
                        rows.join(self.gap()).replace(")", "),").trim_end_matches(',')
                    )
                }
            };
            text.push_str(&written);
        }
        text.push_str(self.pick(&["", ";", " ; -- end", "/* end */;"]));
        text
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn writing_and_values_do_not_change_the_fingerprint(
        pieces in prop::collection::vec(piece(), 1..20),
        draws in prop::collection::vec(any::<u8>(), 1..80),
        others in prop::collection::vec(any::<u8>(), 1..80),
        repeats in 1..4_usize,
    ) {
        let one = Style { draws, next: 0 }.write(&pieces, 1);
        let two = Style { draws: others, next: 0 }.write(&pieces, repeats);
        let (mut first, mut second) = (String::new(), String::new());
        normalise(one.as_bytes(), &mut first, usize::MAX);
        normalise(two.as_bytes(), &mut second, usize::MAX);
        prop_assert_eq!(&first, &second, "{:?} and {:?}", one, two);
        prop_assert_eq!(fingerprint(one.as_bytes()), fingerprint(two.as_bytes()));
    }

    #[test]
    fn another_name_is_another_fingerprint(name in "[a-z]{3,20}", other in "[a-z]{3,20}") {
        prop_assume!(name != other);
        let text = |name: &str| format!("SELECT {name}_c FROM t");
        prop_assert_ne!(
            fingerprint(text(&name).as_bytes()),
            fingerprint(text(&other).as_bytes())
        );
    }
}

/// The rows of `VALUES` ended with a word behind them, and so with `NULL`, but not with `1`: what
/// came in brackets after a comma was then taken for one more row.
#[test]
fn rows_end_with_whatever_is_no_row() {
    let check = |one: &str, two: &str, expected: &str| {
        for text in [one, two] {
            let mut form = String::new();
            normalise(text.as_bytes(), &mut form, usize::MAX);
            assert_eq!(form, expected, "{text}");
        }
        assert_eq!(fingerprint(one.as_bytes()), fingerprint(two.as_bytes()));
    };
    let expected = "values (?, ?) = ?, (a)";
    check("values (1,1),(1,1) = 1, (a)", "values (1,1),(1,1),(1,1) = NULL, (a)", expected);
    check("values (1),(2) 'x', (a)", "values (1) $1, (a)", "values (?) ?, (a)");
    check("values (1),(2) \"x\", (a)", "values (1) \"x\", (a)", "values (?) \"x\", (a)");
    check("values (1),(2) - (3), (a)", "values (1) - (3), (a)", "values (?) - (?), (a)");
}

/// A tag and how it is written.
fn tag(keys: &'static [&'static str]) -> impl Strategy<Value = String> {
    const VALUES: &[&str] =
        &["", "a", "/orders/{}", "a%20b", "%%2Fb", "it\\'s", "x=y", "é", "00-4bf9-01", "/*"];
    const QUOTES: &[(&str, &str)] = &[("='", "'"), ("=", ""), (":", " "), (" = '", "' ")];
    let parts =
        (prop::sample::select(keys), prop::sample::select(VALUES), prop::sample::select(QUOTES));
    parts.prop_map(|(key, value, (open, close))| format!("{key}{open}{value}{close}"))
}

const TELLING: &[&str] = &["route", "path", "app", "controller", "action", "view_name", "job"];
const VOLATILE: &[&str] =
    &["traceparent", "tracestate", "user_id", "enduser.id", "framework", "db_driver", "request"];

/// What a text's tags say of its sender.
fn sender(text: &str) -> (u64, Option<String>) {
    let Sender { key, user } = Sender::of(text.as_bytes(), 7);
    (key, user.map(Cow::into_owned))
}

/// The same, as the full reading has it.
fn named(text: &str) -> (Option<String>, Option<String>) {
    let said = Attribution::from_text(text.as_bytes());
    (said.label().map(Cow::into_owned), said.application.map(Cow::into_owned))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn texts_with_one_sender_are_named_alike(
        tags in prop::collection::vec((tag(TELLING), tag(VOLATILE), tag(VOLATILE)), 0..5),
        others in prop::collection::vec(tag(TELLING), 0..5),
    ) {
        let comment = |items: Vec<&str>| format!("SELECT 1 /*{}*/", items.join(","));
        let one = comment(tags.iter().flat_map(|(tag, one, _)| [&**tag, one]).collect());
        let two = comment(tags.iter().flat_map(|(tag, _, two)| [&**tag, two]).collect());
        let other = comment(others.iter().map(|tag| &**tag).collect());
        for (text, than) in [(&one, &two), (&one, &other), (&two, &other)] {
            let user = Attribution::from_text(text.as_bytes()).user.map(Cow::into_owned);
            prop_assert_eq!(&sender(text).1, &user, "{}", text);
            if sender(text).0 == sender(than).0 {
                prop_assert_eq!(named(text), named(than), "{} and {}", text, than);
            } else {
                prop_assert_ne!(text, than);
            }
        }
    }

    #[test]
    fn any_text_has_the_sender_of_its_attribution(text in any_text(), other in any_text()) {
        let said = Attribution::from_text(&text);
        let sender = Sender::of(&text, 7);
        prop_assert_eq!(&sender.user, &said.user);
        if sender.key == Sender::of(&other, 7).key {
            let other = Attribution::from_text(&other);
            prop_assert_eq!(said.label(), other.label());
            prop_assert_eq!(said.application, other.application);
        }
    }

    #[test]
    fn a_trace_id_changes_no_sender_and_a_route_does(
        route in "[a-z/{}]{1,20}", other in "[a-z/{}]{1,20}",
        ids in ("[0-9a-f]{32}", "[0-9a-f]{32}"),
    ) {
        let key = |route: &str, id: &str| {
            sender(&format!("SELECT 1 /*route='{route}',traceparent='00-{id}-01'*/")).0
        };
        prop_assert_eq!(key(&route, &ids.0), key(&route, &ids.1));
        prop_assume!(route != other);
        prop_assert_ne!(key(&route, &ids.0), key(&other, &ids.0));
    }
}
