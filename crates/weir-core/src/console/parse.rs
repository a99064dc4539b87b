//! From text to commands.

use weir_wire::error::SqlState;
use weir_wire::sql;
use weir_wire::sql::lex::{Kind, Lexer, Token};

use super::command::{Command, Means, Operation, Parameter, Shutdown};
use super::heal;
use super::topic::Topic;
use super::usage::COMMANDS;
use crate::config::nearest;
use crate::session::Notice;

/// Parameters that drivers set by habit; setting them changes nothing.
const SET_IGNORED: [&str; 10] = [
    "application_name",
    "client_encoding",
    "client_min_messages",
    "datestyle",
    "default_transaction_isolation",
    "extra_float_digits",
    "intervalstyle",
    "search_path",
    "standard_conforming_strings",
    "timezone",
];

/// Tables of PgBouncer that are not here, and why.
const ELSEWHERE: [(&str, &str); 7] = [
    ("fds", "There is no hand-over of sockets to another process."),
    ("sockets", "SHOW CLIENTS and SHOW SERVERS have what it would show."),
    ("active_sockets", "SHOW CLIENTS and SHOW SERVERS have what it would show."),
    ("peers", "Cancel requests need no peers here."),
    ("peer_pools", "Cancel requests need no peers here."),
    ("dns_hosts", "Names are looked up by the operating system."),
    ("dns_zones", "Names are looked up by the operating system."),
];

/// Reads one or more statements, separated by `;`. Empty ones are left out.
#[must_use]
pub fn parse(text: &[u8]) -> Vec<Result<Command, Notice>> {
    let mut statements: Vec<Vec<Token<'_>>> = vec![Vec::new()];
    let mut lexer = Lexer::new(text);
    while let Some(token) = lexer.next_code() {
        if token.kind == Kind::Punct(b';') {
            statements.push(Vec::new());
        } else if let Some(statement) = statements.last_mut() {
            statement.push(token);
        }
    }
    let full = statements.iter().filter(|statement| !statement.is_empty());
    full.map(|statement| command(&Words { text, tokens: statement })).collect()
}

/// What the console does not do.
#[must_use]
pub fn unsupported(message: impl Into<String>, hint: impl Into<String>) -> Notice {
    Notice {
        sqlstate: SqlState::FEATURE_NOT_SUPPORTED,
        message: message.into(),
        detail: String::new(),
        hint: hint.into(),
    }
}

pub(super) fn wrong(message: String, hint: String) -> Notice {
    Notice { sqlstate: SqlState::SYNTAX_ERROR, message, detail: String::new(), hint }
}

/// One statement: tokens, and the words they make.
struct Words<'a> {
    text: &'a [u8],
    tokens: &'a [Token<'a>],
}

impl Words<'_> {
    /// The words: tokens that touch make one, so that `my-db` needs no quotes.
    fn all(&self) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        let mut end = None;
        for token in self.tokens {
            let text = plain(token);
            match words.last_mut().filter(|_| end == Some(token.start)) {
                Some(word) => word.push_str(&text),
                None => words.push(text),
            }
            end = Some(token.end());
        }
        words
    }

    fn source(&self) -> String {
        const SHOWN_BYTES_MAX: usize = 200;
        let start = self.tokens.first().map_or(0, |token| token.start);
        let end = self.tokens.last().map_or(0, Token::end).min(start + SHOWN_BYTES_MAX);
        String::from_utf8_lossy(&self.text[start..end]).into_owned()
    }
}

/// A token without its quotes. Unquoted names keep their case, as PgBouncer's do.
fn plain(token: &Token<'_>) -> String {
    let text = String::from_utf8_lossy(token.text);
    let inner = |quote: char, twice: &str| {
        let text = text.trim_start_matches(quote).trim_end_matches(quote);
        text.replace(twice, &twice[..1])
    };
    match token.kind {
        Kind::Quoted => inner('"', "\"\""),
        Kind::String => match sql::literal(token.text) {
            Some(value) => String::from_utf8_lossy(&value).into_owned(),
            None => inner('\'', "''"),
        },
        Kind::Word
        | Kind::Dollar
        | Kind::Number
        | Kind::Parameter
        | Kind::Operator
        | Kind::Punct(_)
        | Kind::Comment
        | Kind::Other => text.into_owned(),
    }
}

