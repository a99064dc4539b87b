//! Addresses as text: where clients connect, and where PostgreSQL is.

use crate::config::settings::{ListenAddress, Secret, UpstreamHost};

const LISTEN_PORT: u16 = 6432;
const POSTGRES_PORT: u16 = 5432;

/// What is wrong with an address: message and help.
type Fault = (String, String);

/// What is wrong with an address of a list; its index is `None` where the list itself is wrong.
pub(super) type ListFault = (Option<usize>, Fault);

/// Reads the addresses of `listen.addresses`.
///
/// # Errors
/// A fault for each address that is wrong or given twice, and for an empty list.
pub(super) fn parse_listen(texts: &[String]) -> Result<Vec<ListenAddress>, Vec<ListFault>> {
    let tcp_port = texts
        .iter()
        .filter(|text| !text.starts_with("unix:"))
        .find_map(|text| parse_tcp(text).map(|(_, port)| port).filter(|port| *port != 0));
    let mut addresses = Vec::new();
    let mut faults = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match parse_one(text, tcp_port.unwrap_or(LISTEN_PORT)) {
            Ok(address) if addresses.contains(&address) => {
                let fault = (format!("`{text}` is given twice"), "remove one of them".into());
                faults.push((Some(index), fault));
            }
            Ok(address) => addresses.push(address),
            Err(fault) => faults.push((Some(index), fault)),
        }
    }
    if texts.is_empty() {
        let help = format!("write [\"127.0.0.1:{LISTEN_PORT}\"]");
        faults.push((None, ("there is no address to listen on".into(), help)));
    }
    if faults.is_empty() { Ok(addresses) } else { Err(faults) }
}

fn parse_one(text: &str, unix_port: u16) -> Result<ListenAddress, Fault> {
    let wrong = || {
        let help = "write \"host:port\", \"[::1]:port\", \"*:port\" or \"unix:/directory\"";
        (format!("`{text}` is not an address"), help.to_owned())
    };
    let Some(unix) = text.strip_prefix("unix:") else {
        let (host, port) = parse_tcp(text).ok_or_else(wrong)?;
        return Ok(ListenAddress::Tcp { host, port });
    };
    let (dir, port) = match unix.rsplit_once(':') {
        Some((dir, port)) => (dir, port.parse().map_err(|_| wrong())?),
        None => (unix, unix_port),
    };
    if dir.starts_with('/') || dir.starts_with('@') {
        Ok(ListenAddress::Unix { dir: dir.to_owned(), port })
    } else {
        Err(wrong())
    }
}

/// Reads `host:port` or `[v6]:port`; `None` when it is neither.
pub(super) fn parse_tcp(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok()?;
    let host = bare_host(host)?;
    Some((host.to_owned(), port))
}

/// A host without the brackets of an IPv6 address; `None` when it cannot be one.
fn bare_host(host: &str) -> Option<&str> {
    match host.strip_prefix('[') {
        Some(v6) => {
            let v6 = v6.strip_suffix(']')?;
            v6.parse::<std::net::Ipv6Addr>().is_ok().then_some(v6)
        }
        None => {
            let strange = |c: char| c.is_whitespace() || c.is_control() || "/:@[]?#".contains(c);
            (!host.is_empty() && !host.contains(strange)).then_some(host)
        }
    }
}

/// Reads the address of a server: `host`, `host:port`, `[v6]:port`, `/dir` or `/dir:port`.
pub(super) fn parse_host(text: &str) -> Option<UpstreamHost> {
    if let Some(rest) = text.strip_prefix('/') {
        let (dir, port) = match rest.rsplit_once(':') {
            Some((dir, port)) => (dir, port.parse().ok()?),
            None => (rest, POSTGRES_PORT),
        };
        return Some(UpstreamHost::Unix { dir: format!("/{dir}"), port });
    }
    if let Some(host) = bare_host(text) {
        return Some(UpstreamHost::Tcp { host: host.to_owned(), port: POSTGRES_PORT });
    }
    let (host, port) = parse_tcp(text).filter(|(_, port)| *port != 0)?;
    Some(UpstreamHost::Tcp { host, port })
}

