//! Statements and portals of the extended protocol, without parameters and with results as text:
//! what drivers need that know no other way.

use std::collections::{HashMap, VecDeque};

use weir_core::console::{Command, Heading, Hit, Value, event_headings, parse, unsupported};
use weir_core::session::Notice;
use weir_wire::build;
use weir_wire::error::SqlState;
use weir_wire::frame::Body;
use weir_wire::message::{Bind, Parse, Target, TargetKind};

use super::answer::refused;

/// Statements, and portals, that one session may have.
const NAMES_MAX: usize = 64;

/// What a session has prepared.
#[derive(Debug, Default)]
pub(super) struct Extended {
    statements: HashMap<Vec<u8>, Option<Command>>,
    portals: HashMap<Vec<u8>, Portal>,
    /// After an error everything is skipped up to the next Sync.
    pub(super) skipping: bool,
}

/// A statement that is being executed.
#[derive(Debug, Clone)]
pub(super) struct Portal {
    /// What it does; `None` for the empty statement.
    pub(super) command: Option<Command>,
    /// Rows that a row limit held back, and the tag that ends them.
    pub(super) held: Option<(VecDeque<Vec<Value>>, &'static str)>,
}

impl Extended {
    /// Reads a Parse.
    pub(super) fn parse(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<(), Notice> {
        let message = Parse::parse(body).map_err(|error| malformed(&error))?;
        let mut commands = parse(message.text).into_iter();
        let command = commands.next().transpose()?;
        if commands.next().is_some() {
            let text = "cannot insert multiple commands into a prepared statement";
            return Err(refused(SqlState::SYNTAX_ERROR, text));
        }
        room(self.statements.len(), self.statements.contains_key(message.name))?;
        self.statements.insert(message.name.to_vec(), command);
        build::parse_complete(out);
        Ok(())
    }

    /// Reads a Bind.
    pub(super) fn bind(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<(), Notice> {
        let message = Bind::parse(body).map_err(|error| malformed(&error))?;
        check_formats(message.rest)?;
        let command = self.statement(message.statement)?.clone();
        room(self.portals.len(), self.portals.contains_key(message.portal))?;
        self.portals.insert(message.portal.to_vec(), Portal { command, held: None });
        build::bind_complete(out);
        Ok(())
    }

    /// Reads a Describe and answers all but the columns, which are returned; `None`: no data.
    pub(super) fn describe(
        &self,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Vec<Heading>>, Notice> {
        let target = Target::parse(body).map_err(|error| malformed(&error))?;
        let command = match target.kind {
            TargetKind::Statement => {
                let command = self.statement(target.name)?;
                // ParameterDescription: none.
                out.extend_from_slice(b"t\0\0\0\x06\0\0");
                command
            }
            TargetKind::Portal => &self.portal(target.name)?.command,
        };
        Ok(command.as_ref().and_then(headings))
    }

    /// Reads a Close.
    pub(super) fn close(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<(), Notice> {
        let target = Target::parse(body).map_err(|error| malformed(&error))?;
        match target.kind {
            TargetKind::Statement => drop(self.statements.remove(target.name)),
            TargetKind::Portal => drop(self.portals.remove(target.name)),
        }
        build::close_complete(out);
        Ok(())
    }

    /// A Sync ends every portal, as the end of a transaction does.
    pub(super) fn sync(&mut self) {
        self.skipping = false;
        self.portals.clear();
    }

    /// The portal of this name.
    pub(super) fn portal(&self, name: &[u8]) -> Result<&Portal, Notice> {
        self.portals.get(name).ok_or_else(|| {
            let text = format!("portal \"{}\" does not exist", String::from_utf8_lossy(name));
            refused(SqlState::INVALID_CURSOR_NAME, text)
        })
    }

    /// Keeps what a portal has left.
    pub(super) fn hold(&mut self, name: &[u8], rows: VecDeque<Vec<Value>>, tag: &'static str) {
        if let Some(portal) = self.portals.get_mut(name) {
            portal.held = Some((rows, tag));
        }
    }

    fn statement(&self, name: &[u8]) -> Result<&Option<Command>, Notice> {
        self.statements.get(name).ok_or_else(|| {
            let name = String::from_utf8_lossy(name);
            let text = format!("prepared statement \"{name}\" does not exist");
            refused(SqlState::INVALID_STATEMENT_NAME, text)
        })
    }
}

/// The columns a command answers with; `None` when it answers with its tag alone.
pub(super) fn headings(command: &Command) -> Option<Vec<Heading>> {
    match command {
        Command::Show(topic) => Some(topic.table().headings()),
        Command::Parameter(parameter) => Some(vec![parameter.heading()]),
        Command::Heal { .. } => Some(Hit::headings()),
        Command::Incident(_) => Some(event_headings()),
        Command::Help | Command::SetIgnored | Command::Transaction(_) | Command::Operate(_) => None,
    }
}

fn room(count: usize, known: bool) -> Result<(), Notice> {
    if known || count < NAMES_MAX {
        return Ok(());
    }
    let text = format!("a console session has at most {NAMES_MAX} prepared statements");
    Err(refused(SqlState::PROGRAM_LIMIT_EXCEEDED, text))
}

/// Refuses parameters, and results in binary.
fn check_formats(rest: &[u8]) -> Result<(), Notice> {
    let mut body = Body::new(rest);
    let mut read = || -> Result<(bool, bool), weir_wire::frame::Malformed> {
        for _ in 0..body.int16("number of parameter formats")?.cast_unsigned() {
            body.int16("parameter format")?;
        }
        let parameters = body.int16("number of parameters")? != 0;
        let mut binary = false;
        if !parameters {
            for _ in 0..body.int16("number of result formats")?.cast_unsigned() {
                binary |= body.int16("result format")? != 0;
            }
        }
        Ok((parameters, binary))
    };
    match read().map_err(|error| malformed(&error))? {
        (false, false) => Ok(()),
        (true, _) => Err(unsupported(
            "the console takes no parameters",
            "Write the values into the statement.",
        )),
        (false, true) => Err(unsupported(
            "the console sends results as text only",
            "Ask the driver for text results, or for simple queries.",
        )),
    }
}

pub(super) fn malformed(error: &weir_wire::frame::Malformed) -> Notice {
    refused(SqlState::PROTOCOL_VIOLATION, error.to_string())
}
