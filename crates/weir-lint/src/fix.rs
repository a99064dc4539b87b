//! Applies repairs to a text.

use crate::finding::Finding;

/// `text` with the fixes of `findings` (all of this file) applied, and how many were. Of fixes
/// that overlap only the first is applied; running again applies the rest.
#[must_use]
pub fn apply_fixes(text: &str, findings: &[Finding]) -> (String, usize) {
    let mut fixes: Vec<_> = findings.iter().filter_map(|f| f.fix.as_ref()).collect();
    fixes.sort();
    let mut out = String::with_capacity(text.len());
    let (mut at, mut applied) = (0, 0);
    for fix in fixes {
        if fix.start < at || fix.end < fix.start {
            continue;
        }
        let Some(before) = text.get(at..fix.start) else { continue };
        out.push_str(before);
        out.push_str(&fix.text);
        at = fix.end;
        applied += 1;
    }
    out.push_str(text.get(at..).unwrap_or(""));
    (out, applied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Confidence, Fix, Severity};
    use crate::source::Place;

    fn finding(start: usize, end: usize, text: &str) -> Finding {
        let place = Place { line: 1, column: 1 };
        Finding {
            path: "a.py".into(),
            start: place,
            end: place,
            rule: "settings-ineffective-key",
            message: String::new(),
            help: String::new(),
            severity: Severity::Warning,
            confidence: Confidence::High,
            related: Vec::new(),
            fix: Some(Fix { start, end, text: text.into(), title: String::new() }),
        }
    }

    #[test]
    fn fixes_apply_in_order_and_overlaps_wait() {
        let findings = [finding(4, 6, "X"), finding(0, 1, ""), finding(5, 7, "Y")];
        assert_eq!(apply_fixes("abcdefgh", &findings), ("bcdXgh".to_owned(), 2));
    }
}
