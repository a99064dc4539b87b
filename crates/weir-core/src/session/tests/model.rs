//! A small PostgreSQL: enough of the protocol and of SQL to tell whether a pooler is noticed.
//!
//! Settings, channels and temporary tables are transactional, with savepoints; advisory locks and
//! prepared statements are not. `show mine` tells all that a session has, so that whatever leaks
//! from one client to another is read. Errors name no statements: those have other names behind
//! the pooler.

use std::collections::{BTreeMap, BTreeSet};

use weir_wire::build;
use weir_wire::error::{Report, SqlState};
use weir_wire::frame::{HEADER_LEN, Header};
use weir_wire::message::{Bind, Execute, Parse, Query, Target, TargetKind, TransactionStatus};

use super::words::{describe_client, describe_server, take};
use crate::session::inquiry;
use crate::session::server::Suspects;

/// What a transaction can take back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) settings: BTreeMap<String, String>,
    local: BTreeMap<String, String>,
    pub(super) channels: BTreeSet<String>,
    pub(super) temps: BTreeSet<String>,
    /// Rows of a table, each with a number of its own.
    pub(super) rows: BTreeSet<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transaction {
    None,
    Implicit,
    Explicit,
    Failed,
}

/// One backend.
#[derive(Debug)]
pub(super) struct Model {
    /// What it is called in the account of a run.
    name: String,
    inbox: Vec<u8>,
    /// What it has said.
    pub(super) out: Vec<u8>,
    pub(super) held: Held,
    pub(super) locks: BTreeSet<String>,
    before: Held,
    saves: Vec<(String, Held)>,
    transaction: Transaction,
    pub(super) statements: BTreeMap<Vec<u8>, Prepared>,
    unnamed: Option<String>,
    portals: BTreeMap<Vec<u8>, String>,
    skipping: bool,
    copy: Option<Copy>,
    /// The name that was taken.
    taken: String,
    /// Rows inserted so far.
    inserted: u64,
}

/// A prepared statement.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    text: String,
    pub(super) by_sql: bool,
}

/// COPY data is being read.
#[derive(Debug)]
struct Copy {
    rows: u32,
    /// What of the simple query comes afterwards; `None` in the extended protocol.
    rest: Option<Vec<String>>,
}

