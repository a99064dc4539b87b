//! A stream of messages: each is framed, read by the view of its tag, and built again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_wire::build;
use weir_wire::frame::{HEADER_LEN, Header, frontend};
use weir_wire::message::{Bind, Execute, Parse, Query, Target};

fuzz_target!(|stream: &[u8]| {
    let mut rest = stream;
    while let Ok(Some(header)) = Header::parse(rest) {
        let Some((message, after)) = rest.split_at_checked(header.total_len()) else { break };
        if header.check_frontend().is_ok()
            && let Some(again) = rebuild(header.tag, &message[HEADER_LEN..])
        {
            assert_eq!(again, message);
        }
        rest = after;
    }
});

/// Reads a message and builds it again; `None` when it is malformed or not one of these.
fn rebuild(tag: u8, body: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let built = match tag {
        frontend::QUERY => build::query(&mut out, Query::parse(body).ok()?.text),
        frontend::PARSE => {
            let view = Parse::parse(body).ok()?;
            build::parse(&mut out, view.name, view.text, view.types)
        }
        frontend::BIND => {
            let view = Bind::parse(body).ok()?;
            let built = build::bind_head(&mut out, view.portal, view.statement, view.rest.len());
            out.extend_from_slice(view.rest);
            built
        }
        frontend::DESCRIBE => {
            let view = Target::parse(body).ok()?;
            build::describe(&mut out, view.kind, view.name)
        }
        frontend::CLOSE => {
            let view = Target::parse(body).ok()?;
            build::close(&mut out, view.kind, view.name)
        }
        frontend::EXECUTE => {
            let view = Execute::parse(body).ok()?;
            build::execute(&mut out, view.portal, view.row_limit)
        }
        _ => return None,
    };
    built.expect("what was read can be built");
    Some(out)
}
