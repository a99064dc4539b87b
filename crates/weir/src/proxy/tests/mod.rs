//! Logins and dials over real sockets on loopback, against scripted peers and real servers.

mod auth;
mod basic;
mod client;
mod dial;
mod dial_tls;
mod door;
mod opening;
mod passthrough;
mod server;
mod tls;
mod world;
