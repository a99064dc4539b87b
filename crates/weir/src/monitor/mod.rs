//! The guard: it looks at each PostgreSQL over a connection that it holds, joins what it sees
//! with what the proxy knows, and lets [`weir_core::diagnosis`] say what is wrong. It runs on a
//! thread of its own; losing it stops no query.
//!
//! | file | job |
//! | --- | --- |
//! | `target` | which servers are looked at, and as whom |
//! | `question` | one simple query and its rows |
//! | `line` | the held connection: dial, ask, give up in time |
//! | `watcher` | from answers to pictures and health, also when none comes |
//! | `watchers` | all servers of a configuration, also when that changes |
//! | `guard` | the guard of a running proxy, and what was last seen of each server |
//! | `proxy_side` | the proxy's part of a picture |

pub mod guard;
pub mod line;
mod proxy_side;
mod question;
pub mod target;
pub mod watcher;
pub mod watchers;
