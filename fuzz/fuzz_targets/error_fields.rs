//! The fields of an error cover its body, no more and no less.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_wire::message::ErrorFields;

fuzz_target!(|body: &[u8]| {
    let Ok(fields) = ErrorFields::parse(body) else { return };
    let mut again = Vec::new();
    for (code, value) in fields {
        again.push(code);
        again.extend_from_slice(value);
        again.push(0);
    }
    again.push(0);
    assert_eq!(again, body);
    let _ = (fields.sqlstate(), fields.severity(), fields.position());
});
