//! Refuses what would exhaust memory or the stack before the parser sees it.
//!
//! The parser and every walk after it recurse with the nesting of the source, and dropping a tree
//! does too. A scan of the bytes bounds that nesting: brackets, indentation, and operators that
//! follow each other without a comma (`a + b + c …` nests to the left).

/// Largest file that is read, in bytes.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Deepest nesting that is parsed: open brackets plus chained operators plus indentation steps.
pub const NESTING_MAX: usize = 256;

/// Why a file is left out. The message says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Longer than [`FILE_BYTES_MAX`].
    #[error("file of {bytes} bytes is longer than {FILE_BYTES_MAX}; exclude it, or split it")]
    TooLong {
        /// Length of the file in bytes.
        bytes: usize,
    },
    /// Nested deeper than [`NESTING_MAX`].
    #[error(
        "line {line}: code nested deeper than {NESTING_MAX} levels; exclude the file, or flatten it"
    )]
    TooDeep {
        /// Line of the offending place, from 1.
        line: usize,
    },
    /// Not text.
    #[error("contains a NUL byte, so it is not Python source; exclude it")]
    NotText,
}

/// Checks length and nesting of `source`.
pub(crate) fn admit(source: &str) -> Result<(), Refusal> {
    if source.len() > FILE_BYTES_MAX {
        return Err(Refusal::TooLong { bytes: source.len() });
    }
    if source.as_bytes().contains(&0) {
        return Err(Refusal::NotText);
    }
    let mut scan = Scan {
        bytes: source.as_bytes(),
        at: 0,
        line: 1,
        indent: 0,
        open: Vec::new(),
        sum: 0,
        chain: 0,
    };
    while scan.at < scan.bytes.len() {
        scan.step()?;
    }
    Ok(())
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
    indent: usize,
    /// Chain length outside each open bracket.
    open: Vec<usize>,
    /// Sum of `open`.
    sum: usize,
    /// Operators since the last comma at this bracket level.
    chain: usize,
}

impl Scan<'_> {
    fn step(&mut self) -> Result<(), Refusal> {
        match self.bytes[self.at] {
            b'#' => self.skip_comment(),
            quote @ (b'"' | b'\'') => self.skip_string(quote),
            b'\n' => self.newline(),
            b'(' | b'[' | b'{' => self.open_bracket(),
            b')' | b']' | b'}' => self.close_bracket(),
            b',' | b';' => {
                self.chain = 0;
                self.at += 1;
            }
            byte if is_word(byte) => self.word(),
            b'+' | b'-' | b'*' | b'/' | b'%' | b'|' | b'&' | b'^' | b'~' | b'@' | b'.' | b'<'
            | b'>' | b'=' | b'!' | b':' => {
                self.chain += 1;
                self.at += 1;
            }
            _ => self.at += 1,
        }
        if self.sum + self.chain + self.open.len() + self.indent > NESTING_MAX {
            return Err(Refusal::TooDeep { line: self.line });
        }
        Ok(())
    }

    fn newline(&mut self) {
        self.line += 1;
        self.at += 1;
        if self.open.is_empty() {
            self.chain = 0;
            let blanks = self.bytes[self.at..].iter().take_while(|b| matches!(b, b' ' | b'\t'));
            let (tabs, spaces) = blanks.fold((0, 0), |(tabs, spaces), byte| match byte {
                b'\t' => (tabs + 1, spaces),
                _ => (tabs, spaces + 1),
            });
            // One space is a legal step, but four is the habit: a step of two counts fully.
            self.indent = tabs + spaces / 2;
            self.at += tabs + spaces;
        }
    }

    fn open_bracket(&mut self) {
        self.chain += 1;
        self.open.push(self.chain);
        self.sum += self.chain;
        self.chain = 0;
        self.at += 1;
    }

    fn close_bracket(&mut self) {
        if let Some(outer) = self.open.pop() {
            self.sum -= outer;
            self.chain = outer;
        }
        self.at += 1;
    }

    fn word(&mut self) {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().take_while(|b| is_word(**b)).count();
        let nests = [&b"not"[..], b"lambda", b"if", b"else", b"await", b"and", b"or", b"yield"];
        if nests.contains(&&rest[..length]) {
            self.chain += 1;
        }
        self.at += length;
    }

    fn skip_comment(&mut self) {
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
    }

    /// Skips a literal. An f-string's holes are skipped too: the parser bounds their nesting.
    fn skip_string(&mut self, quote: u8) {
        let triple = self.bytes[self.at..].starts_with(&[quote; 3]);
        self.at += if triple { 3 } else { 1 };
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'\\' => self.at += 1,
                b'\n' if !triple => return,
                b'\n' => self.line += 1,
                b if *b == quote && !triple => {
                    self.at += 1;
                    return;
                }
                b if *b == quote && self.bytes[self.at..].starts_with(&[quote; 3]) => {
                    self.at += 3;
                    return;
                }
                _ => {}
            }
            self.at += 1;
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, admitted: bool) {
        assert_eq!(admit(source).is_ok(), admitted, "{:?}", admit(source));
    }

    #[test]
    fn ordinary_code_is_admitted() {
        check("def f(x):\n    return [a.b.c(d)[1] for a in x if a and not b]\n", true);
        check(&format!("x = [{}]", "1 + 2, ".repeat(50_000)), true);
        check(&"x = 1\n".repeat(10_000), true);
    }

    #[test]
    fn deep_nesting_is_refused() {
        check(&"(".repeat(5_000), false);
        check(&format!("x = {}1", "1 + ".repeat(100_000)), false);
        check(&format!("x = a{}", ".b".repeat(100_000)), false);
        check(&format!("x = a{}", "()".repeat(100_000)), false);
        check(&format!("x = {}1", "not ".repeat(100_000)), false);
        let ladder: String = (0..600).map(|i| format!("{}if x:\n", "  ".repeat(i))).collect();
        check(&ladder, false);
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        check(&format!("x = '{}'\n# {}\n", "(".repeat(5_000), "(".repeat(5_000)), true);
        check(&format!("x = '''\n{}\n'''\n", "(".repeat(5_000)), true);
    }

    #[test]
    fn too_long_and_binary_files_are_refused() {
        assert!(matches!(admit(&" ".repeat(FILE_BYTES_MAX + 1)), Err(Refusal::TooLong { .. })));
        assert_eq!(admit("x = 1\0"), Err(Refusal::NotText));
    }
}
