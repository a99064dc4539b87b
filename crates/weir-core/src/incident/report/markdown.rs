//! A document as Markdown.

use super::document::{Block, Document, Part, parts};

pub(super) fn write(document: &Document) -> String {
    let mut page = format!("# {}\n", text(&document.title));
    for block in &document.blocks {
        match block {
            Block::Heading(title) => page.push_str(&format!("\n## {}\n", text(title))),
            Block::Paragraph(words) => page.push_str(&format!("\n{}\n", text(words))),
            Block::List(items) => {
                page.push('\n');
                for item in items {
                    page.push_str(&format!("- {}\n", text(item)));
                }
            }
            Block::Table { head, rows } => {
                page.push('\n');
                page.push_str(&row(head));
                page.push_str(&format!("|{}\n", " --- |".repeat(head.len())));
                for cells in rows {
                    page.push_str(&row(cells));
                }
            }
            Block::Picture(_) => {}
        }
    }
    page
}

fn row(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| text(cell).replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// One line, in which only code between backticks has a meaning: what came from outside (routes,
/// names, reasons) makes no markup.
fn text(words: &str) -> String {
    let mut line = String::with_capacity(words.len());
    for part in parts(words) {
        match part {
            Part::Plain(plain) => {
                for c in plain.chars() {
                    match c {
                        '<' => line.push_str("&lt;"),
                        '[' | '*' | '`' | '\\' => line.extend(['\\', c]),
                        c if c.is_control() => line.push(' '),
                        c => line.push(c),
                    }
                }
            }
            Part::Code(code) => {
                line.push('`');
                line.extend(code.chars().map(|c| if c.is_control() { ' ' } else { c }));
                line.push('`');
            }
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_makes_no_markup() {
        let check = |words, expected: &str| assert_eq!(text(words), expected);
        check("a [link](x) <b> *c*\n# d", "a \\[link](x) &lt;b> \\*c\\* # d");
        check("see `select <a>` now", "see `select <a>` now");
        check("odd ` tick", "odd \\` tick");
        assert_eq!(row(&["a|b".into(), "c".into()]), "| a\\|b | c |\n");
    }
}
