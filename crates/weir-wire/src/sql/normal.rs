//! The normal form of a text, made token by token.

use super::cursor::Cursor;
use super::levels::Levels;
use super::lex::{Kind, Token};
use super::words::{CONSTANTS, GRAMMAR, Hidden, Keyword, Last, TO, class, hidden_after};

/// Where the normal form goes.
pub(super) trait Sink {
    /// Takes `bytes` as they are.
    fn put(&mut self, bytes: &[u8]);
    /// Takes `bytes` with ASCII letters in lower case.
    fn put_lower(&mut self, bytes: &[u8]);
    /// Nothing more is wanted.
    fn is_full(&self) -> bool;
}

pub(super) struct Normaliser<'a, 's, S> {
    cursor: Cursor<'a>,
    sink: &'s mut S,
    last: Last,
    hidden: Hidden,
    levels: Levels,
    semicolon: bool,
}

impl<'a, 's, S: Sink> Normaliser<'a, 's, S> {
    pub(super) fn new(text: &'a [u8], sink: &'s mut S) -> Self {
        Self {
            cursor: Cursor::new(text),
            sink,
            last: Last::Start,
            hidden: Hidden::None,
            levels: Levels::default(),
            semicolon: false,
        }
    }

    pub(super) fn run(mut self) {
        while let Some(token) = self.cursor.token() {
            if self.sink.is_full() {
                return;
            }
            self.cursor.advance();
            self.token(token);
        }
    }

    #[inline]
    fn token(&mut self, token: Token<'a>) {
        // The rows of VALUES end with whatever is neither a row nor between two.
        if !matches!(token.kind, Kind::Punct(b'(' | b')' | b',')) {
            self.levels.end_rows();
        }
        match token.kind {
            Kind::Word => self.word(token),
            Kind::Quoted => self.quoted(token),
            Kind::String | Kind::Dollar | Kind::Number | Kind::Parameter => self.value(),
            Kind::Operator => self.operator(token),
            Kind::Punct(b'(') => self.open(token),
            Kind::Punct(b'[') => {
                self.write(token.text, self.last == Last::Operator, Last::Joint);
                self.enter(true);
            }
            Kind::Punct(b')' | b']') => {
                self.levels.leave();
                self.write(token.text, false, Last::Operand);
            }
            Kind::Punct(b',') => self.comma(token),
            Kind::Punct(b'.') => self.write(token.text, false, Last::Joint),
            Kind::Punct(b';') => self.end_statement(),
            Kind::Punct(_) | Kind::Other => self.write(token.text, true, Last::Operand),
            Kind::Comment => {}
        }
    }

    /// Writes `bytes` after a space, if one is wanted and fits what was written last.
    #[inline]
    fn write(&mut self, bytes: &[u8], spaced: bool, last: Last) {
        self.separate(spaced);
        self.sink.put(bytes);
        self.last = last;
    }

    #[inline]
    fn separate(&mut self, spaced: bool) {
        if std::mem::take(&mut self.semicolon) {
            self.sink.put(b"; ");
        } else if spaced && !matches!(self.last, Last::Start | Last::Joint) {
            self.sink.put(b" ");
        }
    }

    fn value(&mut self) {
        self.write(b"?", true, Last::Operand);
    }

    fn quoted(&mut self, token: Token<'a>) {
        if self.takes_hidden() { self.value() } else { self.write(token.text, true, Last::Name) }
    }

    #[inline]
    fn word(&mut self, token: Token<'a>) {
        let at_start = self.last == Last::Start;
        let key = token.key();
        if self.hidden != Hidden::None && !GRAMMAR.contains(key) && self.takes_hidden() {
            return self.value();
        }
        if self.wants_operand() && CONSTANTS.contains(key) {
            return self.value();
        }
        if self.hidden == Hidden::Values && key == TO {
            self.hidden = Hidden::All;
        }
        if at_start {
            self.hidden = hidden_after(key);
        }
        self.separate(true);
        self.sink.put_lower(token.text);
        self.last = class(key);
        if self.last == Last::Keyword(Keyword::Values) {
            self.levels.begin_rows();
        }
    }

