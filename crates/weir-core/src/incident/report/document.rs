//! What a report is made of, whatever its form. Texts may hold code between backticks.

/// A report.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document {
    pub(super) title: String,
    pub(super) blocks: Vec<Block>,
}

/// A piece of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Block {
    Heading(String),
    Paragraph(String),
    List(Vec<String>),
    Table {
        head: Vec<String>,
        rows: Vec<Vec<String>>,
    },
    /// An SVG element.
    Picture(String),
}

impl Block {
    /// A table with a head of `N` columns.
    pub(super) fn table<const N: usize>(
        head: [&str; N],
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> Self {
        let head = head.map(str::to_owned).to_vec();
        Self::Table { head, rows: rows.into_iter().collect() }
    }
}

/// A text cut into plain parts and code.
pub(super) enum Part<'a> {
    Plain(&'a str),
    Code(&'a str),
}

/// The parts of a text. A backtick without a partner is plain.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('`') {
        let Some((code, tail)) = after.split_once('`') else { break };
        parts.push(Part::Plain(plain));
        parts.push(Part::Code(code));
        rest = tail;
    }
    parts.push(Part::Plain(rest));
    parts
}
