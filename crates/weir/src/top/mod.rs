//! `weir top`: the ledger of a running Weir, over HTTP.
//!
//! | file | job |
//! | --- | --- |
//! | `text` | the answer as tables of plain text |

pub(crate) mod text;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cli::TopArgs;

/// How long connecting, asking and answering may take, each.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it looks.
const EVERY: Duration = Duration::from_secs(2);

/// Where the token of `http.token` is given.
const TOKEN: &str = "WEIR_HTTP_TOKEN";

/// Shows the ledger, once or until it is interrupted.
///
/// # Errors
/// When nobody answers there, or something that is not Weir.
pub fn run(args: &TopArgs) -> Result<()> {
    loop {
        let answer = ask(&args.http)?;
        let shown = if args.json {
            format!("{answer}\n")
        } else {
            text::tables(&serde_json::from_str(&answer).context("the answer is no JSON")?)
        };
        let mut out = io::stdout().lock();
        if !args.once && !args.json {
            // Home, and nothing below: the terminal's own scrollback stays.
            out.write_all(b"\x1b[H\x1b[J")?;
        }
        out.write_all(shown.as_bytes())?;
        out.flush()?;
        if args.once {
            return Ok(());
        }
        std::thread::sleep(EVERY);
    }
}

/// The body of the answer.
fn ask(address: &str) -> Result<String> {
    let mut answer = String::new();
    let asked = TcpStream::connect(address).and_then(|mut stream| {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let token = std::env::var(TOKEN).unwrap_or_default();
        let token = if token.is_empty() {
            String::new()
        } else {
            format!("Authorization: Bearer {token}\r\n")
        };
        write!(
            stream,
            "GET /api/v1/ledger HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n{token}\r\n"
        )?;
        stream.read_to_string(&mut answer)
    });
    asked.with_context(|| {
        format!("cannot ask Weir at {address}: is it running, and is that its http.address?")
    })?;
    body(&answer, address)
}

/// What is behind the head of an answer, if it is the right one.
fn body(answer: &str, address: &str) -> Result<String> {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        bail!("what answers at {address} does not speak HTTP");
    };
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status == "200" {
        return Ok(body.trim_end().to_owned());
    }
    let said: Value = serde_json::from_str(body).unwrap_or_default();
    let why = ["error", "reason"].iter().find_map(|key| said[*key].as_str()).unwrap_or("no reason");
    let hint =
        if status == "401" { format!(" ({TOKEN} is where to put it)") } else { String::new() };
    bail!("{address} answers with status {status}: {why}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_from_a_refusal() {
        let check = |answer: &str| body(answer, "here").map_err(|error| error.to_string());
        assert_eq!(check("HTTP/1.1 200 OK\r\nA: b\r\n\r\n{}\n"), Ok("{}".to_owned()));
        let refused =
            check("HTTP/1.1 401 Unauthorized\r\n\r\n{\"error\":\"no token\"}").unwrap_err();
        assert!(refused.contains("no token") && refused.contains(TOKEN), "{refused}");
        assert!(check("SSH-2.0").is_err());
    }
}
