//! A tower layer for services that use a database.
//!
//! Three things go wrong when a service loses its connections, and this crate answers each:
//!
//! 1. *Nobody knows which code held the connection.* Inside [`RequestLayer`] every statement can be
//!    tagged with its route, as an SQL comment that pools, logs and `pg_stat_activity` show
//!    ([`tag()`], and [`tagged`] for sqlx).
//! 2. *A request ended, its connection did not come back.* What is taken through [`Checkout`]
//!    belongs to the request. When the response has been sent, or the client has gone, whatever
//!    was leaked (moved to a spawned task, kept in a map, forgotten in a channel) is taken back and
//!    counted ([`Stats`]).
//! 3. *Somebody's API was called inside a transaction.* Mark such calls with [`outside_call`]; with
//!    a transaction held they are warned about or refused ([`OutsideCalls`]).
//!
//! ```
//! use weir_tower::{Checkout, Holds, OutsideCalls, RequestLayer, tag};
//!
//! let layer = RequestLayer::new(|head| format!("{} {}", head.method, head.uri.path()))
//!     .outside_calls(OutsideCalls::Refuse);
//! let stats = layer.stats();
//! // Router::new().route(…).layer(layer)
//!
//! // Outside a request nothing is added and nothing is tracked.
//! assert_eq!(tag("SELECT 1"), "SELECT 1");
//! let mut held = Checkout::new("a connection", Holds::Connection);
//! assert_eq!(*held.borrow().unwrap(), "a connection");
//! assert_eq!(stats.snapshot().checkouts, 0);
//! ```
//!
//! Absent on purpose: a pool, a runtime, a web framework. The context is a tokio task-local, so a
//! spawned task is outside it unless it is run in [`RequestContext::scope`].

mod body;
mod checkout;
mod context;
mod layer;
mod outside;
#[cfg(feature = "sqlx")]
mod sqlx_support;
mod stats;
mod tag;

pub use body::TrackedBody;
pub use checkout::{Checkout, Holds, InUse, TakenBack};
pub use context::{RequestContext, tag};
pub use layer::{RequestHead, RequestLayer, RequestService, ResponseFuture};
pub use outside::{OutsideCallRefused, OutsideCalls, outside_call};
#[cfg(feature = "sqlx")]
pub use sqlx_support::tagged;
pub use stats::{Counts, Stats};
pub use tag::{append, comment};
