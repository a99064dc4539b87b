//! Tests of the pool: each rule by one small story, told to a [`Bench`].

mod bench;
mod dials;
mod grants;