fn command(statement: &Words<'_>) -> Result<Command, Notice> {
    let words = statement.all();
    let verb = words[0].to_ascii_lowercase();
    let rest = &words[1..];
    let database = || optional(rest, statement);
    match verb.as_str() {
        "show" => show(rest, statement),
        "set" | "reset" => set(&verb, rest),
        "begin" | "start" => Ok(Command::Transaction("BEGIN")),
        "commit" | "end" => Ok(Command::Transaction("COMMIT")),
        "rollback" | "abort" => Ok(Command::Transaction("ROLLBACK")),
        "discard" | "deallocate" => Ok(Command::SetIgnored),
        "suspend" => Err(unsupported(
            "SUSPEND is not supported: sockets are not handed over to another process",
            "PAUSE holds clients; to replace the program, start the new one and SHUTDOWN \
             WAIT_FOR_CLIENTS the old one.",
        )),
        "evict" if rest.len() < 2 => {
            operation(&verb, rest, database, statement).map(Command::Operate)
        }
        "exempt" | "cap" | "evict" | "quarantine" | "freeze" | "unfreeze" => {
            heal::read(&verb, rest)
        }
        _ => operation(&verb, rest, database, statement).map(Command::Operate),
    }
}

fn operation(
    verb: &str,
    rest: &[String],
    database: impl Fn() -> Result<Option<String>, Notice>,
    statement: &Words<'_>,
) -> Result<Operation, Notice> {
    let needed = || {
        database()?.ok_or_else(|| {
            wrong(format!("{} needs a database", verb.to_ascii_uppercase()), syntax_of(verb))
        })
    };
    Ok(match verb {
        "pause" => Operation::Pause(database()?),
        "resume" => Operation::Resume(database()?),
        "reconnect" => Operation::Reconnect(database()?),
        "wait_close" => Operation::WaitClose(database()?),
        "kill" => Operation::Kill(database()?),
        "kill_client" => Operation::KillClient(number(verb, rest, statement)?),
        "evict" => Operation::End(Means::Evict, number(verb, rest, statement)?),
        "cancel" => Operation::End(Means::Cancel, number(verb, rest, statement)?),
        "close_server" => Operation::End(Means::CloseServer, number(verb, rest, statement)?),
        "disable" => Operation::Disable(needed()?),
        "enable" => Operation::Enable(needed()?),
        "reload" if rest.is_empty() => Operation::Reload,
        "shutdown" => Operation::Shutdown(shutdown(rest, statement)?),
        _ => return Err(unknown(verb, statement)),
    })
}

fn show(rest: &[String], statement: &Words<'_>) -> Result<Command, Notice> {
    let name = match rest {
        [first] if first.eq_ignore_ascii_case("incident") => {
            return Ok(Command::Incident(String::new()));
        }
        [first, id] if first.eq_ignore_ascii_case("incident") => {
            return Ok(Command::Incident(id.clone()));
        }
        [] => "help".to_owned(),
        [name] => name.to_ascii_lowercase(),
        [first, second]
            if first.eq_ignore_ascii_case("actions") && second.eq_ignore_ascii_case("summary") =>
        {
            "actions_summary".into()
        }
        // SHOW TRANSACTION ISOLATION LEVEL and SHOW TIME ZONE.
        [first, ..] if first.eq_ignore_ascii_case("transaction") => "transaction_isolation".into(),
        [first, second] if first.eq_ignore_ascii_case("time") && second.len() == 4 => {
            "timezone".into()
        }
        [..] => return Err(wrong(format!("cannot read \"{}\"", statement.source()), help())),
    };
    if name == "help" {
        return Ok(Command::Help);
    }
    if let Some(topic) = Topic::find(&name) {
        return Ok(Command::Show(topic));
    }
    if let Some(parameter) = Parameter::find(&name) {
        return Ok(Command::Parameter(parameter));
    }
    if let Some((_, why)) = ELSEWHERE.iter().find(|(known, _)| *known == name) {
        let message = format!("SHOW {} is not supported", name.to_ascii_uppercase());
        return Err(unsupported(message, *why));
    }
    Err(unknown_table(&name))
}

