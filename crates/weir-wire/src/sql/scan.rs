//! The scan of a text: statement by statement, what matters to a transaction pooler.
//!
//! Seen is what the text itself says. Not seen is what a function or a trigger does inside the
//! server, apart from the built-in functions listed in `calls.rs`; that a table is temporary
//! because `pg_temp` comes first in `search_path`; and what a session only reads (`currval`).

use super::access::access;
use super::calls;
use super::cursor::Cursor;
use super::effect::Effect;
use super::flags::{Facts, Flags};
use super::head::{Head, head, names_temp_schema};
use super::keyword::KeySet;
use super::lex::{Kind, Token};
use super::verb::Verb;

/// The summary of `text`. Linear in its length, without allocation; the same for all texts of one
/// [`super::template`].
#[must_use]
pub fn facts(text: &[u8]) -> Facts {
    let access = access(text);
    let mut facts = Facts { flags: Flags::NONE, statements: 0, first: Verb::None, access };
    for event in Scan::new(text) {
        match event {
            Event::Statement(verb) => {
                if facts.statements == 0 {
                    facts.first = verb;
                }
                facts.statements = facts.statements.saturating_add(1);
            }
            Event::Effect(effect) => facts.flags |= effect.flag(),
        }
    }
    facts
}

/// What the statements of `text` do, in order. Linear in its length, without allocation.
#[must_use]
pub fn effects(text: &[u8]) -> Effects<'_> {
    Effects { scan: Scan::new(text) }
}

/// An iterator over the effects of a text; see [`effects`].
#[derive(Debug, Clone)]
pub struct Effects<'a> {
    scan: Scan<'a>,
}

impl<'a> Iterator for Effects<'a> {
    type Item = Effect<'a>;

    fn next(&mut self) -> Option<Effect<'a>> {
        self.scan.find_map(|event| match event {
            Event::Statement(_) => None,
            Event::Effect(effect) => Some(effect),
        })
    }
}

#[derive(Debug, Clone, Copy)]
enum Event<'a> {
    Statement(Verb),
    Effect(Effect<'a>),
}

#[derive(Debug, Clone)]
struct Scan<'a> {
    cursor: Cursor<'a>,
    statement: Option<Statement<'a>>,
}

/// A statement that is being passed through.
#[derive(Debug, Clone)]
struct Statement<'a> {
    head: Head<'a>,
    /// Open parentheses: a semicolon inside (`CREATE RULE`) ends no statement.
    depth: usize,
    /// Open `BEGIN ATOMIC` and `CASE` of a routine's body.
    blocks: usize,
}

impl<'a> Scan<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { cursor: Cursor::new(text), statement: None }
    }

    /// Begins the next statement that is not empty.
    fn begin(&mut self) -> Option<Event<'a>> {
        while self.cursor.eat_kind(Kind::Punct(b';')) {}
        self.cursor.token()?;
        let head = head(self.cursor);
        self.statement = Some(Statement { head, depth: 0, blocks: 0 });
        Some(Event::Statement(head.verb))
    }
}

impl<'a> Iterator for Scan<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        let Some(statement) = &mut self.statement else { return self.begin() };
        if let Some(effect) = statement.head.effects.iter_mut().find_map(Option::take) {
            return Some(Event::Effect(effect));
        }
        while let Some(token) = self.cursor.token() {
            self.cursor.advance();
            match token.kind {
                Kind::Word | Kind::Quoted => {
                    if let Some(effect) = statement.word(token, &mut self.cursor) {
                        return Some(Event::Effect(effect));
                    }
                }
                Kind::Punct(b'(') => statement.depth += 1,
                Kind::Punct(b')') => statement.depth = statement.depth.saturating_sub(1),
                Kind::Punct(b';') if statement.is_outside() => {
                    self.statement = None;
                    return self.begin();
                }
                Kind::String
                | Kind::Dollar
                | Kind::Number
                | Kind::Parameter
                | Kind::Operator
                | Kind::Punct(_)
                | Kind::Comment
                | Kind::Other => {}
            }
        }
        // A label called `case` hides the end of a routine, and with it what comes after.
        let is_hidden = std::mem::take(&mut statement.blocks) > 0;
        is_hidden.then_some(Event::Effect(Effect::SessionFunction))
    }
}

impl<'a> Statement<'a> {
    fn is_outside(&self) -> bool {
        self.depth == 0 && self.blocks == 0
    }

    /// A routine's body may be `BEGIN ATOMIC … END`, with `CASE … END` inside.
    fn count_blocks(&mut self, token: Token<'_>, next: &Cursor<'_>) {
        let opens = if self.blocks == 0 {
            token.is(b"begin") && next.is(b"atomic")
        } else {
            token.is(b"case")
        };
        if opens {
            self.blocks += 1;
        } else if token.is(b"end") {
            self.blocks = self.blocks.saturating_sub(1);
        }
    }

    /// What the word `token` does, with what comes `next`.
    #[inline]
    fn word(&mut self, token: Token<'a>, next: &mut Cursor<'a>) -> Option<Effect<'a>> {
        let is_seen = self.head.is_routine
            || next.is_kind(Kind::Punct(b'('))
            || MEANT.contains(token.key())
            || token.kind == Kind::Quoted && calls::is_escaped(token, next.token());
        if is_seen { self.seen_word(token, next) } else { None }
    }

    fn seen_word(&mut self, token: Token<'a>, next: &mut Cursor<'a>) -> Option<Effect<'a>> {
        if self.head.is_routine {
            self.count_blocks(token, next);
        }
        if !self.head.calls {
            return None;
        }
        if calls::is_escaped(token, next.token()) {
            return Some(Effect::SessionFunction);
        }
        if token.is(b"insert") || token.is(b"merge") {
            // This `INTO` names a table that exists.
            next.eat(b"into");
            return None;
        }
        if next.is_kind(Kind::Punct(b'(')) {
            return calls::call(token, *next);
        }
        if token.is(b"into") {
            return into(*next);
        }
        if token.is(b"update") && calls::names_settings_view(*next) {
            return Some(Effect::SetConfig { name: None, value: None, local: Some(false) });
        }
        if token.is(b"as") && next.is(b"execute") {
            return executed(*next);
        }
        None
    }
}

/// Words that may mean something anywhere in a statement, calls apart.
static MEANT: KeySet<5> = KeySet::new(["into", "update", "as", "insert", "merge"]);

/// `SELECT … INTO` a temporary table; it has no `ON COMMIT`.
fn into(mut next: Cursor<'_>) -> Option<Effect<'_>> {
    next.eat_any(&[b"local", b"global"]);
    let is_temp = next.eat_any(&[b"temp", b"temporary"]) || {
        next.eat(b"table");
        names_temp_schema(&next)
    };
    is_temp.then_some(Effect::CreateTemp { on_commit_drop: false })
}

/// `CREATE TABLE … AS EXECUTE name`.
fn executed(mut next: Cursor<'_>) -> Option<Effect<'_>> {
    next.advance();
    next.name().map(|name| Effect::Execute { name })
}