    /// Whether a name at this place is not to be shown.
    fn takes_hidden(&mut self) -> bool {
        match self.hidden {
            Hidden::None | Hidden::Values => false,
            Hidden::All => true,
            Hidden::Next => {
                self.hidden = Hidden::None;
                true
            }
        }
    }

    /// Whether a sign here belongs to what follows.
    fn wants_operand(&self) -> bool {
        match self.last {
            Last::Joint | Last::Operator => true,
            Last::Start | Last::Keyword(_) | Last::Name | Last::Operand => false,
        }
    }

    fn operator(&mut self, token: Token<'a>) {
        if token.text == b"::" {
            return self.write(token.text, false, Last::Joint);
        }
        let is_sign = matches!(token.text, b"-" | b"+")
            && (self.wants_operand() || matches!(self.last, Last::Keyword(_)))
            && (self.cursor.is_kind(Kind::Number) || self.cursor.is_kind(Kind::Parameter));
        if is_sign {
            return;
        }
        if self.hidden == Hidden::Values && token.text == b"=" {
            self.hidden = Hidden::All;
        }
        self.write(token.text, true, Last::Operator);
    }

    fn open(&mut self, token: Token<'a>) {
        let is_list = self.last == Last::Keyword(Keyword::In);
        self.write(token.text, self.last != Last::Name, Last::Joint);
        self.enter(is_list);
    }

    /// Enters a bracket; in a list the first constant is shown.
    fn enter(&mut self, is_list: bool) {
        self.levels.enter(is_list);
        if is_list && after_constant(self.cursor).is_some() {
            self.levels.show_constant();
        }
    }

    fn comma(&mut self, token: Token<'a>) {
        if self.levels.in_rows() && self.cursor.is_kind(Kind::Punct(b'(')) {
            self.cursor.skip_group();
            return;
        }
        if self.levels.in_list()
            && let Some(after) = after_constant(self.cursor)
        {
            if self.levels.shows_constant() {
                self.cursor = after;
                return;
            }
            self.levels.show_constant();
        }
        self.write(token.text, false, Last::Operator);
    }

    fn end_statement(&mut self) {
        self.semicolon |= self.last != Last::Start;
        self.last = Last::Start;
        self.hidden = Hidden::None;
    }
}

/// Where an element of a list ends, if it is made of constants alone: `-1`, `'x'::date`,
/// `DATE 'x'`, `(1, NULL)`.
fn after_constant(mut cursor: Cursor<'_>) -> Option<Cursor<'_>> {
    let mut depth = 0_usize;
    let mut in_type = false;
    let start = cursor.token()?.start;
    while let Some(token) = cursor.token() {
        cursor.advance();
        match token.kind {
            Kind::String | Kind::Dollar | Kind::Number | Kind::Parameter | Kind::Comment => {}
            Kind::Operator => in_type = token.text == b"::",
            Kind::Word | Kind::Quoted if in_type => {}
            Kind::Word if is_constant_word(token, &cursor) => {}
            Kind::Punct(b'(' | b'[') => depth += 1,
            Kind::Punct(b')' | b']') if depth > 0 => depth -= 1,
            Kind::Punct(b',') if depth > 0 => in_type = false,
            Kind::Punct(b'.') if in_type => {}
            Kind::Word | Kind::Quoted | Kind::Punct(_) | Kind::Other => return None,
        }
        let ends = cursor.token().is_some_and(|next| {
            matches!(next.kind, Kind::Punct(b',' | b')' | b']')) && next.start > start
        });
        if depth == 0 && ends {
            return Some(cursor);
        }
    }
    None
}

fn is_constant_word(token: Token<'_>, next: &Cursor<'_>) -> bool {
    CONSTANTS.contains(token.key()) || token.is(b"default") || next.is_kind(Kind::String)
}