/// The parts of a connection URL; what it leaves out is `None` or empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Upstream {
    /// The hosts, in their order.
    pub hosts: Vec<UpstreamHost>,
    /// The database.
    pub dbname: Option<String>,
    /// The user.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// `?application_name=`.
    pub application_name: Option<String>,
}

/// Reads `postgres://[user[:password]@][host[:port][,…]][/dbname][?name=value&…]` (PostgreSQL
/// documentation, "Connection URIs").
///
/// # Errors
/// A message and a help when it is not one.
pub fn parse_upstream(url: &str) -> Result<Upstream, Fault> {
    let fault = |message: String| {
        (message, "write \"postgres://user:password@host:port/dbname\"".to_owned())
    };
    let rest = url
        .strip_prefix("postgres://")
        .or_else(|| url.strip_prefix("postgresql://"))
        .ok_or_else(|| fault("the URL does not begin with postgres://".into()))?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    // A password may end up in any part of a URL that is split wrongly: from here on, messages
    // repeat only names.
    if query.contains('@') {
        let message = "the `?` before the host is taken for the start of parameters";
        return Err((message.into(), "in a user or password, write it as %3F".into()));
    }
    let (login, rest) = match rest.rsplit_once('@') {
        Some((login, rest)) => (Some(login), rest),
        None => (None, rest),
    };
    let (hosts, dbname) = rest.split_once('/').unwrap_or((rest, ""));
    let mut upstream = Upstream::default();
    for host in hosts.split(',').filter(|host| !host.is_empty()) {
        let parsed = decode(host).and_then(|host| parse_host(&host));
        let wrong = || fault("the host is neither HOST, HOST:PORT nor [IPv6]:PORT".into());
        upstream.hosts.push(parsed.ok_or_else(wrong)?);
    }
    let encoded = |what: &str| fault(format!("the {what} is badly encoded"));
    upstream.dbname = part(dbname).ok_or_else(|| encoded("database"))?;
    if let Some(login) = login {
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        upstream.user = part(user).ok_or_else(|| encoded("user"))?;
        let password = part(password).ok_or_else(|| encoded("password"))?;
        upstream.password = password.map(Secret::new);
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        parameter(&mut upstream, name, value)?;
    }
    Ok(upstream)
}

/// A decoded part of a URL, itself `None` when it is empty; `None` when it is badly encoded.
fn part(text: &str) -> Option<Option<String>> {
    decode(text).map(|decoded| (!decoded.is_empty()).then_some(decoded))
}

fn parameter(upstream: &mut Upstream, name: &str, value: &str) -> Result<(), Fault> {
    let bad = || (format!("the value of `{name}` is badly encoded"), String::new());
    let value = decode(value).ok_or_else(bad)?;
    match name {
        "application_name" => upstream.application_name = Some(value),
        "user" => upstream.user = Some(value),
        "password" => upstream.password = Some(Secret::new(value)),
        "dbname" => upstream.dbname = Some(value),
        "host" => {
            let wrong = || ("the value of `host` is not a host".to_owned(), String::new());
            upstream.hosts = vec![parse_host(&value).ok_or_else(wrong)?];
        }
        "sslmode" | "sslrootcert" | "sslcert" | "sslkey" => {
            let help = "set it in [tls.server], for every server alike".to_owned();
            return Err((format!("`{name}` cannot be given in the URL"), help));
        }
        _ => {
            let help = "use the keys `parameters` or `connect_query` of the database".to_owned();
            return Err((format!("`{name}` is not known in the URL"), help));
        }
    }
    Ok(())
}

/// Undoes percent encoding (RFC 3986); `None` when it is broken or not UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            let plain = digits.bytes().all(|b| b.is_ascii_hexdigit());
            bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| plain)?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}
