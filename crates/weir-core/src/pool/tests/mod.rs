//! Tests of the pool: each rule by one small story, told to a [`bench::Bench`].

mod admin;
mod bench;
mod dials;
mod grants;
mod lending;
mod sharing;
mod upkeep;
