//! One session.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;
use weir_core::config::limits;
use weir_core::console::{
    Command, Hit, Intervention, Operation, event_headings, event_rows, parse, usage,
};
use weir_core::ledger::{OFF, OFF_HINT};
use weir_core::session::Notice;
use weir_wire::build;
use weir_wire::error::SqlState;
use weir_wire::frame::frontend;
use weir_wire::message::{Execute, Query, TransactionStatus};

use super::Order;
use super::answer::{self, Reply, off, refused};
use super::extended::{Extended, malformed};
use super::gather::Gathered;
use super::heal::intervene;
use super::operate::{operate, stuck, undo};
use crate::proxy::chance;
use crate::proxy::conn::{Broken, Conn, Message};
use crate::proxy::login::{Access, Visitor};
use crate::proxy::threads::House;

/// The longest message, in bytes.
#[expect(clippy::cast_possible_truncation, reason = "the bound is a few KiB")]
const MESSAGE_MAX: u32 = limits::CONSOLE_COMMAND_BYTES as u32;

/// Bytes of a cancel key in protocol version 3.2.
const SECRET_LEN: usize = 32;

/// Bytes of answers that are sent together.
const BATCH_BYTES: usize = 64 << 10;

/// Serves one session until it ends.
pub(super) async fn serve(house: Arc<House>, visitor: Visitor, orders: Sender<Order>) {
    // Version 3.0 has room for four bytes.
    let secret = match chance::bytes::<SECRET_LEN>() {
        Ok(secret) if visitor.version.minor() >= 2 => secret.to_vec(),
        Ok(secret) => secret[..4].to_vec(),
        Err(error) => {
            tracing::error!(%error, "no random bytes; a console session is closed");
            return;
        }
    };
    let interrupt = Arc::new(Notify::new());
    let pid = house.console.register(secret.clone(), Arc::clone(&interrupt));
    let mut session = Session {
        house: &house,
        orders,
        conn: visitor.conn,
        access: visitor.access,
        interrupt,
        extended: Extended::default(),
        out: Vec::new(),
    };
    if let Err(broken) = session.run(pid, &secret).await {
        tracing::debug!(client = %visitor.address, user = %visitor.user, "console: {broken}");
    }
    house.console.forget(pid);
    drop(visitor.place);
}

struct Session<'a> {
    house: &'a House,
    orders: Sender<Order>,
    conn: Conn,
    access: Access,
    interrupt: Arc<Notify>,
    extended: Extended,
    out: Vec<u8>,
}

