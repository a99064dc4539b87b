//! What an operator does, from outside: the console by psql and psycopg, signals, HTTP. Each test
//! has a proxy of its own before a real server.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod access;
mod brakes;
mod commands;
mod export;
mod healing;
mod health;
mod history;
mod incidents;
mod intervention;
mod ladder;
mod ledger;
mod lending;
mod load;
mod modes;
mod pause;
mod quarantines;
mod shutdown;
mod stage;
mod stuck;
mod tables;
mod truth;
mod unbooked;
mod untouched;
