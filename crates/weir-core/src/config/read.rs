//! Reads a TOML text into [`Options`].

use toml::de::DeTable;

use super::Problem;
use super::limits::{CONFIG_FILE_BYTES, CONFIG_PROBLEMS};
use super::options::Options;
use super::places::{Lines, Places};
use super::schema::schema;
use super::shape::Shape;

/// Reads the text of the file named `file`.
///
/// # Errors
/// Everything wrong with its form, at once: syntax first; then unknown keys, wrong types, unknown
/// choices and values without units. What the values mean together is for
/// [`resolve`](super::resolve::resolve).
pub fn read(text: &str, file: &str) -> Result<(Options, Places), Vec<Problem>> {
    if text.len() > CONFIG_FILE_BYTES {
        let message = format!("{file} has more than {CONFIG_FILE_BYTES} bytes");
        return Err(vec![Problem::new("", message)]);
    }
    let lines = Lines::new(file, text);
    let at = |error: &toml::de::Error| {
        let offset = error.span().map_or(0, |span| span.start);
        Problem::new("", error.message()).at(lines.place(offset))
    };
    let (tree, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(errors.iter().take(CONFIG_PROBLEMS).map(at).collect());
    }
    let Shape { places, problems, .. } = Shape::of(tree.get_ref(), &schema(), &lines);
    if !problems.is_empty() {
        let mut problems = places.locate(problems);
        problems.truncate(CONFIG_PROBLEMS);
        return Err(problems);
    }
    // The schema holds: what serde still refuses is a fault between the two, and is reported.
    match toml::from_str(text) {
        Ok(options) => Ok((options, places)),
        Err(error) => Err(vec![at(&error)]),
    }
}