impl Session<'_> {
    async fn run(&mut self, pid: i32, secret: &[u8]) -> Result<(), Broken> {
        self.welcome(pid, secret);
        self.flush().await?;
        loop {
            let message = match self.conn.message(MESSAGE_MAX).await {
                Ok(message) => message,
                Err(Broken::Malformed(error)) => return self.give_up(&malformed(&error)).await,
                Err(broken) => return Err(broken),
            };
            match message.tag {
                frontend::TERMINATE => return Ok(()),
                frontend::QUERY => self.query(&message.body).await?,
                frontend::SYNC => {
                    self.extended.sync();
                    self.ready();
                }
                frontend::FLUSH => {}
                _ if self.extended.skipping => continue,
                _ => {
                    if let Err(notice) = self.extended_message(&message).await? {
                        answer::error(&mut self.out, &notice);
                        self.extended.skipping = true;
                    }
                }
            }
            self.flush().await?;
        }
    }

    fn welcome(&mut self, pid: i32, secret: &[u8]) {
        let parameters = [
            ("server_version", concat!(env!("CARGO_PKG_VERSION"), "/weir")),
            ("server_encoding", "UTF8"),
            ("client_encoding", "UTF8"),
            ("DateStyle", "ISO, MDY"),
            ("TimeZone", "UTC"),
            ("IntervalStyle", "postgres"),
            ("integer_datetimes", "on"),
            ("standard_conforming_strings", "on"),
            ("is_superuser", if self.access == Access::Admin { "on" } else { "off" }),
        ];
        for (name, value) in parameters {
            // They are ours, without zero bytes and short; so is the secret.
            let _ = build::parameter_status(&mut self.out, name.as_bytes(), value.as_bytes());
        }
        let _ = build::backend_key_data(&mut self.out, pid, secret);
        self.ready();
    }

    fn ready(&mut self) {
        build::ready_for_query(&mut self.out, TransactionStatus::Idle);
    }

    async fn flush(&mut self) -> Result<(), Broken> {
        let sent = self.conn.send(&self.out).await;
        self.out.clear();
        Ok(sent?)
    }

    async fn give_up(&mut self, notice: &Notice) -> Result<(), Broken> {
        build::error_response(&mut self.out, &notice.report(true));
        self.flush().await
    }

    async fn query(&mut self, body: &[u8]) -> Result<(), Broken> {
        match Query::parse(body) {
            Ok(query) => {
                let commands = parse(query.text);
                if commands.is_empty() {
                    build::empty_query_response(&mut self.out);
                }
                for command in commands {
                    let reply = match command {
                        Ok(command) => self.perform(&command).await?,
                        Err(notice) => Err(notice),
                    };
                    match reply {
                        Ok(reply) => reply.write(&mut self.out),
                        Err(notice) => {
                            answer::error(&mut self.out, &notice);
                            break;
                        }
                    }
                    if self.out.len() > BATCH_BYTES {
                        self.flush().await?;
                    }
                }
            }
            Err(error) => answer::error(&mut self.out, &malformed(&error)),
        }
        self.ready();
        Ok(())
    }

    async fn extended_message(&mut self, message: &Message) -> Result<Result<(), Notice>, Broken> {
        let (body, out) = (&message.body, &mut self.out);
        Ok(match message.tag {
            frontend::PARSE => self.extended.parse(body, out),
            frontend::BIND => self.extended.bind(body, out),
            frontend::CLOSE => self.extended.close(body, out),
            frontend::DESCRIBE => {
                self.extended.describe(body, out).map(|headings| match headings {
                    Some(headings) => answer::columns(out, &headings),
                    None => build::no_data(out),
                })
            }
            frontend::EXECUTE => return self.execute(body).await,
            tag => {
                let text = format!("the console does not know message \"{}\"", tag.escape_ascii());
                Err(refused(SqlState::PROTOCOL_VIOLATION, text))
            }
        })
    }

    async fn execute(&mut self, body: &[u8]) -> Result<Result<(), Notice>, Broken> {
        let message = match Execute::parse(body) {
            Ok(message) => message,
            Err(error) => return Ok(Err(malformed(&error))),
        };
        let portal = match self.extended.portal(message.portal) {
            Ok(portal) => portal.clone(),
            Err(notice) => return Ok(Err(notice)),
        };
        let (mut rows, tag) = match (portal.held, portal.command) {
            (Some(held), _) => held,
            (None, None) => {
                build::empty_query_response(&mut self.out);
                return Ok(Ok(()));
            }
            (None, Some(command)) => match self.perform(&command).await? {
                Ok(reply) => {
                    reply.write_remark(&mut self.out);
                    (reply.table.map(|(_, rows)| rows.into()).unwrap_or_default(), reply.tag)
                }
                Err(notice) => return Ok(Err(notice)),
            },
        };
        let all = rows.len();
        let limit = usize::try_from(message.row_limit).ok().filter(|&limit| limit > 0);
        for row in rows.drain(..limit.unwrap_or(all).min(all)) {
            answer::row(&mut self.out, &row);
        }
        if rows.is_empty() {
            answer::complete(&mut self.out, tag);
        } else {
            // PortalSuspended.
            self.out.extend_from_slice(b"s\0\0\0\x04");
        }
        self.extended.hold(message.portal, rows, tag);
        Ok(Ok(()))
    }

    /// Does one command. The outer error is that the client is gone.
    async fn perform(&mut self, command: &Command) -> Result<Result<Reply, Notice>, Broken> {
        Ok(match command {
            Command::Show(topic) if !self.house.ledger && topic.is_of_ledger() => Err(off()),
            Command::Show(topic) => match Gathered::new(self.house, topic.needs()).await {
                Ok(gathered) => Ok(shown(self.house, *topic, &gathered)),
                Err(why) => Err(stuck(&why)),
            },
            Command::Incident(name) => incident(self.house, name),
            Command::Help => Ok(Reply::remark("Console usage", usage(), "SHOW")),
            Command::Parameter(parameter) => {
                let table = Some((vec![parameter.heading()], vec![vec![parameter.value.into()]]));
                Ok(Reply { remark: None, table, tag: "SHOW" })
            }
            Command::SetIgnored => {
                Ok(Reply::remark("the console ignores this setting", String::new(), "SET"))
            }
            Command::Transaction(tag) => Ok(Reply::done(tag)),
            Command::Operate(operation) if self.access == Access::Admin => {
                let done = self.operate(operation).await?;
                done.map(|()| Reply::done(operation.tag()))
            }
            Command::Operate(operation) => Err(not_allowed(operation.tag())),
            Command::Heal { order, dry_run } if self.access == Access::Admin => {
                intervene(self.house, order, *dry_run).await.map(|hits| hit(order, &hits, *dry_run))
            }
            Command::Heal { order, .. } => Err(not_allowed(order.tag())),
        })
    }

    /// Waits for an operation, unless the client cancels it or goes.
    async fn operate(&mut self, operation: &Operation) -> Result<Result<(), Notice>, Broken> {
        // What came before is told first: the operation may take long, or end the process.
        self.flush().await?;
        let interruption = tokio::select! {
            done = operate(self.house, &self.orders, operation) => return Ok(done),
            () = self.interrupt.notified() => {
                let text = "canceling statement due to user request";
                Ok(Err(refused(SqlState::QUERY_CANCELED, text)))
            }
            gone = gone(&mut self.conn) => Err(gone),
        };
        undo(self.house, operation);
        interruption
    }
}