fn unknown_table(name: &str) -> Notice {
    let tables = Topic::ALL.map(|topic| topic.table().name());
    let shown = tables.map(str::to_ascii_uppercase).join(", ");
    let hint = match nearest(name, tables) {
        Some(near) => {
            format!("Did you mean SHOW {}? There are: {shown}.", near.to_ascii_uppercase())
        }
        None => format!("There are: {shown}."),
    };
    wrong(format!("there is no table \"{name}\" on the console"), hint)
}

fn set(verb: &str, rest: &[String]) -> Result<Command, Notice> {
    let skipped = ["session", "local"];
    let words = rest.iter().map(|word| word.to_ascii_lowercase());
    let key = words.into_iter().find(|word| !skipped.contains(&word.as_str())).unwrap_or_default();
    // `extra_float_digits=3` is one word, `TIME ZONE` are two.
    let key = key.split('=').next().unwrap_or_default();
    let habitual = SET_IGNORED.contains(&key) || matches!(key, "time" | "transaction" | "all");
    if habitual || key == "characteristics" {
        return Ok(Command::SetIgnored);
    }
    Err(unsupported(
        format!("{} of {key} is not supported on the console", verb.to_ascii_uppercase()),
        "Change the key in the configuration file and RELOAD; SHOW CONFIG lists the keys.",
    ))
}

fn optional(rest: &[String], statement: &Words<'_>) -> Result<Option<String>, Notice> {
    match rest {
        [] => Ok(None),
        [name] => Ok(Some(name.clone())),
        [..] => Err(too_many(statement)),
    }
}

fn number(verb: &str, rest: &[String], statement: &Words<'_>) -> Result<u64, Notice> {
    match rest {
        [word] => word.parse().map_err(|_| {
            let hint = match verb {
                "kill_client" => "The id is a number: column id of SHOW CLIENTS.",
                _ => "The id is a number: column id of SHOW CLIENTS or SHOW SERVERS.",
            };
            wrong(format!("\"{word}\" is no id"), hint.into())
        }),
        [] => Err(wrong(format!("{} needs an id", verb.to_ascii_uppercase()), syntax_of(verb))),
        [..] => Err(too_many(statement)),
    }
}

fn shutdown(rest: &[String], statement: &Words<'_>) -> Result<Shutdown, Notice> {
    match rest {
        [] => Ok(Shutdown::Now),
        [word] if word.eq_ignore_ascii_case("wait_for_servers") => Ok(Shutdown::WaitForServers),
        [word] if word.eq_ignore_ascii_case("wait_for_clients") => Ok(Shutdown::WaitForClients),
        [word] => Err(wrong(format!("cannot SHUTDOWN \"{word}\""), syntax_of("shutdown"))),
        [..] => Err(too_many(statement)),
    }
}

fn too_many(statement: &Words<'_>) -> Notice {
    wrong(
        format!("too many words: \"{}\"", statement.source()),
        "A name with spaces goes into double quotes.".into(),
    )
}

fn unknown(verb: &str, statement: &Words<'_>) -> Notice {
    let hint = match nearest(verb, COMMANDS.map(|command| command.word)) {
        Some(near) => format!("Did you mean {}? {}", near.to_ascii_uppercase(), help()),
        None => help(),
    };
    wrong(format!("unknown console command \"{}\"", statement.source()), hint)
}

pub(super) fn syntax_of(verb: &str) -> String {
    let known = COMMANDS.iter().find(|command| command.word == verb);
    known.map_or_else(help, |command| format!("Write: {}", command.syntax))
}

fn help() -> String {
    let words = COMMANDS.map(|command| command.word.to_ascii_uppercase()).join(", ");
    format!("This is the proxy's console, not a database; it knows {words}. SHOW HELP says more.")
}
