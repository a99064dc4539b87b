//! What a pooler must know of an SQL text, without parsing SQL: its effects on the session and the
//! transaction, its fingerprint, and the tags in its comments.

mod calls;
mod cursor;
mod effect;
mod fingerprint;
mod flags;
mod head;
mod levels;
pub mod lex;
mod name;
mod normal;
mod scan;
mod set;
mod verb;

pub use effect::{Effect, Scope, SetValue};
pub use fingerprint::{Fingerprint, fingerprint, normalise};
pub use flags::{Facts, Flags};
pub use name::{IDENTIFIER_LEN_MAX, Name, identifier, literal, setting_name};
pub use scan::{Effects, effects, facts};
pub use verb::Verb;
