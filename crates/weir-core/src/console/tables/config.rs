//! SHOW CONFIG.

use std::borrow::Cow;

use crate::console::table::{Column, Kind, Table};
use crate::console::view::ConfigRow;

/// The configuration.
pub(in crate::console) static CONFIG: Table<ConfigRow> = Table {
    name: "config",
    about: "A line for each key of the configuration in force, flags included. Secrets are ***.",
    columns: &[
        Column::new("key", Kind::Text, "Its path in the file.", |row, _| row.key.clone().into()),
        Column::new("value", Kind::Text, "Its value, as the file writes it.", |row, _| {
            row.value.clone().into()
        }),
        Column::new("default", Kind::Text, "Its default; NULL where it has none.", |row, _| {
            row.default.clone().into()
        }),
        Column::new(
            "changeable",
            Kind::Text,
            "yes when RELOAD changes it, no when only a restart does.",
            |row, _| if row.changeable { "yes".into() } else { "no".into() },
        ),
    ],
    rows: |view| Cow::Borrowed(view.config),
};
