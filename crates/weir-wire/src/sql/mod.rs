//! What a pooler must know of an SQL text, without parsing SQL: its effects on the session and the
//! transaction, its fingerprint, and the tags in its comments.

mod access;
mod attribution;
mod bytes;
mod calls;
mod cursor;
mod edges;
mod effect;
mod fingerprint;
mod flags;
mod head;
mod keyword;
mod levels;
pub mod lex;
mod name;
mod normal;
mod pure;
mod route;
mod sample;
mod scan;
mod set;
mod tags;
mod template;
mod verb;
mod words;

pub use access::Access;
pub use attribution::{Attribution, Sender, VALUE_LEN_MAX};
pub use edges::{Edges, edges, may_have_edges};
pub use effect::{Effect, Scope, SetValue};
pub use fingerprint::{Fingerprint, fingerprint, normalise};
pub use flags::{Facts, Flags};
pub use name::{IDENTIFIER_LEN_MAX, Name, identifier, literal, setting_name};
pub use route::{ROUTE_LEN_MAX, templated};
pub use sample::Sample;
pub use scan::{Effects, effects, facts};
pub use tags::{KEY_LEN_MAX, Tags, tags};
pub use template::template;
pub use verb::Verb;
