//! Reads the text of an HBA file.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{DatabaseMatch, HbaMethod, HbaRule, HbaRules, Network, Transport, UserMatch};
use crate::config::{Place, Problem, Reader};

/// A field of a line: words between commas.
type Field = Vec<Word>;

/// A word; a quoted one is never a keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    text: String,
    quoted: bool,
}

impl Word {
    fn keyword(&self) -> Option<&str> {
        (!self.quoted).then_some(self.text.as_str())
    }
}

/// What is wrong with one line: message and help.
type Fault = (String, &'static str);

/// Reads the rules in `text`, the content of `file`; `@name` in a column reads more words from
/// that file through `reader`.
///
/// # Errors
/// Every line that cannot be understood: a rule that is left out could be the one that refuses.
pub fn parse(text: &str, file: &str, reader: Reader<'_>) -> Result<HbaRules, Vec<Problem>> {
    let mut rules = Vec::new();
    let mut problems = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        match parse_line(line, number, reader) {
            Ok(rule) => rules.extend(rule),
            Err((message, help)) => {
                let place = Place { file: file.to_owned(), line: number, column: 1 };
                problems.push(Problem::new("auth.hba_file", message).help(help).at(place));
            }
        }
    }
    if problems.is_empty() { Ok(HbaRules { rules }) } else { Err(problems) }
}

fn parse_line(line: &str, number: u32, reader: Reader<'_>) -> Result<Option<HbaRule>, Fault> {
    let fields = split(line)?;
    let mut fields = fields.iter();
    let Some(kind) = fields.next() else { return Ok(None) };
    let transport = transport(single(kind)?)?;
    let databases = databases(fields.next().ok_or_else(|| missing("database"))?, reader)?;
    let users = users(fields.next().ok_or_else(|| missing("user"))?, reader)?;
    let network = match transport {
        Transport::Local => Network::All,
        Transport::Host | Transport::HostTls | Transport::HostPlain => network(&mut fields)?,
    };
    let method = method(single(fields.next().ok_or_else(|| missing("method"))?)?)?;
    if let Some(option) = fields.next() {
        let text = &single(option)?.text;
        return Err((format!("option `{text}` is not supported"), "remove it"));
    }
    Ok(Some(HbaRule { transport, databases, users, network, method, line: number }))
}

fn missing(column: &str) -> Fault {
    let columns = "a line is: TYPE DATABASE USER [ADDRESS] METHOD";
    (format!("the {column} column is missing"), columns)
}

/// Splits a line at blanks into fields and fields at commas into words; `#` starts a comment.
fn split(line: &str) -> Result<Vec<Field>, Fault> {
    let mut fields: Vec<Field> = Vec::new();
    let mut rest = line.trim_start();
    let mut continues = false;
    while let Some(first) = rest.chars().next() {
        if first == '#' {
            break;
        }
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_word(quoted)?,
            None => bare_word(rest),
        };
        match fields.last_mut() {
            Some(field) if continues => field.push(word),
            Some(_) | None => fields.push(vec![word]),
        }
        let trimmed = after.trim_start();
        continues = trimmed.starts_with(',');
        rest = trimmed.strip_prefix(',').unwrap_or(trimmed).trim_start();
    }
    Ok(fields)
}

fn quoted_word(text: &str) -> Result<(Word, &str), Fault> {
    let end = text.find('"').ok_or_else(|| ("a quote is not closed".to_owned(), "add a `\"`"))?;
    Ok((Word { text: text[..end].to_owned(), quoted: true }, &text[end + 1..]))
}

fn bare_word(text: &str) -> (Word, &str) {
    let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '#' | '"');
    let end = text.find(ends).unwrap_or(text.len());
    (Word { text: text[..end].to_owned(), quoted: false }, &text[end..])
}

fn single(field: &Field) -> Result<&Word, Fault> {
    match field.as_slice() {
        [word] => Ok(word),
        [] | [_, ..] => Err(("a list is not allowed in this column".into(), "write one line each")),
    }
}

fn transport(word: &Word) -> Result<Transport, Fault> {
    match word.text.as_str() {
        "local" => Ok(Transport::Local),
        "host" => Ok(Transport::Host),
        "hostssl" => Ok(Transport::HostTls),
        "hostnossl" => Ok(Transport::HostPlain),
        other => Err((
            format!("unknown connection type `{other}`"),
            "use local, host, hostssl or hostnossl",
        )),
    }
}

