//! Configuration: text in, [`settings::Settings`] or a list of [`problem::Problem`]s out.
//!
//! One definition makes the file format, its schema and its reference page: the doc comments in
//! [`options`]. Files, environment and flags are read by the program and given as text.

pub mod choices;
pub mod hba;
pub mod limits;
pub mod problem;
pub mod settings;

pub use problem::{Place, Problem};
pub use settings::Settings;

/// Reads a file for the configuration: `%include`, user lists, HBA files. Given by the program;
/// an error is the message for the operator.
pub type Reader<'a> = &'a dyn Fn(&str) -> Result<String, String>;
