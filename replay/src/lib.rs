//! The incident replay: the story's traffic against the order service on a private PostgreSQL, in
//! several set-ups, measured from outside and set out in the story's own table.
//!
//! - [`plan`]: phases, rates and arrivals; the same for the same seed.
//! - [`load`]: open-loop clients with time limits and retries. Arrivals never wait for answers, so
//!   an overloaded system is not flattered by a load that slows down with it.
//! - [`receiver`]: the notification receiver, whose latency the plan sets.
//! - [`sampler`]: what the server looks like, four times a second, over a held connection.
//! - [`books`]: whether database and receiver hold exactly what the clients were told.
//! - [`setup`], [`service`], [`guard`]: the things under test, as processes of their own.
//! - [`run`]: one set-up through all phases; [`figures`]: what came of it; [`report`]: shown.

pub mod books;
pub mod cli;
pub mod figures;
pub mod guard;
pub mod load;
pub mod plan;
pub mod receiver;
pub mod report;
pub mod run;
pub mod sampler;
pub mod service;
pub mod setup;
