//! What happens on the server and in the proxy, as plain data: the input of [`crate::diagnosis`].
//!
//! | file | job |
//! | --- | --- |
//! | `statement` | a statement without its values |

mod statement;

pub use statement::Statement;
