//! A transaction that is lost while no server connection holds it: evicted, or refused at its
//! first statement. The client sees what PostgreSQL shows in a failed transaction, but for two
//! things where it was evicted: each statement is told why, and COMMIT is an error.

use weir_wire::build;
use weir_wire::error::{Report, SqlState};
use weir_wire::frame::{Malformed, frontend};
use weir_wire::message::{Bind, Parse, Query, Target, TargetKind, TransactionStatus};
use weir_wire::sql::{self, Effect, Facts, Verb};

use crate::session::client::{INSPECT_MAX, Message, Progress};
use crate::session::extended::too_many_statements;
use crate::session::state::{
    CloseReason, Context, Ending, Failure, Fault, Local, Lost, Notice, Session, Skip,
};

/// A `ParameterDescription` of a statement without parameters.
const NO_PARAMETERS: &[u8] = b"t\0\0\0\x06\0\0";

impl Session {
    /// A message inside a lost transaction: its end is accepted, all else is an error.
    #[inline(never)]
    pub(super) fn failed_message(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
    ) -> Result<Progress, Fault> {
        match message.header.tag {
            frontend::TERMINATE => return Ok(Progress::Close(CloseReason::Goodbye)),
            frontend::COPY_DATA | frontend::COPY_DONE | frontend::COPY_FAIL | frontend::FLUSH => {
                return Ok(self.drop_message(message));
            }
            _ => {}
        }
        let Some(body) = message.body() else {
            return if message.header.total_len() > INSPECT_MAX {
                self.failed_statement(cx, message, message.header.tag == frontend::QUERY)
            } else {
                Ok(Progress::More)
            };
        };
        match message.header.tag {
            frontend::QUERY => self.failed_query(cx, message, body),
            frontend::FUNCTION_CALL => self.failed_statement(cx, message, true),
            frontend::PARSE => self.failed_parse(cx, message, body),
            frontend::BIND => self.failed_bind(cx, message, body),
            frontend::DESCRIBE | frontend::EXECUTE if !self.is_ending() => {
                self.failed_statement(cx, message, false)
            }
            frontend::DESCRIBE => {
                let out = cx.to_client.own(message.input);
                if Target::parse(body).map_err(Fault::Client)?.kind == TargetKind::Statement {
                    out.extend_from_slice(NO_PARAMETERS);
                }
                build::no_data(out);
                Ok(Progress::Taken(message.present()))
            }
            frontend::EXECUTE => {
                if self.end_failed(cx.to_client.own(message.input))? == Ended::WithError {
                    self.skip = Skip::UntilSync;
                }
                Ok(Progress::Taken(message.present()))
            }
            frontend::CLOSE => {
                let target = Target::parse(body).map_err(Fault::Client)?;
                if target.kind == TargetKind::Statement {
                    self.close_without_server(cx, target.name);
                }
                build::close_complete(cx.to_client.own(message.input));
                Ok(Progress::Taken(message.present()))
            }
            frontend::SYNC => {
                build::ready_for_query(cx.to_client.own(message.input), self.local_status());
                Ok(Progress::Taken(message.present()))
            }
            tag => Err(Fault::Client(Malformed::Unexpected(tag))),
        }
    }

    fn failed_query(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
        body: &[u8],
    ) -> Result<Progress, Fault> {
        let text = Query::parse(body).map_err(Fault::Client)?.text;
        let facts = cx.shared.statements.look(text).facts;
        let ending = self.ending(text, facts);
        if ending == Some(Ending::Rollback) && facts.statements > 1 {
            // PostgreSQL warns that there is no transaction, and does the rest.
            self.local = Local::Idle;
            return self.query(cx, message);
        }
        if ending.is_none() {
            return self.failed_statement(cx, message, true);
        }
        self.set_ending(ending);
        let out = cx.to_client.own(message.input);
        self.end_failed(out)?;
        build::ready_for_query(out, TransactionStatus::Idle);
        Ok(Progress::Taken(message.present()))
    }

