//! Whose statement it is: the tags that frameworks agree on, under one name each.

use std::borrow::Cow;

use super::route::templated;
use super::tags::tags;

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
            if let Some(field) = found.field(key)
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

    fn field(&mut self, key: &str) -> Option<&mut Option<Cow<'a, str>>> {
        let field = match key {
            "route" | "http.route" | "http_route" | "path" | "url" => &mut self.route,
            "application" | "app" | "app_name" | "service.name" | "service_name" => {
                &mut self.application
            }
            "controller" | "namespaced_controller" => &mut self.controller,
            "action" => &mut self.action,
            "view" | "view_name" => &mut self.view,
            "job" | "job_name" | "task" | "task_name" | "command" => &mut self.job,
            "framework" => &mut self.framework,
            "db_driver" => &mut self.db_driver,
            "traceparent" => &mut self.traceparent,
            "user" | "user_id" | "user.id" | "enduser.id" => &mut self.user,
            _ => return None,
        };
        Some(field)
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
