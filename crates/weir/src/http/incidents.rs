//! Incidents over HTTP: from memory; older ones from the state directory, on a thread that may
//! wait for the disk.

use std::path::Path as Dir;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinError;
use weir_core::config::choices::Language;
use weir_core::config::settings::Settings;
use weir_core::incident::needed;
use weir_core::incident::report::Story;

use super::Shown;
use super::routes::reply;
use crate::store::IncidentStore;

/// The name of the latest incident, where a name is asked for.
const LATEST: &str = "latest";

/// How long a report waits for its incident to be played again. Shorter than a request may take.
const PLAY_MAX: Duration = Duration::from_secs(5);

/// What a report may do in a browser: nothing but be seen.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// How a report is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    format: Option<Format>,
    lang: Option<Lang>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Html,
    Md,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Lang {
    En,
    Zh,
}

/// The latest incidents, the latest first.
pub(super) async fn list(State(shown): State<Shown>) -> Response {
    let all = shown.house.incidents.shelf().all();
    let incidents: Vec<_> = all.iter().map(|story| &story.incident).collect();
    reply(StatusCode::OK, &json!({ "incidents": incidents }))
}

/// One incident with its events and its flight recorder.
pub(super) async fn one(State(shown): State<Shown>, Path(name): Path<String>) -> Response {
    match find(&shown, &name).await {
        Ok(story) => {
            let Story { incident, events, flight, .. } = &*story;
            let body = json!({ "incident": incident, "events": events, "flight": flight });
            reply(StatusCode::OK, &body)
        }
        Err(none) => none,
    }
}

/// Its report.
pub(super) async fn report(
    State(shown): State<Shown>,
    Path(name): Path<String>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let wanted = match wanted {
        Ok(Query(wanted)) => wanted,
        Err(why) => {
            let hint = "format=html|md, lang=en|zh";
            let body = json!({ "error": why.body_text(), "hint": hint });
            return reply(StatusCode::BAD_REQUEST, &body);
        }
    };
    let story = match find(&shown, &name).await {
        Ok(story) => story,
        Err(none) => return none,
    };
    let Ok(story) = with_history(&shown, story).await else {
        return broken("stopping");
    };
    let language = match wanted.lang {
        Some(Lang::En) => Language::En,
        Some(Lang::Zh) => Language::Zh,
        None => shown.house.directory.load().settings.incidents.language,
    };
    match wanted.format.unwrap_or(Format::Html) {
        Format::Html => {
            let head =
                [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, POLICY)];
            (head, story.html(language)).into_response()
        }
        Format::Md => {
            let head = [(CONTENT_TYPE, "text/markdown; charset=utf-8")];
            (head, story.markdown(language)).into_response()
        }
    }
}

/// The story with what the ledger's history adds to it, as `weir incident report` has it. An
/// incident that takes too long to play again, or while another is played, comes without that.
async fn with_history(shown: &Shown, story: Arc<Story>) -> Result<Story, JoinError> {
    let history = Arc::clone(&shown.history);
    let read = move || {
        let (since, until) = needed(&story.incident);
        let known = history.read(since, until);
        if let Some(why) = known.unread {
            tracing::warn!("a report does without the ledger's history: {why}");
        }
        (Story::clone(&story).with_routes(&known.stretches), known.stretches)
    };
    let (story, stretches) = tokio::task::spawn_blocking(read).await?;
    let Ok(player) = Arc::clone(&shown.player).try_acquire_owned() else { return Ok(story) };
    let unplayed = story.clone();
    let play = tokio::task::spawn_blocking(move || {
        // Given back when it has been played, whether somebody still waits for it or not.
        let _player = player;
        unplayed.with_history(&stretches)
    });
    match tokio::time::timeout(PLAY_MAX, play).await {
        Ok(played) => played,
        Err(_) => Ok(story),
    }
}

async fn find(shown: &Shown, name: &str) -> Result<Arc<Story>, Response> {
    let name = if name == LATEST { "" } else { name };
    if let Some(story) = shown.house.incidents.shelf().find(name) {
        return Ok(story);
    }
    let directory = shown.house.directory.load_full();
    let wanted = name.to_owned();
    let read = move || stored(&directory.settings, &wanted);
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(Some(story))) => Ok(Arc::new(story)),
        Ok(Ok(None)) => {
            let hint = "GET /api/v1/incidents lists the latest";
            let body = json!({ "error": "there is no such incident", "hint": hint });
            Err(reply(StatusCode::NOT_FOUND, &body))
        }
        Ok(Err(why)) => Err(broken(&format!("{why:#}"))),
        Err(why) => Err(broken(&why.to_string())),
    }
}

fn broken(why: &str) -> Response {
    reply(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": why }))
}

/// An incident that is not in memory any more.
fn stored(settings: &Settings, name: &str) -> anyhow::Result<Option<Story>> {
    let Some(dir) = settings.state_dir.as_deref().filter(|_| !name.is_empty()) else {
        return Ok(None);
    };
    let store = IncidentStore::open_to_read(Dir::new(dir))?;
    let Some(incident) = store.find(name)? else { return Ok(None) };
    Ok(Some(store.story(incident, settings.incidents.price.clone())?))
}
