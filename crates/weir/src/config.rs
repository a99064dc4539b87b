//! Reads configurations: files, environment, flags. What they mean is decided in `weir-core`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use weir_core::config::limits::CONFIG_FILE_BYTES;
use weir_core::config::options::Part;
use weir_core::config::{
    Options, Place, Places, Problem, Settings, Sources, import, read, resolve,
};

use crate::cli::ConfigArgs;

/// A configuration as it is in force.
#[derive(Debug)]
pub struct Loaded {
    /// What the proxy reads.
    pub settings: Settings,
    /// What was written, with the flags and the defaults put in.
    pub options: Options,
    /// What the operator should know and need not act on.
    pub warnings: Vec<Problem>,
}

/// Reads what the command line names: at start, and again at each reload.
///
/// # Errors
/// Every problem of the configuration.
pub fn load(args: &ConfigArgs) -> Result<Loaded, Vec<Problem>> {
    load_as(args, |options| options)
}

/// The same for a command that uses a part of it, or of which it is the base.
///
/// # Errors
/// Every problem of what is left.
pub fn load_as(
    args: &ConfigArgs,
    change: impl FnOnce(Options) -> Options,
) -> Result<Loaded, Vec<Problem>> {
    let mut warnings = Vec::new();
    let (mut options, mut places) = match &args.config {
        Some(name) => read_options(name, &mut warnings)?,
        None => (Options::default(), Places::default()),
    };
    args.apply(&mut options, &mut places);
    let options = change(options);
    // What is nowhere in the file is a problem of the file as a whole.
    let somewhere = |mut problem: Problem| {
        problem.place = problem.place.or_else(|| args.config.as_deref().map(Place::flag));
        problem
    };
    let sources = Sources { file: &read_file, env: &|name| std::env::var(name).ok() };
    match resolve(&options, &sources) {
        Ok(settings) => Ok(Loaded { settings, options, warnings }),
        Err(problems) => Err(places.locate(problems).into_iter().map(somewhere).collect()),
    }
}

/// Reads where a file keeps what was recorded, for a command that reads that.
///
/// # Errors
/// Every problem of that part of it, a line each.
pub fn load_kept(file: &str) -> anyhow::Result<Loaded> {
    let args = ConfigArgs { config: Some(file.to_owned()), ..ConfigArgs::default() };
    load_as(&args, |options| options.only(Part::Kept)).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!(lines.join("\n"))
    })
}

/// Reads a file by its kind: `.ini` is PgBouncer's, everything else TOML.
fn read_options(
    name: &str,
    warnings: &mut Vec<Problem>,
) -> Result<(Options, Places), Vec<Problem>> {
    let text = read_file(name).map_err(|why| vec![Problem::new("", why)])?;
    if Path::new(name).extension().is_none_or(|extension| extension != "ini") {
        return read(&text, name);
    }
    let imported = import::import(&text, name, &read_file)?;
    warnings.extend(imported.warnings);
    Ok((imported.options, imported.places))
}

/// Reads a file up to the bound for configuration files.
fn read_file(name: &str) -> Result<String, String> {
    let cannot = |why: std::io::Error| format!("cannot read {name}: {why}");
    let file = File::open(name).map_err(cannot)?;
    let mut text = String::new();
    let bound = CONFIG_FILE_BYTES as u64;
    file.take(bound + 1).read_to_string(&mut text).map_err(cannot)?;
    if text.len() > CONFIG_FILE_BYTES {
        return Err(format!("cannot read {name}: it has more than {CONFIG_FILE_BYTES} bytes"));
    }
    Ok(text)
}
