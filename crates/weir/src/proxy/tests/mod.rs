//! Logins and dials over real sockets on loopback, against scripted peers and real servers.

mod basic;
mod dial;
mod dial_tls;
mod server;
mod world;
