//! The JSON schema of [`Options`], and what can be read from it.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::options::Options;
use super::{Problem, places};

/// The schema of the configuration file (JSON Schema 2020-12), made from the option structs.
#[must_use]
pub fn schema() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Options>();
    schema.insert("title".into(), "Weir configuration".into());
    schema.to_value()
}

/// The schema of a value itself, where it may also be absent.
pub(super) fn concrete(schema: &Value) -> &Value {
    let present = |one: &&Value| one["type"] != "null";
    schema["anyOf"].as_array().and_then(|any| any.iter().find(present)).unwrap_or(schema)
}

/// The JSON type of a value: `string`, `integer`, `boolean`, `array` or `object`.
pub(super) fn kind(schema: &Value) -> &str {
    let schema = concrete(schema);
    if !schema["oneOf"].is_null() {
        return "string";
    }
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        other => other.as_str(),
    }
    .unwrap_or("object")
}

/// The values a choice can take, each with its explanation; empty for what is no choice.
pub(super) fn choices(schema: &Value) -> Vec<(&str, &str)> {
    let all = concrete(schema)["oneOf"].as_array().map_or(&[][..], Vec::as_slice);
    all.iter()
        .filter_map(|one| Some((one["const"].as_str()?, one["description"].as_str()?)))
        .collect()
}

/// The smallest and the largest number allowed.
pub(super) fn range(schema: &Value) -> (u64, u64) {
    let schema = concrete(schema);
    let width = match schema["format"].as_str() {
        Some("uint8") => u64::from(u8::MAX),
        Some("uint16") => u64::from(u16::MAX),
        Some("uint32") => u64::from(u32::MAX),
        Some(_) | None => u64::MAX,
    };
    let min = schema["minimum"].as_u64().unwrap_or(0);
    (min, schema["maximum"].as_u64().unwrap_or(width))
}

/// What is said about a number outside of its range.
pub(super) fn outside(schema: &Value, number: &str) -> Option<String> {
    let (min, max) = range(schema);
    let inside = number.parse::<u64>().is_ok_and(|number| (min..=max).contains(&number));
    (!inside).then(|| format!("{number} is not a number from {min} to {max}"))
}

/// Every number in `options` that is outside of its range, wherever it came from.
pub(super) fn numbers_outside(options: &Options) -> Vec<Problem> {
    // Options are plain data with string keys: they always have a JSON form.
    numbers_outside_in(&serde_json::to_value(options).unwrap_or_default())
}

/// The same for options in their JSON form.
pub(super) fn numbers_outside_in(options: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    check_numbers(options, &schema(), "", &mut problems);
    problems
}

fn check_numbers(value: &Value, schema: &Value, path: &str, problems: &mut Vec<Problem>) {
    match value {
        Value::Number(number) => {
            let message = outside(schema, &number.to_string());
            problems.extend(message.map(|message| Problem::new(path, message)));
        }
        Value::Object(entries) => {
            for (key, value) in entries {
                if let Some(schema) = property(schema, key) {
                    check_numbers(value, schema, &places::join(path, key), problems);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) => {}
    }
}

/// The schema of a table's key; `None` when the table does not know it.
pub(super) fn property<'a>(table: &'a Value, key: &str) -> Option<&'a Value> {
    let table = concrete(table);
    let any = || table.get("additionalProperties").filter(|schema| schema.is_object());
    table["properties"].get(key).or_else(any)
}