    /// Ends the lost transaction as its client wants it. A failed one answers COMMIT with
    /// `ROLLBACK`, as PostgreSQL does; an evicted one with an error, and is over, as when COMMIT
    /// itself fails in PostgreSQL.
    fn end_failed(&mut self, out: &mut Vec<u8>) -> Result<Ended, Fault> {
        let Local::Failed(failure) = std::mem::take(&mut self.local) else {
            return Ok(Ended::WithTag);
        };
        match (failure.cause, failure.ending) {
            (Lost::Evicted, Some(Ending::Commit)) => {
                let hint = "Nothing was committed. Repeat the transaction.".into();
                let notice = Notice { hint, ..failure.notice };
                build::error_response(out, &notice.report(false));
                Ok(Ended::WithError)
            }
            (Lost::Evicted | Lost::Refused, _) => {
                build::command_complete(out, b"ROLLBACK")?;
                Ok(Ended::WithTag)
            }
        }
    }

    fn failed_parse(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
        body: &[u8],
    ) -> Result<Progress, Fault> {
        let parse = Parse::parse(body).map_err(Fault::Client)?;
        let facts = cx.shared.statements.look(parse.text).facts;
        let ending = self.ending(parse.text, facts).filter(|_| facts.statements == 1);
        if ending.is_none() {
            return self.failed_statement(cx, message, false);
        }
        if !cx.shared.statements.make_room(parse.text, parse.types) {
            return Ok(too_many_statements(cx, message.input));
        }
        self.close_without_server(cx, parse.name);
        let scope = cx.shared.statements.scope(&self.overrides);
        let id = cx.shared.statements.retain(parse.text, parse.types, scope);
        if parse.name.is_empty() {
            self.unnamed = Some(id);
        } else {
            let names = self.names_mut(&cx.shared.statements);
            names.define(parse.name, id);
            names.confirm(&mut cx.shared.statements);
        }
        self.set_ending(ending);
        build::parse_complete(cx.to_client.own(message.input));
        Ok(Progress::Taken(message.present()))
    }

    fn failed_bind(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
        body: &[u8],
    ) -> Result<Progress, Fault> {
        let bind = Bind::parse(body).map_err(Fault::Client)?;
        let statement = self.meaning(bind.statement).and_then(|id| cx.shared.statements.get(id));
        let ending = statement.and_then(|s| self.ending(&s.text, s.facts));
        if ending.is_none() {
            return self.failed_statement(cx, message, false);
        }
        self.set_ending(ending);
        build::bind_complete(cx.to_client.own(message.input));
        Ok(Progress::Taken(message.present()))
    }

    /// Answers a statement with the reason.
    fn failed_statement(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
        simple: bool,
    ) -> Result<Progress, Fault> {
        let out = cx.to_client.own(message.input);
        if let Local::Failed(failure) = &self.local {
            write_failure(out, failure);
        }
        if simple {
            build::ready_for_query(out, TransactionStatus::Failed);
        } else {
            self.skip = Skip::UntilSync;
        }
        Ok(self.drop_message(message))
    }

    fn is_ending(&self) -> bool {
        matches!(&self.local, Local::Failed(failure) if failure.ending.is_some())
    }

    fn set_ending(&mut self, ending: Option<Ending>) {
        if let Local::Failed(failure) = &mut self.local {
            failure.ending = ending;
        }
    }

    /// Whether `text` ends the lost transaction by its first statement, and how. A refused
    /// transaction is ended by a statement on its own.
    fn ending(&self, text: &[u8], facts: Facts) -> Option<Ending> {
        let Local::Failed(failure) = &self.local else { return None };
        // Statements that begin with these words do something first of all: the first effect of
        // the text is the first statement's.
        let ends = [Verb::Commit, Verb::End, Verb::Rollback, Verb::Abort, Verb::Prepare];
        let first = ends.contains(&facts.first).then(|| sql::effects(text).next())??;
        match (failure.cause, first) {
            (Lost::Evicted, Effect::Commit { .. } | Effect::PrepareTransaction) => {
                Some(Ending::Commit)
            }
            (Lost::Refused, Effect::Commit { chain: false }) if facts.statements == 1 => {
                Some(Ending::Commit)
            }
            (Lost::Evicted | Lost::Refused, Effect::Rollback { chain: false }) => {
                Some(Ending::Rollback)
            }
            _ => None,
        }
    }
}

/// How a lost transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    WithTag,
    WithError,
}

fn write_failure(out: &mut Vec<u8>, failure: &Failure) {
    match failure.cause {
        Lost::Evicted => build::error_response(out, &failure.notice.report(false)),
        Lost::Refused => {
            let report = Report::error(
                SqlState::IN_FAILED_TRANSACTION,
                "current transaction is aborted, commands ignored until end of transaction block",
            )
            .with_detail(&failure.notice.message);
            build::error_response(out, &report);
        }
    }
}
