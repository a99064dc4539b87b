//! Tests of the session as a whole.
//!
//! | file | job |
//! | --- | --- |
//! | `words` | messages as short words, both ways |
//! | `play` | plays a story: who says what, who must see what |
//! | `stories` | the stories, one for each subtle rule |

mod play;
mod stories;
mod words;
