//! What the tests and the demo share: private PostgreSQL servers, proxies as child processes, and
//! environments for real clients. Everything blocks, and everything started here ends with the
//! process that started it, however that process ends.

mod account;
mod bouncer;
mod clients;
mod cluster;
mod dirs;
mod fetch;
mod find;
mod keeper;
mod post;
mod proxy;
mod run;
mod server;
mod session;
#[cfg(feature = "tls")]
mod tls;
mod wait;

pub use account::Account;
pub use bouncer::PgBouncer;
pub use clients::{Node, PIP_PATIENCE, Python};
pub use dirs::Scratch;
pub use find::{Installation, Version, Want};
pub use keeper::{Kept, Launch, Parting};
pub use post::Post;
pub use proxy::Weir;
pub use run::{output, output_within, run};
pub use rustix::process::Signal;
pub use server::{Auth, Options, PgServer, Stop};
pub use session::{Rows, Session, SqlError, cancel};
#[cfg(feature = "tls")]
pub use tls::{Certificates, Pem};
pub use wait::until;
