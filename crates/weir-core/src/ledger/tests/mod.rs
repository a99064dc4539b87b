//! The law of conservation over random events, classes found late, and bounds.

mod bounds;
mod law;
mod stories;
