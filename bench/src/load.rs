//! Our own client: many connections on one thread, each transaction timed.

pub(crate) mod bulk;
pub(crate) mod closed;
pub(crate) mod connection;
pub(crate) mod knock;
mod messages;
pub(crate) mod script;
pub(crate) mod tls;