fn databases(field: &Field, reader: Reader<'_>) -> Result<Vec<DatabaseMatch>, Fault> {
    let words = expand(field, reader)?;
    words
        .into_iter()
        .map(|word| match word.keyword() {
            Some("all") => Ok(DatabaseMatch::All),
            Some("sameuser") => Ok(DatabaseMatch::SameUser),
            Some("replication") => Ok(DatabaseMatch::Replication),
            Some("samerole" | "samegroup") => Err((
                format!("`{}` is not supported: roles' members are not known here", word.text),
                "name the databases",
            )),
            Some(_) | None => literal(word).map(DatabaseMatch::Name),
        })
        .collect()
}

fn users(field: &Field, reader: Reader<'_>) -> Result<Vec<UserMatch>, Fault> {
    let words = expand(field, reader)?;
    words
        .into_iter()
        .map(|word| match word.keyword() {
            Some("all") => Ok(UserMatch::All),
            Some(text) if text.starts_with('+') => Err((
                format!("`{text}` is not supported: roles' members are not known here"),
                "name the users",
            )),
            Some(_) | None => literal(word).map(UserMatch::Name),
        })
        .collect()
}

fn literal(word: Word) -> Result<String, Fault> {
    if !word.quoted && word.text.starts_with('/') {
        let message = format!("regular expression `{}` is not supported", word.text);
        return Err((message, "name them one by one"));
    }
    Ok(word.text)
}

/// Replaces `@file` by the words of that file; files do not nest.
fn expand(field: &Field, reader: Reader<'_>) -> Result<Vec<Word>, Fault> {
    let mut words = Vec::new();
    for word in field {
        match word.keyword().and_then(|text| text.strip_prefix('@')) {
            Some(file) => {
                let text = reader(file).map_err(|why| (why, "check the name after `@`"))?;
                for line in text.lines() {
                    words.extend(split(line)?.into_iter().flatten());
                }
            }
            None => words.push(word.clone()),
        }
    }
    Ok(words)
}

fn network<'a>(fields: &mut impl Iterator<Item = &'a Field>) -> Result<Network, Fault> {
    let word = single(fields.next().ok_or_else(|| missing("address"))?)?;
    if word.keyword() == Some("all") {
        return Ok(Network::All);
    }
    let unknown = || {
        let help = "use all, ADDRESS/BITS or ADDRESS NETMASK; host names are not supported";
        (format!("`{}` is not an address", word.text), help)
    };
    let (address, bits) = match word.text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (word.text.as_str(), None),
    };
    let address: IpAddr = address.parse().map_err(|_| unknown())?;
    let mask = match bits {
        Some(bits) => prefix_mask(address, bits).ok_or_else(unknown)?,
        None => {
            let field = fields.next().ok_or_else(|| missing("netmask"))?;
            single(field)?.text.parse().map_err(|_| unknown())?
        }
    };
    if address.is_ipv4() == mask.is_ipv4() {
        Ok(Network::Masked { address, mask })
    } else {
        Err(("address and netmask are of different families".into(), "write both as IPv4 or IPv6"))
    }
}

fn prefix_mask(address: IpAddr, bits: &str) -> Option<IpAddr> {
    let bits: u32 = bits.parse().ok()?;
    match address {
        IpAddr::V4(_) => {
            let host = 32_u32.checked_sub(bits)?;
            Some(Ipv4Addr::from(u32::MAX.checked_shl(host).unwrap_or(0)).into())
        }
        IpAddr::V6(_) => {
            let host = 128_u32.checked_sub(bits)?;
            Some(Ipv6Addr::from(u128::MAX.checked_shl(host).unwrap_or(0)).into())
        }
    }
}

fn method(word: &Word) -> Result<HbaMethod, Fault> {
    match word.text.as_str() {
        "trust" => Ok(HbaMethod::Trust),
        "reject" => Ok(HbaMethod::Reject),
        "password" => Ok(HbaMethod::Password),
        "md5" => Ok(HbaMethod::Md5),
        "scram-sha-256" => Ok(HbaMethod::Scram),
        "cert" => Ok(HbaMethod::Cert),
        "peer" => Ok(HbaMethod::Peer),
        other => Err((
            format!("method `{other}` is not supported"),
            "use trust, reject, password, md5, scram-sha-256, cert or peer",
        )),
    }
}
