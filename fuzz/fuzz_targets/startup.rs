//! The first packet of a connection, and the same answer however it is cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_wire::startup::FirstPacket;

fuzz_target!(|bytes: &[u8]| {
    let Ok(Some((packet, taken))) = FirstPacket::parse(bytes) else { return };
    assert!(taken <= bytes.len());
    let again = FirstPacket::parse(&bytes[..taken.max(1)]);
    assert!(again == Ok(Some((packet.clone(), taken))));
    if taken > 4 {
        assert!(FirstPacket::parse(&bytes[..taken - 1]) == Ok(None));
    }
    if let FirstPacket::Startup(mut startup) = packet {
        assert!(!startup.user.is_empty() && !startup.database.is_empty());
        if let Ok(settings) = startup.take_settings() {
            assert!(settings.iter().all(|setting| !setting.name.is_empty()));
        }
    }
});
