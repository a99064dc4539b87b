//! Whose statement it is: the tags that frameworks agree on, under one name each.

use std::borrow::Cow;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::route::templated;
use super::tags::{decoded, tags};

/// The longest value that is kept, in bytes.
pub const VALUE_LEN_MAX: usize = 200;

/// What the tags of a text say of its sender. The first tag of a kind counts.
///
/// Values are as they were sent, without control characters, cut to [`VALUE_LEN_MAX`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attribution<'a> {
    /// The URL pattern or path: `route`, `http.route`, `path`, `url`.
    pub route: Option<Cow<'a, str>>,
    /// The program: `application`, `app`, `app_name`, `service.name`.
    pub application: Option<Cow<'a, str>>,
    /// Rails' and Laravel's controller, or Django's view by sqlcommenter: `controller`.
    pub controller: Option<Cow<'a, str>>,
    /// The controller's method: `action`.
    pub action: Option<Cow<'a, str>>,
    /// The view: `view`, `view_name`.
    pub view: Option<Cow<'a, str>>,
    /// The background job: `job`, `task`, `command`.
    pub job: Option<Cow<'a, str>>,
    /// The framework and its version: `framework`.
    pub framework: Option<Cow<'a, str>>,
    /// The driver: `db_driver`.
    pub db_driver: Option<Cow<'a, str>>,
    /// The W3C trace context: `traceparent`.
    pub traceparent: Option<Cow<'a, str>>,
    /// The person: `user`, `user_id`, `enduser.id`.
    pub user: Option<Cow<'a, str>>,
}

impl<'a> Attribution<'a> {
    /// Reads the tags of `text`. Empty, and without allocation, when there are none.
    #[must_use]
    pub fn from_text(text: &'a [u8]) -> Self {
        let mut found = Self::default();
        for (key, value) in tags(text) {
            if let Some(field) = Field::of(key).map(|field| found.field(field))
                && field.is_none()
                && !value.is_empty()
            {
                *field = Some(bounded(value));
            }
        }
        found
    }

    /// Nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The name of the code that asked, without ids: the route, else `controller#action`, else the
    /// view, else the job.
    #[must_use]
    pub fn label(&self) -> Option<Cow<'_, str>> {
        if let Some(route) = &self.route {
            return Some(templated(route));
        }
        match (&self.controller, &self.action) {
            (Some(controller), Some(action)) => Some(format!("{controller}#{action}").into()),
            (Some(one), None) | (None, Some(one)) => Some(one.as_ref().into()),
            (None, None) => self.view.as_ref().or(self.job.as_ref()).map(|name| templated(name)),
        }
    }

    fn field(&mut self, field: Field) -> &mut Option<Cow<'a, str>> {
        match field {
            Field::Route => &mut self.route,
            Field::Application => &mut self.application,
            Field::Controller => &mut self.controller,
            Field::Action => &mut self.action,
            Field::View => &mut self.view,
            Field::Job => &mut self.job,
            Field::Framework => &mut self.framework,
            Field::DbDriver => &mut self.db_driver,
            Field::Traceparent => &mut self.traceparent,
            Field::User => &mut self.user,
        }
    }
}

/// What a text says of its sender, in short: enough to remember the [`Attribution`] of texts whose
/// trace ids and users differ each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender<'a> {
    /// A hash of the tags that name code and program: texts with one key agree in
    /// [`Attribution::label`] and [`Attribution::application`].
    pub key: u64,
    /// As in [`Attribution::user`].
    pub user: Option<Cow<'a, str>>,
}

impl<'a> Sender<'a> {
    /// Reads the tags of `text`; `seed` keys the hash. Without allocation, unless the user's name
    /// is encoded.
    #[must_use]
    pub fn of(text: &'a [u8], seed: u64) -> Self {
        let mut found = Self { key: seed, user: None };
        let mut tags = tags(text);
        while let Some((key, raw)) = tags.next_raw() {
            match Field::of(key) {
                Some(Field::User) if found.user.is_none() && !raw.is_empty() => {
                    found.user = Some(bounded(decoded(raw)));
                }
                Some(Field::User | Field::Framework | Field::DbDriver | Field::Traceparent)
                | None => {}
                Some(
                    field @ (Field::Route
                    | Field::Application
                    | Field::Controller
                    | Field::Action
                    | Field::View
                    | Field::Job),
                ) => found.key = xxh3_64_with_seed(raw, found.key ^ (field as u64 + 1)),
            }
        }
        found
    }
}

/// What the keys of tags stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Route,
    Application,
    Controller,
    Action,
    View,
    Job,
    Framework,
    DbDriver,
    Traceparent,
    User,
}

impl Field {
    fn of(key: &str) -> Option<Self> {
        Some(match key {
            "route" | "http.route" | "http_route" | "path" | "url" => Self::Route,
            "application" | "app" | "app_name" | "service.name" | "service_name" => {
                Self::Application
            }
            "controller" | "namespaced_controller" => Self::Controller,
            "action" => Self::Action,
            "view" | "view_name" => Self::View,
            "job" | "job_name" | "task" | "task_name" | "command" => Self::Job,
            "framework" => Self::Framework,
            "db_driver" => Self::DbDriver,
            "traceparent" => Self::Traceparent,
            "user" | "user_id" | "user.id" | "enduser.id" => Self::User,
            _ => return None,
        })
    }
}

/// The value without control characters, at most [`VALUE_LEN_MAX`] bytes of it.
fn bounded(value: Cow<'_, str>) -> Cow<'_, str> {
    let end = value.floor_char_boundary(VALUE_LEN_MAX);
    if value[..end].contains(char::is_control) {
        return value[..end].chars().filter(|character| !character.is_control()).collect();
    }
    match value {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}
