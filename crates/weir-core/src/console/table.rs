//! What a table of the console is made of.

use std::borrow::Cow;
use std::sync::Arc;

use weir_wire::build::oid;

use super::view::View;

/// The type of a column, by the letters that PgBouncer's source uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `text` (s, T).
    Text,
    /// `integer` (i).
    Int4,
    /// `bigint` (q).
    Int8,
    /// `numeric` (N).
    Numeric,
}

impl Kind {
    /// The object id of the type.
    #[must_use]
    pub const fn oid(self) -> u32 {
        match self {
            Self::Text => oid::TEXT,
            Self::Int4 => oid::INT4,
            Self::Int8 => oid::INT8,
            Self::Numeric => oid::NUMERIC,
        }
    }

    /// Its name in SQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int4 => "integer",
            Self::Int8 => "bigint",
            Self::Numeric => "numeric",
        }
    }
}

/// One value of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// Text, in a text column.
    Text(String),
    /// A number, in any other.
    Number(u64),
    /// Thousandths, in a numeric column.
    Thousandths(u64),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&Arc<str>> for Value {
    fn from(text: &Arc<str>) -> Self {
        Self::Text((**text).to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Number(number as u64)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Number(truth.into())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Value {
    /// As JSON.
    fn json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Text(text) => text.as_str().into(),
            Self::Number(number) => (*number).into(),
            // Exact up to 2^53 thousandths.
            #[expect(clippy::cast_precision_loss)]
            Self::Thousandths(number) => (*number as f64 / 1000.0).into(),
        }
    }

    /// As it goes over the wire in text format; `None` is NULL.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Null => None,
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Number(number) => Some(Cow::Owned(number.to_string())),
            Self::Thousandths(number) => {
                Some(Cow::Owned(format!("{}.{:03}", number / 1000, number % 1000)))
            }
        }
    }
}

/// A column: its name, type, documentation and value.
pub(super) struct Column<R: 'static> {
    name: &'static str,
    kind: Kind,
    about: &'static str,
    ours: bool,
    source: Source<R>,
}

/// How a column gets its value.
enum Source<R: 'static> {
    Value(fn(&R, &View<'_>) -> Value),
    Count(fn(&R) -> u64),
}

impl<R> Column<R> {
    pub(super) const fn new(
        name: &'static str,
        kind: Kind,
        about: &'static str,
        value: fn(&R, &View<'_>) -> Value,
    ) -> Self {
        Self { name, kind, about, ours: false, source: Source::Value(value) }
    }

    /// A column that PgBouncer does not have.
    pub(super) const fn ours(
        name: &'static str,
        kind: Kind,
        about: &'static str,
        value: fn(&R, &View<'_>) -> Value,
    ) -> Self {
        Self { ours: true, ..Self::new(name, kind, about, value) }
    }

    /// A number that needs nothing but the row.
    pub(super) const fn count(
        name: &'static str,
        kind: Kind,
        about: &'static str,
        count: fn(&R) -> u64,
    ) -> Self {
        Self { name, kind, about, ours: false, source: Source::Count(count) }
    }

    fn value(&self, row: &R, view: &View<'_>) -> Value {
        match self.source {
            Source::Value(value) => value(row, view),
            Source::Count(count) => Value::Number(count(row)),
        }
    }
}

/// What a column is called and holds, for readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heading {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// One sentence for the reference.
    pub about: &'static str,
    /// PgBouncer has no such column.
    pub ours: bool,
}

/// Rows, cut at a bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// As many values in each as the table has columns.
    pub rows: Vec<Vec<Value>>,
    /// How many rows were left out.
    pub left_out: usize,
}

impl Answer {
    /// As a list of objects, with the columns' names as keys.
    #[must_use]
    pub fn json(&self, headings: &[Heading]) -> serde_json::Value {
        let row = |values: &Vec<Value>| {
            let names = headings.iter().map(|heading| heading.name.to_owned());
            let fields = names.zip(values.iter().map(Value::json));
            serde_json::Value::Object(fields.collect())
        };
        self.rows.iter().map(row).collect()
    }
}

/// A table of rows of one type.
pub(super) struct Table<R: Clone + 'static> {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) columns: &'static [Column<R>],
    pub(super) rows: for<'v> fn(&'v View<'_>) -> Cow<'v, [R]>,
}

/// What SHOW can show.
pub trait Relation: Sync {
    /// The word after SHOW, lower case.
    fn name(&self) -> &'static str;
    /// One sentence for the reference.
    fn about(&self) -> &'static str;
    /// Its columns.
    fn headings(&self) -> Vec<Heading>;
    /// Its rows at this moment, at most `rows_max`.
    fn answer(&self, view: &View<'_>, rows_max: usize) -> Answer;
}

impl<R: Clone + 'static> Relation for Table<R> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn headings(&self) -> Vec<Heading> {
        let heading = |column: &Column<R>| Heading {
            name: column.name,
            kind: column.kind,
            about: column.about,
            ours: column.ours,
        };
        self.columns.iter().map(heading).collect()
    }

    fn answer(&self, view: &View<'_>, rows_max: usize) -> Answer {
        let all = (self.rows)(view);
        let row = |row: &R| self.columns.iter().map(|column| column.value(row, view)).collect();
        Answer {
            rows: all.iter().take(rows_max).map(row).collect(),
            left_out: all.len().saturating_sub(rows_max),
        }
    }
}
