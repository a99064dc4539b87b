//! A world in which pools are tried: virtual clients, a virtual PostgreSQL, a virtual clock, and
//! a referee who knows the rules.
//!
//! One seed runs the whole world, so a failing seed is a bug report. [`run`] draws a
//! [`Scenario`], plays it and answers with what happened, or with the first [`Violation`] of a
//! rule. The [`Referee`] keeps its own books from what goes into [`crate::pool::Pools`] and what
//! comes out, and compares after every single input.

mod books;
mod order;
mod referee;
mod rules;
mod scenario;
mod world;

#[cfg(test)]
mod tests;

pub use books::{Conn, Phase, Waiting};
pub use referee::{Judged, Referee, Violation};
pub use scenario::{Scenario, Weather};
pub use world::{Outcome, World};

/// Plays the world of `seed` to its end.
///
/// # Errors
/// The first violation of a rule.
pub fn run(seed: u64) -> Result<Outcome, Violation> {
    World::new(&Scenario::draw(seed))?.play()
}
