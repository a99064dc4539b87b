//! Names for things that could be swapped if they were plain numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

id! {
    /// A client connection: its place in the slab of the worker that owns it.
    ClientId
}
id! {
    /// A server connection: its place in the slab of the worker that owns it.
    ServerId
}
id! {
    /// A pool (one for each database and user) of one worker.
    PoolId
}
id! {
    /// One attempt to open a server connection.
    DialId
}

id! {
    /// A class: the unit of fairness, by default a route. Zero is what has no name yet.
    ClassId
}

id! {
    /// The slots one PostgreSQL server can give one worker; the pools on that server draw on it.
    BudgetId
}

/// A place in a wait queue. Unique for the life of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// A backend of PostgreSQL, by its process id on the server.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Pid(pub i32);

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
