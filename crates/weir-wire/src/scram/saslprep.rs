//! SASLprep as PostgreSQL does it. Source: RFC 4013; PostgreSQL's `saslprep.c`.

use std::borrow::Cow;

use stringprep::tables;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Prepares a password, or gives it back raw when it is not UTF-8 or SASLprep refuses it.
///
/// PostgreSQL looks for prohibited and unassigned characters *before* normalising, the RFC after.
/// For a few characters (such as U+0340) that makes different keys, so we do as PostgreSQL does.
pub(super) fn saslprep(password: &[u8]) -> Zeroizing<Vec<u8>> {
    let prepared = str::from_utf8(password).ok().and_then(prepare);
    Zeroizing::new(prepared.map_or_else(|| password.to_vec(), |p| p.into_owned().into_bytes()))
}

fn prepare(password: &str) -> Option<Cow<'_, str>> {
    if password.is_ascii() {
        return Some(Cow::Borrowed(password));
    }
    let mapped: Zeroizing<Vec<char>> = Zeroizing::new(password.chars().filter_map(map).collect());
    let refused = mapped.is_empty() || mapped.iter().any(|&c| is_prohibited(c)) || mixes(&mapped);
    (!refused).then(|| Cow::Owned(mapped.iter().copied().nfkc().collect()))
}

fn map(c: char) -> Option<char> {
    if tables::non_ascii_space_character(c) {
        Some(' ')
    } else {
        (!tables::commonly_mapped_to_nothing(c)).then_some(c)
    }
}

/// RFC 4013 sections 2.3 and 2.5.
fn is_prohibited(c: char) -> bool {
    tables::ascii_control_character(c)
        || tables::non_ascii_control_character(c)
        || tables::private_use(c)
        || tables::non_character_code_point(c)
        || tables::inappropriate_for_plain_text(c)
        || tables::inappropriate_for_canonical_representation(c)
        || tables::change_display_properties_or_deprecated(c)
        || tables::tagging_character(c)
        || tables::unassigned_code_point(c)
}

/// Whether both directions of writing are mixed against RFC 3454 section 6.
fn mixes(text: &[char]) -> bool {
    let right_to_left = |c: Option<&char>| c.is_some_and(|&c| tables::bidi_r_or_al(c));
    text.iter().any(|&c| tables::bidi_r_or_al(c))
        && (text.iter().any(|&c| tables::bidi_l(c))
            || !right_to_left(text.first())
            || !right_to_left(text.last()))
}
