//! Any text: tokens cover it, the scan ends, and its summary is that of its effects.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_wire::sql::lex::Lexer;
use weir_wire::sql::{Attribution, Flags, effects, facts, fingerprint, normalise};

fuzz_target!(|text: &[u8]| {
    let mut end = 0;
    for token in Lexer::new(text) {
        assert!(token.start >= end && token.end() > token.start);
        end = token.end();
    }
    let flags = effects(text).fold(Flags::NONE, |flags, effect| flags | effect.flag());
    assert_eq!(facts(text).flags, flags);
    let mut normal = String::new();
    normalise(text, &mut normal, usize::MAX);
    assert!(normal.len() <= 3 * text.len());
    let _ = fingerprint(text);
    let _ = Attribution::from_text(text).label();
});