/// Waits until the client is gone; what it sends meanwhile is kept, up to one message.
async fn gone(conn: &mut Conn) -> Broken {
    loop {
        if conn.unread().len() > limits::CONSOLE_COMMAND_BYTES {
            return Broken::Closed;
        }
        if let Err(broken) = conn.read_more().await {
            return broken;
        }
    }
}

fn shown(house: &House, topic: weir_core::console::Topic, gathered: &Gathered) -> Reply {
    let table = topic.table();
    let answer = table.answer(&gathered.view(), limits::CONSOLE_ROWS);
    let cut = (answer.left_out > 0)
        .then(|| (format!("{} rows were left out", answer.left_out), String::new()));
    let off = topic == weir_core::console::Topic::Waiters && !house.ledger;
    let remark = cut.or_else(|| off.then(|| (OFF.to_owned(), OFF_HINT.to_owned())));
    Reply { remark, table: Some((table.headings(), answer.rows)), tag: "SHOW" }
}

/// Whom an order to the healers hit, or would hit.
fn hit(order: &Intervention, hits: &[Hit], dry_run: bool) -> Reply {
    let answer = Hit::answer(hits, limits::CONSOLE_ROWS);
    let remark = (answer.left_out > 0)
        .then(|| (format!("{} rows were left out", answer.left_out), String::new()));
    let remark =
        remark.or_else(|| order.remark(dry_run, hits.len()).map(|remark| (remark, String::new())));
    Reply { remark, table: Some((Hit::headings(), answer.rows)), tag: order.tag() }
}

/// What happened in an incident, from memory.
fn incident(house: &House, name: &str) -> Result<Reply, Notice> {
    let Some(story) = house.incidents.shelf().find(name) else {
        let mut notice = match name {
            "" => refused(SqlState::UNDEFINED_OBJECT, "there was no incident yet"),
            name => refused(SqlState::UNDEFINED_OBJECT, format!("there is no incident \"{name}\"")),
        };
        notice.hint =
            "SHOW INCIDENTS lists the latest; `weir incident list` knows older ones.".into();
        return Err(notice);
    };
    let table = Some((event_headings(), event_rows(&story, limits::CONSOLE_ROWS)));
    Ok(Reply { remark: None, table, tag: "SHOW" })
}

fn not_allowed(tag: &str) -> Notice {
    let mut notice =
        refused(SqlState::INSUFFICIENT_PRIVILEGE, format!("{tag} is for administrators"));
    notice.hint = "Users in console.admin_users may do it.".into();
    notice
}
