//! Configuration: text in, [`settings::Settings`] or a list of [`problem::Problem`]s out.
//!
//! One definition makes the file format, its schema and its reference page: the doc comments in
//! [`options`]. Files, environment and flags are read by the program and given as text.

pub mod choices;
mod flat;
pub mod hba;
pub mod import;
pub mod limits;
mod nearest;
pub mod options;
mod outline;
mod places;
mod problem;
mod read;
mod reference;
mod resolve;
mod schema;
pub mod settings;
mod shape;
pub mod units;
mod userlist;

pub use flat::config_rows;
pub(crate) use nearest::nearest;
pub use options::Options;
pub use places::Places;
pub use problem::{Place, Problem};
pub use read::read;
pub use reference::{reference, sample};
pub use resolve::{Sources, Upstream, parse_upstream, resolve};
pub use schema::schema;
pub use settings::Settings;

/// Reads a file for the configuration: `%include`, user lists, HBA files. Given by the program;
/// an error is the message for the operator.
pub type Reader<'a> = &'a dyn Fn(&str) -> Result<String, String>;
