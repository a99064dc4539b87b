//! Python as a tree: the guard before the parser, the parser's one door, walks.

pub(crate) mod ast;
pub(crate) mod guard;
pub(crate) mod lower;
pub(crate) mod visit;
