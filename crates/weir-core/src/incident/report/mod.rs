//! The story of an incident, for someone who was not there: Markdown, or one HTML file that needs
//! nothing else.
//!
//! | file | job |
//! | --- | --- |
//! | `chapters` | what is told, in which order |
//! | `otherwise` | what other rules and other code would have done |
//! | `compare` | before, during and after, from the flight recorder |
//! | `routes` | what each route had of the slots |
//! | `done` | what was done, and what it changed |
//! | `document` | headings, lists, tables: what both forms have |
//! | `markdown`, `html` | the two forms |
//! | `picture` | slots by what they do, over time, as SVG |

mod chapters;
mod compare;
mod document;
mod done;
mod html;
mod markdown;
mod otherwise;
mod picture;
mod routes;

pub use routes::RouteUse;

use super::book::Incident;
use super::event::Event;
use super::flight::Flight;
use super::otherwise::Replayed;
use super::price::Price;
use crate::config::choices::Language;
use crate::ledger::Summary;

/// Everything a report is made from.
#[derive(Debug, Clone)]
pub struct Story {
    /// The incident.
    pub incident: Incident,
    /// Its events, in their order.
    pub events: Vec<Event>,
    /// The flight recorder; empty where it was not kept.
    pub flight: Flight,
    /// What a failed request costs.
    pub price: Option<Price>,
    /// The incident played again.
    pub otherwise: Otherwise,
    /// What each route had of the slots; empty where the ledger's history does not have it.
    pub routes: Vec<RouteUse>,
}

/// What is told of how an incident would have gone otherwise.
#[derive(Debug, Clone, Default)]
pub enum Otherwise {
    /// Nothing: the ledger's history does not have it.
    #[default]
    NotRecorded,
    /// Where to find it: playing it again takes longer than whoever asks can wait.
    NotPlayed,
    /// It was played again.
    Played(Box<Replayed>),
}

impl Story {
    /// With what each route had of the slots, by the ledger's history: `stretches` are those of
    /// [`needed`](super::needed). The incident is not played yet.
    #[must_use]
    pub fn with_routes(self, stretches: &[Summary]) -> Self {
        let routes = RouteUse::of(&self.incident, stretches);
        Self { routes, otherwise: Otherwise::NotPlayed, ..self }
    }

    /// The same, and the incident is played again. That takes the longer the more requests it had,
    /// up to some minutes.
    #[must_use]
    pub fn with_history(self, stretches: &[Summary]) -> Self {
        let otherwise = match Replayed::of(&self.incident, stretches) {
            Ok(replayed) => Otherwise::Played(Box::new(replayed)),
            // The history lacks it, or has more than can be played: the report does without.
            Err(_) => Otherwise::NotRecorded,
        };
        Self { otherwise, ..self.with_routes(stretches) }
    }

    /// The report as Markdown. The picture is left out: it is in the HTML form.
    #[must_use]
    pub fn markdown(&self, language: Language) -> String {
        markdown::write(&chapters::document(self, language))
    }

    /// The report as one HTML file.
    #[must_use]
    pub fn html(&self, language: Language) -> String {
        html::write(&chapters::document(self, language), language)
    }
}

#[cfg(test)]
mod tests;
