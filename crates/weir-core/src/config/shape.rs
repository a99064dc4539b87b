//! Holds the TOML tree against the schema: unknown keys, wrong types, unknown choices, values
//! without units. All of them at once, each with its place.

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::choices::Rotation;
use super::nearest::nearest;
use super::places::{Lines, Places, join};
use super::schema::{choices, concrete, kind, outside, property};
use super::units::{ByteSize, LIMIT_FORMAT, SIZE_FORMAT, SPAN_FORMAT, TimeLimit, TimeSpan};
use super::{Place, Problem, import};

/// What a tree looks like: where everything is, and what does not fit the schema.
pub(super) struct Shape<'a> {
    lines: &'a Lines<'a>,
    pub(super) places: Places,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Shape<'a> {
    /// Walks the whole tree.
    pub(super) fn of(tree: &DeTable<'_>, schema: &Value, lines: &'a Lines<'a>) -> Self {
        let mut shape = Self { lines, places: Places::default(), problems: Vec::new() };
        shape.table(tree, schema, "");
        shape
    }

    fn table(&mut self, table: &DeTable<'_>, schema: &Value, path: &str) {
        for (key, value) in table {
            let path_of_key = join(path, key.get_ref());
            let key_place = self.lines.place(key.span().start);
            match property(schema, key.get_ref()) {
                Some(schema) => self.value(value, schema, &path_of_key, key_place),
                None => self.unknown_key(key.get_ref(), schema, path, key_place),
            }
        }
    }

    fn value(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        schema: &Value,
        path: &str,
        key_place: Place,
    ) {
        let place = match value.get_ref() {
            DeValue::Table(_) => key_place,
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => self.lines.place(value.span().start),
        };
        self.places.insert(path, place.clone());
        let fault = match (value.get_ref(), kind(schema)) {
            (DeValue::Table(table), "object") => return self.table(table, schema, path),
            (DeValue::Array(items), "array") => {
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    self.value(item, &concrete(schema)["items"], &path, place.clone());
                }
                return;
            }
            (DeValue::String(text), "string") => text_fault(text, schema),
            (DeValue::Integer(number), "integer") => {
                let decimal = i128::from_str_radix(number.as_str(), number.radix());
                let text = decimal.map_or_else(|_| number.as_str().into(), |n| n.to_string());
                outside(schema, &text).map(|message| (message, String::new()))
            }
            (DeValue::Boolean(_), "boolean") => None,
            (found, wanted) => Some(type_fault(found, wanted, schema)),
        };
        self.problems
            .extend(fault.map(|(message, help)| Problem::new(path, message).help(help).at(place)));
    }

    fn unknown_key(&mut self, key: &str, table: &Value, path: &str, place: Place) {
        let empty = serde_json::Map::new();
        let known = concrete(table)["properties"].as_object().unwrap_or(&empty);
        let help = match nearest(key, known.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => match import::counterpart(key) {
                Some(ours) => format!("PgBouncer's `{key}` is `{ours}` here"),
                None => {
                    let keys: Vec<&str> = known.keys().map(String::as_str).collect();
                    format!("known here: {}", keys.join(", "))
                }
            },
        };
        let problem = Problem::new(join(path, key), "unknown key").help(help);
        self.problems.push(problem.at(place));
    }
}

/// What is wrong with a text that is in the right place: message and help.
fn text_fault(text: &str, schema: &Value) -> Option<(String, String)> {
    let known = choices(schema);
    if !known.is_empty() {
        let names = known.iter().map(|(name, _)| *name);
        if names.clone().any(|name| name == text) {
            return None;
        }
        let help = match nearest(text, names.clone()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => String::new(),
        };
        let list: Vec<&str> = names.collect();
        return Some((format!("\"{text}\" is not one of {}", list.join(", ")), help));
    }
    let text = text.to_owned();
    let checked = match concrete(schema)["format"].as_str() {
        Some(SPAN_FORMAT) => TimeSpan::try_from(text).map(drop),
        Some(LIMIT_FORMAT) => TimeLimit::try_from(text).map(drop),
        Some(SIZE_FORMAT) => ByteSize::try_from(text).map(drop),
        Some(Rotation::FORMAT) => Rotation::try_from(text).map(drop),
        Some(_) | None => Ok(()),
    };
    checked.err().map(|message| (message, String::new()))
}

/// What is said about a value of the wrong type: message and help.
fn type_fault(found: &DeValue<'_>, wanted: &str, schema: &Value) -> (String, String) {
    let format = concrete(schema)["format"].as_str();
    let wanted_name = match (wanted, format) {
        (_, Some(SPAN_FORMAT | LIMIT_FORMAT)) => "a time with its unit",
        (_, Some(SIZE_FORMAT)) => "a size with its unit",
        ("string", _) => "a text",
        ("integer", _) => "a whole number",
        ("boolean", _) => "true or false",
        ("array", _) => "a list",
        (_, _) => "a table",
    };
    let help = match (found, wanted, format) {
        (DeValue::Integer(number), _, Some(LIMIT_FORMAT)) if number.as_str() == "0" => {
            "write \"off\" for no limit".to_owned()
        }
        (DeValue::Integer(number), _, Some(SPAN_FORMAT | LIMIT_FORMAT)) => {
            format!("write \"{number}s\" for seconds, \"{number}ms\" for milliseconds")
        }
        (DeValue::Integer(number), _, Some(SIZE_FORMAT)) => {
            format!("write \"{number}B\" for bytes, \"{number}KiB\" for 1024 times as many")
        }
        (DeValue::String(text), "integer", _) if text.parse::<u64>().is_ok() => {
            "write the number without quotes".to_owned()
        }
        (DeValue::String(text), "boolean", _) if matches!(&**text, "true" | "false") => {
            "write it without quotes".to_owned()
        }
        (DeValue::String(text), "array", _) => format!("write [{text:?}]"),
        (_, _, _) => String::new(),
    };
    (format!("this is {}, not {wanted_name}", name_of(found)), help)
}

fn name_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a bare number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
