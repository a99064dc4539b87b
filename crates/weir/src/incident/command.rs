//! `weir incident list, show, report`: reads the state directory, while a proxy may write to it.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;
use weir_core::config::choices::Language;
use weir_core::config::settings;
use weir_core::incident::report::Story;
use weir_core::incident::{Incident, Replayed, needed, words};
use weir_core::ledger::Summary;

use crate::cli::{IncidentCommand, IncidentPlace, ReportFormat};
use crate::config;
use crate::store::{IncidentStore, LedgerStore};

/// Runs a command.
///
/// # Errors
/// When the state directory is not named or cannot be read, there is no such incident, or nothing
/// can be printed.
pub fn run(command: &IncidentCommand, out: &mut dyn Write) -> Result<ExitCode> {
    match command {
        IncidentCommand::List { place, json, count } => {
            let Opened { store, language, .. } = open(place)?;
            list(&store.list(*count)?, language, *json, out)?;
        }
        IncidentCommand::Show { id, place, json } => {
            let opened = open(place)?;
            let language = opened.language;
            let story = opened.story(id)?;
            if *json {
                let Story { incident, events, flight, .. } = &story;
                let whole = json!({ "incident": incident, "events": events, "flight": flight });
                writeln!(out, "{whole:#}")?;
            } else {
                show(&story, language, out)?;
            }
        }
        IncidentCommand::Report { id, place, format } => {
            let opened = open(place)?;
            let language = opened.language;
            let stretches = opened.history(&opened.incident(id)?)?;
            let story = opened.story(id)?.with_history(&stretches);
            let page = match format {
                ReportFormat::Markdown => story.markdown(language),
                ReportFormat::Html => story.html(language),
            };
            out.write_all(page.as_bytes())?;
        }
        IncidentCommand::WhatIf { id, place, scenario } => {
            let opened = open(place)?;
            let incident = opened.incident(id)?;
            let stretches = opened.history(&incident)?;
            let replayed = Replayed::of(&incident, &stretches).with_context(|| {
                format!(
                    "{} cannot be played again: the ledger's history in {} has {} stretches of it",
                    incident.id,
                    opened.dir,
                    stretches.len()
                )
            })?;
            let text = if *scenario { replayed.plan.to_toml()? } else { replayed.text() };
            out.write_all(text.as_bytes())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The store, and how its incidents are told.
struct Opened {
    store: IncidentStore,
    dir: String,
    incidents: settings::Incidents,
    language: Language,
}

impl Opened {
    fn incident(&self, id: &str) -> Result<Incident> {
        match (self.store.find(id)?, id) {
            (Some(incident), _) => Ok(incident),
            (None, "") => bail!("there was no incident yet"),
            (None, id) => bail!("there is no incident {id}: see `weir incident list`"),
        }
    }

    /// What the ledger recorded of an incident; nothing where no history was kept.
    fn history(&self, incident: &Incident) -> Result<Vec<Summary>> {
        let dir = Path::new(&self.dir);
        if !LedgerStore::exists(dir) {
            return Ok(Vec::new());
        }
        let (from, until) = needed(incident);
        Ok(LedgerStore::open_to_read(dir)?.read_known(dir, from, until, usize::MAX)?)
    }

    fn story(self, id: &str) -> Result<Story> {
        let incident = self.incident(id)?;
        Ok(self.store.story(incident, self.incidents.price)?)
    }
}

fn open(place: &IncidentPlace) -> Result<Opened> {
    let (dir, incidents) = match &place.config {
        Some(file) => {
            let loaded = config::load_kept(file)?;
            (loaded.settings.state_dir, loaded.settings.incidents)
        }
        None => (None, settings::Incidents::default()),
    };
    let dir = place.state_dir.clone().or(dir);
    let dir = dir.with_context(|| nowhere(place.config.as_deref(), "incidents"))?;
    if !IncidentStore::exists(Path::new(&dir)) {
        bail!(
            "no incidents are kept in {dir}: weir up and weir watch keep theirs in the state_dir \
             that they are given"
        );
    }
    let store = IncidentStore::open_to_read(Path::new(&dir))
        .with_context(|| format!("the incidents in {dir} cannot be read"))?;
    let language = place.lang.unwrap_or(incidents.language);
    Ok(Opened { store, dir, incidents, language })
}

/// Why it is not known where something is kept.
pub fn nowhere(config: Option<&str>, what: &str) -> String {
    match config {
        Some(file) => format!(
            "{file} has no state_dir, so {what} are kept in memory by the process that runs: set \
             it, or name --state-dir DIR"
        ),
        None => format!("where are the {what}? name --state-dir DIR, or --config FILE"),
    }
}

fn list(incidents: &[Incident], language: Language, json: bool, out: &mut dyn Write) -> Result<()> {
    if json {
        writeln!(out, "{:#}", json!(incidents))?;
        return Ok(());
    }
    for incident in incidents {
        writeln!(out, "{}", line(incident, language))?;
    }
    Ok(())
}

/// Name, opening, state, duration, requests lost, cause.
fn line(incident: &Incident, language: Language) -> String {
    let lasted = words::duration(Duration::from_millis(incident.impact.lasted_ms), language);
    let cause =
        incident.lead().map_or(language.pick("cause not known", "原因未知"), |suspect| {
            words::cause(suspect.finding.cause, language)
        });
    let (id, opened, lost) = (&incident.id, incident.opened, incident.impact.lost());
    let state = words::state(incident.state, language);
    match language {
        Language::En => {
            format!("{id}  {opened}  {state:<10}  {lasted:<12}  {lost} requests lost  {cause}")
        }
        Language::Zh => format!("{id}  {opened}  {state}  {lasted}  {lost} 个请求失败  {cause}"),
    }
}

fn show(story: &Story, language: Language, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "{}\n", line(&story.incident, language))?;
    for event in &story.events {
        let severity = words::severity(event.severity, language);
        let what = words::event(&event.kind, language);
        writeln!(out, "{}  {severity:<8}  {what}", event.at.clock())?;
    }
    Ok(())
}
