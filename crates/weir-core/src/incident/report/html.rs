//! A document as one HTML file that loads nothing.

use super::document::{Block, Document, Part, parts};
use crate::config::choices::Language;

const STYLE: &str = "\
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem;border-bottom:1px solid #8886}
table{border-collapse:collapse;width:100%;display:block;overflow-x:auto}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8884;vertical-align:top}
td:first-child,.c3 td:nth-child(2),th,.c4 td{white-space:nowrap}
.c4 td:first-child{white-space:normal}
.c2 td:last-child,.c3 td:last-child,.c4 td:first-child{width:99%}
li,p,td{overflow-wrap:anywhere}figure{margin:1rem 0;overflow-x:auto}
code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}
svg{width:100%;min-width:36rem;height:auto}
svg text{fill:currentColor;font:15px system-ui,sans-serif}
@media(max-width:40rem){body{margin:1rem auto}th,td{padding:.3rem .4rem .3rem 0}
ul{padding-left:1.2rem}}
";

pub(super) fn write(document: &Document, language: Language) -> String {
    let title = escape(&document.title);
    let lang = language.pick("en", "zh-CN");
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"{lang}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    for block in &document.blocks {
        push(&mut page, block);
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn push(page: &mut String, block: &Block) {
    match block {
        Block::Heading(title) => page.push_str(&format!("<h2>{}</h2>\n", text(title))),
        Block::Paragraph(words) => page.push_str(&format!("<p>{}</p>\n", text(words))),
        Block::List(items) => {
            let items: Vec<String> =
                items.iter().map(|item| format!("<li>{}</li>\n", text(item))).collect();
            page.push_str(&format!("<ul>\n{}</ul>\n", items.concat()));
        }
        Block::Table { head, rows } => {
            page.push_str(&format!("<table class=\"c{}\">\n", head.len()));
            page.push_str(&row(head, "th"));
            for cells in rows {
                page.push_str(&row(cells, "td"));
            }
            page.push_str("</table>\n");
        }
        Block::Picture(svg) => page.push_str(&format!("<figure>\n{svg}</figure>\n")),
    }
}

fn row(cells: &[String], tag: &str) -> String {
    let cells: Vec<String> =
        cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", text(cell))).collect();
    format!("<tr>{}</tr>\n", cells.concat())
}

fn text(words: &str) -> String {
    let part = |part| match part {
        Part::Plain(plain) => escape(plain),
        Part::Code(code) => format!("<code>{}</code>", escape(code)),
    };
    parts(words).into_iter().map(part).collect()
}

/// A text in which nothing is markup.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
