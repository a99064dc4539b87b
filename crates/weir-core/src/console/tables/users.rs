//! SHOW USERS.

use std::borrow::Cow;

use super::pools::mode;
use crate::config::settings::UserOverrides;
use crate::console::snapshot::PoolRow;
use crate::console::table::{Column, Kind, Table, Value};
use crate::console::view::View;

/// A user that is configured or has pools.
#[derive(Debug, Clone)]
pub(in crate::console) struct Line {
    name: String,
    overrides: UserOverrides,
}

impl Line {
    fn pools<'v>(&self, view: &'v View<'_>) -> impl Iterator<Item = &'v PoolRow> {
        view.snapshot.pools.iter().filter(move |pool| *pool.user == *self.name)
    }
}

/// Users.
pub(in crate::console) static USERS: Table<Line> = Table {
    name: "users",
    about: "A line for each user that is configured or has a pool. Values are what differs for \
            the user; empty or 0 where nothing does.",
    columns: COLUMNS,
    rows: |view| {
        let line = |name: &str| Line {
            name: name.to_owned(),
            overrides: view
                .settings
                .users
                .get(name)
                .map(|user| user.overrides.clone())
                .unwrap_or_default(),
        };
        Cow::Owned(view.users().into_iter().map(line).collect())
    },
};

const COLUMNS: &[Column<Line>] = &[
    Column::new("name", Kind::Text, "Its name.", |user, _| user.name.clone().into()),
    Column::new("pool_size", Kind::Text, "Slots of each of its pools.", |user, _| {
        text(user.overrides.pool_size)
    }),
    Column::new("reserve_pool_size", Kind::Text, "Extra slots of each.", |user, _| {
        text(user.overrides.reserve_size)
    }),
    Column::new("pool_mode", Kind::Text, "When server connections go back.", |user, _| {
        user.overrides.pool_mode.map(mode).into()
    }),
    Column::new(
        "max_user_connections",
        Kind::Int4,
        "Server connections over all of its pools; 0 is no limit.",
        |user, view| {
            let general = view.settings.limits.servers_per_user_max;
            user.overrides.servers_max.unwrap_or(general).unwrap_or(0).into()
        },
    ),
    Column::new("current_connections", Kind::Int4, "Server connections it has.", |user, view| {
        user.pools(view).map(PoolRow::servers).sum::<u32>().into()
    }),
    Column::new(
        "max_user_client_connections",
        Kind::Int4,
        "Client connections it may have; 0 is no limit.",
        |user, view| {
            let general = view.settings.limits.clients_per_user_max;
            user.overrides.clients_max.unwrap_or(general).unwrap_or(0).into()
        },
    ),
    Column::new(
        "current_client_connections",
        Kind::Int4,
        "Client connections in its pools.",
        |user, view| user.pools(view).map(|pool| pool.clients).sum::<u32>().into(),
    ),
];

fn text(number: Option<u32>) -> Value {
    number.map(|number| number.to_string()).unwrap_or_default().into()
}
