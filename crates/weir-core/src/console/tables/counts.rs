//! SHOW LISTS, MEM, STATE and VERSION.

use std::borrow::Cow;

use crate::console::snapshot::{PoolRow, Store};
use crate::console::table::{Column, Kind, Table};
use crate::console::view::View;

/// A name and a number.
type Count = (&'static str, u64);

/// Counts of what there is.
pub(in crate::console) static LISTS: Table<Count> = Table {
    name: "lists",
    about: "Counts of what there is, one to a line.",
    columns: &[
        Column::new("list", Kind::Text, "What is counted.", |line, _| line.0.into()),
        Column::new("items", Kind::Int4, "How many.", |line, _| line.1.into()),
    ],
    rows: |view| Cow::Owned(lists(view)),
};

/// Memory.
pub(in crate::console) static MEM: Table<Store> = Table {
    name: "mem",
    about: "What is kept for each kind of thing; buffers are extra. The line process is all \
            memory of the process, as the operating system counts it.",
    columns: &[
        Column::new("name", Kind::Text, "The kind.", |store, _| store.name.into()),
        Column::new("size", Kind::Int4, "Bytes of one.", |store, _| store.size.into()),
        Column::new("used", Kind::Int4, "How many there are.", |store, _| store.used.into()),
        Column::new("free", Kind::Int4, "Places kept for more.", |store, _| store.free.into()),
        Column::new("memtotal", Kind::Int8, "Bytes of all of them.", |store, _| {
            (store.size * (store.used + store.free)).into()
        }),
    ],
    rows: |view| Cow::Owned(stores(view)),
};

/// Running, paused, stopping.
pub(in crate::console) static STATE: Table<(&'static str, bool)> = Table {
    name: "state",
    about: "Whether the process serves: keys active, paused, suspended and stopping. healing_frozen \
            is yes after FREEZE.",
    columns: &[
        Column::new("key", Kind::Text, "The state.", |line, _| line.0.into()),
        Column::new("value", Kind::Text, "yes or no.", |line, _| {
            if line.1 { "yes".into() } else { "no".into() }
        }),
    ],
    rows: |view| {
        let paused = view.holds.is_everything_paused();
        Cow::Owned(vec![
            ("active", !paused && !view.stopping),
            ("paused", paused),
            ("suspended", false),
            ("stopping", view.stopping),
            ("healing_frozen", view.snapshot.healing.frozen > 0),
        ])
    },
};

/// The version.
pub(in crate::console) static VERSION: Table<()> = Table {
    name: "version",
    about: "The program and its version.",
    columns: &[Column::new("version", Kind::Text, "As in Weir 1.2.3.", |(), view| {
        view.version.into()
    })],
    rows: |_| Cow::Borrowed(&[()]),
};

fn lists(view: &View<'_>) -> Vec<Count> {
    let pools = &view.snapshot.pools;
    let sum = |of: fn(&PoolRow) -> u32| pools.iter().map(|pool| u64::from(of(pool))).sum();
    let idle: u64 = sum(|pool| pool.view.idle);
    let busy: u64 = sum(|pool| pool.view.active + pool.view.settling + pool.view.checking);
    vec![
        ("databases", view.databases().len() as u64),
        ("users", view.users().len() as u64),
        ("peers", 0),
        ("pools", pools.len() as u64),
        ("peer_pools", 0),
        ("free_clients", 0),
        ("used_clients", sum(|pool| pool.clients)),
        ("login_clients", view.logins),
        ("free_servers", 0),
        ("used_servers", idle + busy),
        ("dns_names", 0),
        ("dns_zones", 0),
        ("dns_queries", 0),
        ("dns_pending", 0),
        ("statements", view.snapshot.statements),
    ]
}

fn stores(view: &View<'_>) -> Vec<Store> {
    let process = Store { name: "process", size: view.resident_bytes, used: 1, free: 0 };
    view.snapshot.stores.iter().copied().chain([process]).collect()
}
