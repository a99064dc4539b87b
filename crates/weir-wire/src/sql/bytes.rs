//! What each byte is to the lexer, from tables.

use super::keyword::Key;

/// Whether `byte` separates tokens (`space` in scan.l).
#[inline]
pub(super) fn is_space(byte: u8) -> bool {
    has(byte, SPACE)
}

const SPACE: u8 = 1;
const WORD_START: u8 = 2;
const WORD_PART: u8 = 4;
const OPERATOR: u8 = 8;

/// The classes of each byte, as bits.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = classes_of(byte.to_le_bytes()[0]);
        byte += 1;
    }
    classes
};

/// Each byte of a word for its key; zero for the others.
static FOLDED: [u8; 256] = {
    let mut folded = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        if CLASSES[byte] & WORD_PART != 0 {
            folded[byte] = Key::fold(byte.to_le_bytes()[0]);
        }
        byte += 1;
    }
    folded
};

const fn classes_of(byte: u8) -> u8 {
    match byte {
        b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => SPACE,
        b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => WORD_START | WORD_PART,
        b'0'..=b'9' | b'$' => WORD_PART,
        b'~' | b'!' | b'@' | b'#' | b'^' | b'&' | b'|' | b'`' | b'?' => OPERATOR,
        b'+' | b'-' | b'*' | b'/' | b'%' | b'<' | b'>' | b'=' => OPERATOR,
        _ => 0,
    }
}

#[inline]
fn has(byte: u8, class: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

#[inline]
pub(super) fn is_word_start(byte: u8) -> bool {
    has(byte, WORD_START)
}

#[inline]
pub(super) fn is_word_part(byte: u8) -> bool {
    has(byte, WORD_PART)
}

#[inline]
pub(super) fn is_operator(byte: u8) -> bool {
    has(byte, OPERATOR)
}

/// The byte of a word as its key holds it; zero for a byte that is in no word.
#[inline]
pub(super) fn folded(byte: u8) -> u8 {
    FOLDED[usize::from(byte)]
}