type Outcome = Result<(), (SqlState, &'static str)>;

const ABORTED: (SqlState, &str) = (SqlState::IN_FAILED_TRANSACTION, "transaction is aborted");
const SYNTAX: (SqlState, &str) = (SqlState::SYNTAX_ERROR, "syntax error");
const NO_STATEMENT: (SqlState, &str) = (SqlState::INVALID_STATEMENT_NAME, "no such statement");

impl Model {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            inbox: Vec::new(),
            out: Vec::new(),
            held: Held::default(),
            locks: BTreeSet::new(),
            before: Held::default(),
            saves: Vec::new(),
            transaction: Transaction::None,
            statements: BTreeMap::new(),
            unnamed: None,
            portals: BTreeMap::new(),
            skipping: false,
            copy: None,
            taken: String::new(),
            inserted: 0,
        }
    }

    /// Nothing is under way, and no transaction is open.
    pub(super) fn is_idle(&self) -> bool {
        self.inbox.is_empty()
            && self.out.is_empty()
            && self.transaction == Transaction::None
            && !self.skipping
            && self.copy.is_none()
    }

    /// The rows of the transaction under way.
    pub(super) fn uncommitted(&self) -> BTreeSet<u64> {
        match self.transaction {
            Transaction::None => BTreeSet::new(),
            Transaction::Implicit | Transaction::Explicit | Transaction::Failed => {
                self.held.rows.difference(&self.before.rows).copied().collect()
            }
        }
    }

    /// Takes bytes from the client.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        self.inbox.extend_from_slice(bytes);
        while let Some(header) = Header::parse(&self.inbox).unwrap() {
            if self.inbox.len() < header.total_len() {
                break;
            }
            let message: Vec<u8> = self.inbox.drain(..header.total_len()).collect();
            let (said, before) =
                (describe_client(header.tag, &message[HEADER_LEN..]), self.out.len());
            self.message(header.tag, &message[HEADER_LEN..]);
            let heard = take(&mut self.out[before..].to_vec(), describe_server);
            println!("{}: {said}  =>  {heard}", self.name);
        }
    }

    fn message(&mut self, tag: u8, body: &[u8]) {
        if self.copy.is_some() && self.copy_message(tag, body) {
            return;
        }
        if self.skipping && tag != b'S' {
            return;
        }
        match tag {
            b'Q' => self.query(body),
            b'S' => self.sync(),
            b'H' | b'd' | b'c' | b'f' | b'X' => {}
            tag => {
                if self.transaction == Transaction::None {
                    self.start();
                }
                if let Err(error) = self.extended(tag, body) {
                    self.fail(error);
                    self.skipping = true;
                }
            }
        }
    }

    fn extended(&mut self, tag: u8, body: &[u8]) -> Outcome {
        match tag {
            b'P' => self.parse(&Parse::parse(body).unwrap()),
            b'B' => self.bind(&Bind::parse(body).unwrap()),
            b'D' => self.describe(&Target::parse(body).unwrap()),
            b'C' => {
                let target = Target::parse(body).unwrap();
                match (target.kind, target.name) {
                    (TargetKind::Portal, name) => drop(self.portals.remove(name)),
                    (TargetKind::Statement, b"") => self.unnamed = None,
                    (TargetKind::Statement, name) => drop(self.statements.remove(name)),
                }
                build::close_complete(&mut self.out);
                Ok(())
            }
            b'E' => {
                let portal = Execute::parse(body).unwrap().portal.to_vec();
                let missing = (SqlState::INVALID_CURSOR_NAME, "no such portal");
                let text = self.portals.get(&portal).cloned().ok_or(missing)?;
                self.execute(&text, None)
            }
            tag => panic!("client message {}", char::from(tag)),
        }
    }

    fn parse(&mut self, parse: &Parse<'_>) -> Outcome {
        let text = String::from_utf8(parse.text.to_vec()).unwrap();
        if parse.name.is_empty() {
            self.unnamed = None;
        }
        self.check(&text)?;
        if parse.name.is_empty() {
            self.unnamed = Some(text);
        } else if self.statements.contains_key(parse.name) {
            self.taken = String::from_utf8(parse.name.to_vec()).unwrap();
            return Err((SqlState::DUPLICATE_PREPARED_STATEMENT, ""));
        } else {
            self.statements.insert(parse.name.into(), Prepared { text, by_sql: false });
        }
        build::parse_complete(&mut self.out);
        Ok(())
    }

    fn bind(&mut self, bind: &Bind<'_>) -> Outcome {
        let text = self.text_of(bind.statement)?;
        self.check(&text)?;
        self.portals.insert(bind.portal.into(), text);
        build::bind_complete(&mut self.out);
        Ok(())
    }

    fn describe(&mut self, target: &Target<'_>) -> Outcome {
        let text = match target.kind {
            TargetKind::Statement => self.text_of(target.name)?,
            TargetKind::Portal => {
                let missing = (SqlState::INVALID_CURSOR_NAME, "no such portal");
                self.portals.get(target.name).cloned().ok_or(missing)?
            }
        };
        self.check(&text)?;
        if target.kind == TargetKind::Statement {
            self.out.extend_from_slice(b"t\0\0\0\x06\0\0");
        }
        if has_rows(&text) {
            build::row_description(&mut self.out, &[build::Column::text("c")]).unwrap();
        } else {
            build::no_data(&mut self.out);
        }
        Ok(())
    }

    fn text_of(&self, name: &[u8]) -> Result<String, (SqlState, &'static str)> {
        if name.is_empty() {
            return self.unnamed.clone().ok_or(NO_STATEMENT);
        }
        self.statements.get(name).map(|s| s.text.clone()).ok_or(NO_STATEMENT)
    }

    /// What Parse and Bind check.
    fn check(&self, text: &str) -> Outcome {
        if text.starts_with("bad") || text.starts_with("refused") {
            return Err(SYNTAX);
        }
        let ends = ["commit", "rollback", "ROLLBACK"].iter().any(|word| text.starts_with(word));
        if self.transaction == Transaction::Failed && !ends && !text.is_empty() {
            return Err(ABORTED);
        }
        Ok(())
    }

    fn query(&mut self, body: &[u8]) {
        let text = String::from_utf8(Query::parse(body).unwrap().text.to_vec()).unwrap();
        self.unnamed = None;
        let statements = text.split(';').map(str::trim).filter(|part| !part.is_empty());
        let statements: Vec<_> = statements.map(str::to_owned).collect();
        if statements.is_empty() {
            build::empty_query_response(&mut self.out);
        }
        if statements.iter().any(|text| text.starts_with("bad")) {
            if self.transaction == Transaction::None {
                self.start();
            }
            self.fail(SYNTAX);
            return self.ready();
        }
        self.run(statements);
    }

    fn run(&mut self, statements: Vec<String>) {
        let mut statements = statements.into_iter();
        while let Some(text) = statements.next() {
            if self.transaction == Transaction::None {
                self.start();
            }
            let rest = statements.clone().collect();
            let outcome = self.check(&text).and_then(|()| self.execute(&text, Some(rest)));
            if let Err(error) = outcome {
                self.fail(error);
                break;
            }
            if self.copy.is_some() {
                return;
            }
        }
        if self.transaction == Transaction::Implicit {
            self.end(true);
        }
        self.ready();
    }

    fn sync(&mut self) {
        self.skipping = false;
        if self.transaction == Transaction::Implicit {
            self.end(true);
        }
        self.ready();
    }

    fn ready(&mut self) {
        let status = match self.transaction {
            Transaction::None | Transaction::Implicit => TransactionStatus::Idle,
            Transaction::Explicit => TransactionStatus::InTransaction,
            Transaction::Failed => TransactionStatus::Failed,
        };
        build::ready_for_query(&mut self.out, status);
    }

    fn start(&mut self) {
        self.transaction = Transaction::Implicit;
        self.before = self.held.clone();
    }

    fn end(&mut self, commit: bool) {
        if !commit {
            self.held = self.before.clone();
        }
        self.held.local.clear();
        self.saves.clear();
        self.portals.clear();
        self.transaction = Transaction::None;
    }

    fn fail(&mut self, (code, message): (SqlState, &'static str)) {
        let taken = format!("prepared statement \"{}\" already exists", self.taken);
        let is_taken = code == SqlState::DUPLICATE_PREPARED_STATEMENT;
        let message = if is_taken { &taken } else { message };
        build::error_response(&mut self.out, &Report::error(code, message));
        match self.transaction {
            Transaction::None | Transaction::Implicit => self.end(false),
            Transaction::Explicit | Transaction::Failed => self.transaction = Transaction::Failed,
        }
    }

    /// Takes a message while COPY data is read; `false`: COPY is over, and it is to be dealt with.
    fn copy_message(&mut self, tag: u8, body: &[u8]) -> bool {
        let Some(copy) = &mut self.copy else { return false };
        let error = match tag {
            b'd' if body != b"wrong" => {
                copy.rows += 1;
                return true;
            }
            b'S' | b'H' => return true,
            b'c' => {
                let copy = self.copy.take().unwrap();
                self.done(&format!("COPY {}", copy.rows));
                if let Some(rest) = copy.rest {
                    self.run(rest);
                }
                return true;
            }
            b'd' => (SqlState::PROGRAM_LIMIT_EXCEEDED, "wrong row"),
            b'f' => (SqlState::QUERY_CANCELED, "COPY failed"),
            _ => (SqlState::PROTOCOL_VIOLATION, "not COPY data"),
        };
        let simple = self.copy.take().is_some_and(|copy| copy.rest.is_some());
        self.fail(error);
        if simple {
            self.ready();
        }
        self.skipping = !simple;
        true
    }

    fn done(&mut self, tag: &str) {
        build::command_complete(&mut self.out, tag.as_bytes()).unwrap();
    }

    fn rows(&mut self, simple: bool, rows: &[Vec<String>]) {
        if simple {
            build::row_description(&mut self.out, &[build::Column::text("c")]).unwrap();
        }
        for row in rows {
            let values = row.iter().map(|value| Some(value.as_bytes()));
            build::data_row(&mut self.out, values).unwrap();
        }
    }

    /// Executes one statement. `rest` is what of a simple query follows.
    fn execute(&mut self, text: &str, rest: Option<Vec<String>>) -> Outcome {
        let simple = rest.is_some();
        let words: Vec<&str> = text.split(' ').collect();
        let lower: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
        let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
        if text.is_empty() {
            build::empty_query_response(&mut self.out);
            return Ok(());
        }
        match lower.as_slice() {
            ["select", "'s',", ..] | ["select", "'l',", ..] => self.answer(text),
            ["select", call] if call.starts_with("pg_catalog.set_config(") => {
                let parts: Vec<&str> = words[1].split('\'').collect();
                self.set(parts[1], Some(parts[3]), false);
                self.rows(simple, &[vec![parts[3].to_owned()]]);
                self.done("SELECT 1");
            }
            ["select", call] if call.starts_with("pg_advisory") => {
                let key = call.split('(').nth(1).unwrap().to_owned();
                if call.starts_with("pg_advisory_lock") {
                    self.locks.insert(key);
                } else {
                    self.locks.remove(&key);
                }
                self.rows(simple, &[vec![String::new()]]);
                self.done("SELECT 1");
            }
            ["select", "fail"] => return Err((SqlState::PROGRAM_LIMIT_EXCEEDED, "failed")),
            ["select", value] => {
                self.rows(simple, &[vec![(*value).to_owned()]]);
                self.done("SELECT 1");
            }
            ["show", "mine"] => {
                let visible = (&self.held.settings, &self.held.local);
                let rest = (&self.held.channels, &self.held.temps, &self.locks);
                self.rows(simple, &[vec![format!("{visible:?} {rest:?}")]]);
                self.done("SHOW");
            }
            ["set" | "reset", ..] => return self.setting(&lower, &words),
            ["copy", _, "from", "stdin"] => {
                self.out.extend_from_slice(b"G\0\0\0\x07\0\0\0");
                self.copy = Some(Copy { rows: 0, rest });
            }
            ["copy", _, "to", "stdout"] => {
                self.out.extend_from_slice(b"H\0\0\0\x07\0\0\0d\0\0\0\x07rowc\0\0\0\x04");
                self.done("COPY 1");
            }
            ["execute", name] => {
                let text = self.text_of(unquoted(words[1], name).as_bytes())?;
                self.check(&text)?;
                return self.execute(&text, rest);
            }
            other => return self.command(other, &words),
        }
        Ok(())
    }

    fn setting(&mut self, lower: &[&str], words: &[&str]) -> Outcome {
        match lower {
            ["set", "local", name, "to", value] => {
                self.set(name, Some(value), true);
                self.done("SET");
            }
            ["set", name, "to", _] => {
                self.set(name, Some(words[3]), false);
                self.done("SET");
            }
            ["reset", "all"] => {
                self.held.settings.retain(|name, _| name == "role");
                self.held.local.clear();
                self.done("RESET");
            }
            ["reset", name] => {
                self.set(name, None, false);
                self.done("RESET");
            }
            other => return self.command(other, words),
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: Option<&str>, local: bool) {
        let name = name.trim_matches('"').to_owned();
        self.held.local.remove(&name);
        match value {
            Some(value) if local => drop(self.held.local.insert(name, value.to_owned())),
            Some(value) => drop(self.held.settings.insert(name, value.to_owned())),
            None => drop(self.held.settings.remove(&name)),
        }
    }

    fn command(&mut self, lower: &[&str], words: &[&str]) -> Outcome {
        let explicit = matches!(self.transaction, Transaction::Explicit);
        match lower {
            ["begin"] => {
                self.transaction = Transaction::Explicit;
                self.done("BEGIN");
            }
            ["commit"] | ["rollback"] => {
                let commit = lower[0] == "commit" && self.transaction != Transaction::Failed;
                self.end(commit);
                self.done(if commit { "COMMIT" } else { "ROLLBACK" });
            }
            ["commit", "and", "chain"] => {
                if !matches!(self.transaction, Transaction::Explicit | Transaction::Failed) {
                    return Err((SqlState::NO_ACTIVE_TRANSACTION, "no block"));
                }
                let commit = explicit;
                self.end(commit);
                self.start();
                self.transaction = Transaction::Explicit;
                self.done(if commit { "COMMIT" } else { "ROLLBACK" });
            }
            ["savepoint", name] if explicit => {
                self.saves.push(((*name).to_owned(), self.held.clone()));
                self.done("SAVEPOINT");
            }
            ["rollback", "to", name] => {
                let at = self.saves.iter().rposition(|(save, _)| save == name);
                let at = at.ok_or((SqlState::NO_ACTIVE_TRANSACTION, "no savepoint"))?;
                self.saves.truncate(at + 1);
                self.held = self.saves[at].1.clone();
                self.transaction = Transaction::Explicit;
                self.done("ROLLBACK");
            }
            ["savepoint", _] => return Err((SqlState::NO_ACTIVE_TRANSACTION, "no block")),
            other => return self.session_command(other, words),
        }
        Ok(())
    }

    fn session_command(&mut self, lower: &[&str], words: &[&str]) -> Outcome {
        match lower {
            ["prepare", name, "as", ..] => {
                let text = words[3..].join(" ");
                if self.statements.contains_key(name.as_bytes()) {
                    self.taken = (*name).to_owned();
                    return Err((SqlState::DUPLICATE_PREPARED_STATEMENT, ""));
                }
                self.statements.insert(name.as_bytes().into(), Prepared { text, by_sql: true });
                self.done("PREPARE");
            }
            ["deallocate", "all"] => {
                self.statements.clear();
                self.done("DEALLOCATE ALL");
            }
            ["deallocate", name] => {
                let name = unquoted(words[1], name);
                self.statements.remove(name.as_bytes()).ok_or(NO_STATEMENT)?;
                self.done("DEALLOCATE");
            }
            ["discard", "all"] => {
                if self.transaction == Transaction::Explicit {
                    return Err((SqlState::ACTIVE_TRANSACTION, "in a block"));
                }
                self.statements.clear();
                self.locks.clear();
                let rows = std::mem::take(&mut self.held.rows);
                self.before = Held { rows, ..Held::default() };
                self.held = self.before.clone();
                self.done("DISCARD ALL");
            }
            ["insert", "row"] => {
                self.inserted += 1;
                self.held.rows.insert(self.inserted);
                self.done("INSERT 0 1");
            }
            ["listen", name] => {
                self.held.channels.insert((*name).to_owned());
                self.done("LISTEN");
            }
            ["unlisten", "*"] => {
                self.held.channels.clear();
                self.done("UNLISTEN");
            }
            ["create", "temp", "table", name] => {
                self.held.temps.insert((*name).to_owned());
                self.done("CREATE TABLE");
            }
            ["drop", "table", name] => {
                let missing = (SqlState::UNDEFINED_OBJECT, "no table");
                self.held.temps.take(*name).ok_or(missing)?;
                self.done("DROP TABLE");
            }
            other => panic!("the model does not know {other:?}"),
        }
        Ok(())
    }

    /// Answers an inquiry of the session's.
    fn answer(&mut self, text: &str) {
        let (mut settings, mut state) = (Suspects::default(), Suspects::default());
        settings.add(Suspects::SETTINGS);
        state.add(Suspects::STATE);
        let mut rows = Vec::new();
        let mut add = |kind: &str, name: &str, value: &str| {
            rows.push(vec![kind.to_owned(), name.to_owned(), value.to_owned()]);
        };
        if text.contains(&inquiry::text(settings)) {
            self.held.settings.iter().for_each(|(name, value)| add("s", name, value));
            add("S", "", "");
        }
        if text.contains(&inquiry::text(state)) {
            self.locks.iter().for_each(|key| add("l", key, ""));
            self.held.channels.iter().for_each(|name| add("n", name, ""));
            self.held.temps.iter().for_each(|name| add("t", name, ""));
            let by_sql = self.statements.values().filter(|statement| statement.by_sql);
            by_sql.for_each(|_| add("p", "", ""));
            add("T", "", "");
        }
        self.rows(true, &rows);
        self.done("SELECT");
    }
}

fn has_rows(text: &str) -> bool {
    text.starts_with("select") || text.starts_with("show")
}

fn unquoted<'a>(raw: &'a str, folded: &'a str) -> &'a str {
    if raw.starts_with('"') { raw.trim_matches('"') } else { folded }
}
