//! Tests of the session as a whole.
//!
//! | file | job |
//! | --- | --- |
//! | `words` | messages as short words, both ways |
//! | `play` | plays a story: who says what, who must see what |
//! | `evictions` | stories of evictions and closed server connections |
//! | `stories` | the stories, one for each subtle rule |
//! | `model` | a small PostgreSQL |
//! | `script` | random scripts of clients |
//! | `pair` | many clients over few models, through sessions |
//! | `hearing` | what a client hears, judged by itself |
//! | `worlds` | random worlds, against each client by itself |

mod evictions;
mod hearing;
mod model;
mod pair;
mod play;
mod script;
mod stories;
mod words;
mod worlds;
