//! The latest incidents in memory, with all that is known of them: what console and HTTP answer
//! from, whatever disk and PostgreSQL do.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weir_core::config::limits::INCIDENTS_AT_HAND;
use weir_core::incident::report::{Otherwise, Story};
use weir_core::incident::{Flight, Incident, IncidentId, Price, Record};

/// The latest incidents, the oldest first.
#[derive(Debug, Default)]
pub struct Shelf {
    stories: Mutex<VecDeque<Arc<Story>>>,
}

impl Shelf {
    /// All of them, the latest first.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Story>> {
        self.lock().iter().rev().cloned().collect()
    }

    /// The incident of this name, or whose name begins so; of several the latest. An empty name is
    /// the latest of all.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<Story>> {
        self.lock().iter().rev().find(|story| story.incident.id.0.starts_with(name)).cloned()
    }

    /// Puts incidents of an earlier process there, the oldest first.
    pub(super) fn fill(&self, stories: impl IntoIterator<Item = Story>) {
        let mut shelf = self.lock();
        shelf.extend(stories.into_iter().map(Arc::new));
        let surplus = shelf.len().saturating_sub(INCIDENTS_AT_HAND);
        shelf.drain(..surplus);
    }

    /// Takes what the desk hands out, and the open incident as it is now. `price` is what a
    /// failed request costs now.
    pub(super) fn take(&self, records: &[Record], open: Option<&Incident>, price: Option<&Price>) {
        if records.is_empty() && open.is_none() {
            return;
        }
        let mut shelf = self.lock();
        let written = records.iter().filter_map(|record| match record {
            Record::Incident(incident) => Some(&**incident),
            Record::Event(..) | Record::Flight(..) | Record::Tell(_) => None,
        });
        for incident in written.chain(open) {
            match of(&mut shelf, &incident.id) {
                Some(story) => story.incident = incident.clone(),
                None => shelf.push_back(Arc::new(Story {
                    incident: incident.clone(),
                    events: Vec::new(),
                    flight: Flight::default(),
                    price: price.cloned(),
                    otherwise: Otherwise::NotRecorded,
                    routes: Vec::new(),
                })),
            }
        }
        for record in records {
            match record {
                Record::Event(id, event) => {
                    if let Some(story) = of(&mut shelf, id) {
                        story.events.push(event.clone());
                    }
                }
                Record::Flight(id, flight) => {
                    if let Some(story) = of(&mut shelf, id) {
                        story.flight = (**flight).clone();
                    }
                }
                Record::Incident(_) | Record::Tell(_) => {}
            }
        }
        while shelf.len() > INCIDENTS_AT_HAND {
            shelf.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Story>>> {
        // Each change of a story is complete: what a panic left is whole.
        self.stories.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The story of an incident. Whoever reads it at this moment keeps what it was.
fn of<'a>(shelf: &'a mut VecDeque<Arc<Story>>, id: &IncidentId) -> Option<&'a mut Story> {
    let story = shelf.iter_mut().rev().find(|story| story.incident.id == *id)?;
    Some(Arc::make_mut(story))
}
