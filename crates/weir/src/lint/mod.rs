//! `weir lint`: files in, findings out. The decisions are in the crate `weir-lint`.

pub(crate) mod args;
mod files;
mod parallel;

use std::fs;
use std::io::{IsTerminal, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use weir_lint::output::{Format, Report, counted, render};
use weir_lint::{Baseline, Check, Confidence, Config, Finding, Module, Project, apply_fixes};

use args::{Color, Level, LintArgs, OutputFormat};

/// Runs `weir lint` and prints its result.
#[expect(clippy::needless_pass_by_value, reason = "the arguments are parsed for this call alone")]
pub(crate) fn run(args: LintArgs) -> ExitCode {
    match try_run(&args) {
        Ok(code) => code,
        Err(error) => {
            // A closed standard error leaves nobody to tell.
            let _ = writeln!(std::io::stderr(), "weir lint: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn try_run(args: &LintArgs) -> anyhow::Result<ExitCode> {
    if let Some(name) = &args.explain {
        return explain(name);
    }
    if args.list {
        return list();
    }
    let config = config(args)?;
    let paths = files::find(&args.paths, &config)?;
    if paths.is_empty() {
        anyhow::bail!("no Python files under the given paths (tests and migrations are left out)");
    }
    let jobs = parallel::threads(args.jobs);
    let read = parallel::map(paths.len(), jobs, |at| {
        files::read(&paths[at])
            .map(Module::parse)
            .with_context(|| format!("cannot read {}", paths[at].display()))
    })?;
    let modules = read.into_iter().collect::<anyhow::Result<Vec<Module>>>()?;
    let findings = check(&modules, &config, jobs)?;
    conclude(args, &modules, &findings)
}

/// The two passes, each spread over the modules.
fn check(modules: &[Module], config: &Config, jobs: usize) -> anyhow::Result<Vec<Finding>> {
    let project = Project::link(modules, config);
    let traces = parallel::map(modules.len(), jobs, |at| project.trace(at))?;
    let check = Check::new(&project, &traces);
    let found = parallel::map(modules.len(), jobs, |at| check.module(at))?;
    let mut findings: Vec<Finding> = found.into_iter().flatten().collect();
    findings.sort();
    Ok(findings)
}

fn conclude(args: &LintArgs, modules: &[Module], findings: &[Finding]) -> anyhow::Result<ExitCode> {
    let report = Report { findings, modules, accepted: 0 };
    if let Some(path) = &args.write_baseline {
        let baseline = Baseline::accept(findings, |f| report.line_of(f));
        fs::write(path, baseline.render())
            .with_context(|| format!("cannot write the baseline {}", path.display()))?;
        let accepted = counted(findings.len(), "finding");
        print(&format!("accepted {accepted} in {}\n", path.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.fix {
        fix(modules, findings)?;
    }
    let (left, accepted) = match &args.baseline {
        Some(path) => baseline(path)?.filter(findings.to_vec(), |f| report.line_of(f).to_owned()),
        None => (findings.to_vec(), 0),
    };
    let left: Vec<Finding> =
        left.into_iter().filter(|finding| !args.fix || finding.fix.is_none()).collect();
    let report = Report { findings: &left, modules, accepted };
    print(&render(&report, format(args)))?;
    let unreadable = modules.iter().all(|module| module.problem().is_some());
    Ok(match (left.is_empty(), unreadable) {
        (_, true) => ExitCode::from(2),
        (true, false) => ExitCode::SUCCESS,
        (false, false) => ExitCode::from(1),
    })
}

fn baseline(path: &Path) -> anyhow::Result<Baseline> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the baseline {}", path.display()))?;
    Baseline::parse(&text).with_context(|| path.display().to_string())
}

fn fix(modules: &[Module], findings: &[Finding]) -> anyhow::Result<()> {
    for module in modules {
        let own = || findings.iter().filter(|f| f.path == module.path());
        if own().all(|f| f.fix.is_none()) {
            continue;
        }
        let own: Vec<Finding> = own().cloned().collect();
        let (text, count) = apply_fixes(module.text(), &own);
        fs::write(module.path(), text)
            .with_context(|| format!("cannot write {}", module.path()))?;
        let mut stderr = std::io::stderr();
        writeln!(stderr, "fixed {} in {}", counted(count, "finding"), module.path())
            .context("standard error")?;
    }
    Ok(())
}

fn config(args: &LintArgs) -> anyhow::Result<Config> {
    let mut config = match &args.config {
        Some(path) => {
            let text = fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            Config::from_pyproject(&text)?
        }
        None => match nearest_pyproject(args) {
            Some(text) => Config::from_pyproject(&text)?,
            None => Config::default(),
        },
    };
    if !args.select.is_empty() {
        config.select.clone_from(&args.select);
    }
    config.ignore.extend(args.ignore.iter().cloned());
    config.exclude.extend(args.exclude.iter().cloned());
    config.include_tests |= args.include_tests;
    if let Some(level) = args.confidence {
        config.confidence = match level {
            Level::Low => Confidence::Low,
            Level::Medium => Confidence::Medium,
            Level::High => Confidence::High,
        };
    }
    config.check_rules()?;
    Ok(config)
}

/// The nearest `pyproject.toml` at or above the first path.
fn nearest_pyproject(args: &LintArgs) -> Option<String> {
    let first = args.paths.first()?.canonicalize().ok()?;
    first.ancestors().find_map(|dir| fs::read_to_string(dir.join("pyproject.toml")).ok())
}

fn format(args: &LintArgs) -> Format {
    match args.format {
        OutputFormat::Text => Format::Text {
            color: match args.color {
                Color::Always => true,
                Color::Never => false,
                Color::Auto => {
                    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
                }
            },
        },
        OutputFormat::Json => Format::Json,
        OutputFormat::Sarif => Format::Sarif,
        OutputFormat::Github => Format::Github,
        OutputFormat::Gitlab => Format::Gitlab,
    }
}

fn explain(name: &str) -> anyhow::Result<ExitCode> {
    let Some(rule) = weir_lint::rule_named(name) else {
        let near = weir_lint::nearest(name);
        let hint = near.map_or_else(String::new, |near| format!(", did you mean `{near}`"));
        anyhow::bail!("there is no rule `{name}`{hint}; `weir lint --list` shows all");
    };
    print(rule.page)?;
    Ok(ExitCode::SUCCESS)
}

fn list() -> anyhow::Result<ExitCode> {
    let mut text = String::new();
    for rule in weir_lint::rules() {
        let state = if rule.default_on { "on " } else { "off" };
        text.push_str(&format!(
            "{state} {:7} {:32} {}\n",
            rule.severity.as_str(),
            rule.name,
            rule.summary
        ));
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes to standard output; a reader that went away (`| head`) is no error.
fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}
