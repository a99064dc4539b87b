//! Writes the reference page and the sample file from the schema.

use std::fmt::Write as _;

use super::limits::TABLE;
use super::outline::{Key, Section, outline};
use super::schema::schema;

const INTRODUCTION: &str = "\
# Configuration

Weir reads one TOML file: `weir up weir.toml`. Flags of `weir up` override it; `weir config check
weir.toml` says what is wrong with it, `weir config show weir.toml` prints what it amounts to. A
`pgbouncer.ini` is read as it is: `weir up pgbouncer.ini`.

Every key has a default, except where PostgreSQL is:

```toml
[databases.shop]
upstream = \"postgres://app:secret@10.0.0.5:5432/shop\"
```

A **time** is a text with a unit: `\"500ms\"`, `\"30s\"`, `\"15min\"`, `\"2h\"`, `\"1d\"`. A **time limit** is
a time, or `\"off\"` for none. A **size** is a text with a unit: `\"512B\"`, `\"64KiB\"`, `\"16MiB\"`,
`\"1GiB\"`. A bare number is an error where a unit is needed. File names are relative to the working
directory. Secrets can come from the environment (`…_env`) or from a file (`…_file`); they are never
printed.

This page, `weir.schema.json` (for editors) and `weir.toml` (a file with every default) are made by
`cargo xtask gen` from the same definitions the program uses.
";

/// The reference page, in Markdown.
#[must_use]
pub fn reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    for section in outline(&schema()) {
        section_page(&mut page, &section);
    }
    bounds_page(&mut page);
    page
}

// Writing to a String cannot fail: the results of `write!` are dropped on purpose below.

fn section_page(page: &mut String, section: &Section) {
    let title = if section.name.is_empty() {
        "Top of the file".to_owned()
    } else {
        format!("`[{}]`", section.name)
    };
    let _ = write!(page, "\n## {title}\n");
    if !section.about.is_empty() {
        let _ = write!(page, "\n{}\n", section.about);
    }
    for key in &section.keys {
        key_page(page, &section.name, key);
    }
}

fn key_page(page: &mut String, section: &str, key: &Key) {
    let dot = if section.is_empty() { "" } else { "." };
    let default = key.default.as_ref().map_or_else(|| "none".into(), |text| format!("`{text}`"));
    let _ = write!(page, "\n### `{section}{dot}{}`\n\n{}\n\n", key.name, key.about);
    for (choice, about) in &key.choices {
        let _ = writeln!(page, "- `\"{choice}\"`: {about}");
    }
    if !key.choices.is_empty() {
        page.push('\n');
    }
    let _ = write!(page, "Value: {}. Default: {default}.", key.form);
    if let Some(example) = &key.example {
        let _ = write!(page, " Example: `{} = {example}`.", key.name);
    }
    page.push('\n');
}

fn bounds_page(page: &mut String) {
    page.push_str(
        "\n## Fixed bounds\n\nWhat cannot be configured is bounded too. Reaching a bound is \
         counted and visible.\n\n| bound | value | what it bounds |\n| --- | --- | --- |\n",
    );
    for bound in TABLE {
        let name = bound.name.to_ascii_lowercase();
        let _ = writeln!(page, "| `{name}` | {} | {} |", bound.value, bound.about.trim());
    }
}

/// A sample file: every default as it is, everything else as a comment.
#[must_use]
pub fn sample() -> String {
    let mut file = "\
# Weir, with every default written out. Keys without a default are comments with an example.
# The reference is configuration.md; `weir config check FILE` checks a file.
"
    .to_owned();
    for section in outline(&schema()) {
        section_sample(&mut file, &section);
    }
    file
}

fn section_sample(file: &mut String, section: &Section) {
    file.push('\n');
    comment(file, &section.about);
    let (name, mark) = match section.name.as_str() {
        "" => (None, ""),
        "databases.NAME" => (Some("databases.shop".to_owned()), "# "),
        name if section.is_template => (Some(name.replace("NAME", "app")), "# "),
        name => (Some(name.to_owned()), ""),
    };
    if let Some(name) = name {
        let _ = writeln!(file, "{mark}[{name}]");
    }
    for key in &section.keys {
        file.push('\n');
        comment(file, &key.about);
        for (choice, about) in &key.choices {
            comment(file, &format!("- \"{choice}\": {about}"));
        }
        match (&key.default, &key.example) {
            (Some(default), _) => drop(writeln!(file, "{mark}{} = {default}", key.name)),
            (None, Some(example)) => drop(writeln!(file, "# {} = {example}", key.name)),
            (None, None) => {}
        }
    }
}

fn comment(file: &mut String, text: &str) {
    for line in text.lines() {
        let _ = writeln!(file, "# {line}");
    }
}
