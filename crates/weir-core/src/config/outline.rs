//! The schema as a list of sections and keys, in the order of the option structs. What the
//! reference page and the sample file are written from.

use serde_json::Value;

use super::schema::{choices, concrete, kind, property, range};
use super::units::{LIMIT_FORMAT, SIZE_FORMAT, SPAN_FORMAT};

/// One table of the file.
pub(super) struct Section {
    /// Its name as in the file, for example `pool` or `databases.NAME`; empty for the top.
    pub(super) name: String,
    /// What it is about.
    pub(super) about: String,
    /// Whether `NAME` stands for a name of the operator's choice.
    pub(super) is_template: bool,
    /// Its keys.
    pub(super) keys: Vec<Key>,
}

/// One key of a table.
pub(super) struct Key {
    pub(super) name: String,
    /// What it does, without the example.
    pub(super) about: String,
    /// What its value looks like, in words.
    pub(super) form: String,
    /// Its default as TOML; `None` when it has none.
    pub(super) default: Option<String>,
    /// An example as TOML.
    pub(super) example: Option<String>,
    /// The choices it has, each with its explanation.
    pub(super) choices: Vec<(String, String)>,
}

/// Every section, the top first.
pub(super) fn outline(schema: &Value) -> Vec<Section> {
    let mut sections = Vec::new();
    collect("", schema, "", false, &mut sections);
    sections
}

fn collect(
    name: &str,
    schema: &Value,
    about: &str,
    is_template: bool,
    sections: &mut Vec<Section>,
) {
    let properties = concrete(schema)["properties"].as_object();
    let all = || properties.into_iter().flatten();
    let keys: Vec<Key> =
        all().filter(|(_, it)| !is_section(it)).map(|(name, it)| key(name, it)).collect();
    if !keys.is_empty() {
        let (name, about) = (name.to_owned(), about.to_owned());
        sections.push(Section { name, about, is_template, keys });
    }
    for (key, schema) in all().filter(|(_, it)| is_section(it)) {
        let path = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
        let about = schema["description"].as_str().unwrap_or_default();
        match property(schema, "NAME") {
            Some(entry) => collect(&format!("{path}.NAME"), entry, about, true, sections),
            None => collect(&path, schema, about, is_template, sections),
        }
    }
}

/// Whether a value is a table with keys of its own, or a map of such tables.
fn is_section(schema: &Value) -> bool {
    let schema = concrete(schema);
    !schema["properties"].is_null() || !schema["additionalProperties"]["properties"].is_null()
}

fn key(name: &str, schema: &Value) -> Key {
    let text = schema["description"].as_str().unwrap_or_default();
    let (about, example) = match text.split_once("Example: `") {
        Some((about, example)) => (about, Some(example.trim_end().trim_end_matches('`'))),
        None => (text, None),
    };
    let default = &schema["default"];
    let is_empty = default.is_null() || default.as_object().is_some_and(serde_json::Map::is_empty);
    Key {
        name: name.to_owned(),
        about: about.trim_end().to_owned(),
        form: form(schema),
        // JSON's texts, numbers, booleans and lists are TOML's as well.
        default: (!is_empty).then(|| default.to_string()),
        example: example.map(str::to_owned),
        choices: choices(schema).iter().map(|(a, b)| ((*a).into(), (*b).into())).collect(),
    }
}

fn form(schema: &Value) -> String {
    let schema = concrete(schema);
    match (kind(schema), schema["format"].as_str()) {
        (_, Some(SPAN_FORMAT)) => "time".into(),
        (_, Some(LIMIT_FORMAT)) => "time limit".into(),
        (_, Some(SIZE_FORMAT)) => "size".into(),
        ("integer", _) => match range(schema) {
            (0, max) if max >= u64::from(u32::MAX) => "whole number".into(),
            (min, max) => format!("whole number, {min} to {max}"),
        },
        ("boolean", _) => "true or false".into(),
        ("array", _) => "list of texts".into(),
        ("object", _) => "table".into(),
        (_, _) if !choices(schema).is_empty() => "one of the words below".into(),
        (_, _) => "text".into(),
    }
}
