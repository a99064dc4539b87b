//! The reference order service: both versions of the story's two endpoints.
//!
//! The *problem* version keeps the causes of the incident on purpose and says so at each; the
//! *optimised* one has the right form of each. They share the schema's first step, the innocent
//! routes' answers, the health probe and the receiver's client, and nothing else.
//!
//! An ordinary user of a database: it knows nothing of what stands between it and PostgreSQL.

mod body;
mod catalogue;
pub mod command;
mod contradictions;
pub mod database;
mod error;
mod health;
mod housekeeping;
mod migrate;
mod money;
mod notify;
mod optimised;
mod problem;
mod request_id;
mod seed;
mod serve;
pub mod settings;

pub use migrate::migrate;
pub use money::{Money, NotMoney};
pub use seed::{Size, seed};
pub use serve::serve;
