//! Signatures of robots, as their makers describe them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// DingTalk: HMAC-SHA256 of `TIMESTAMP\nSECRET` with the secret as key, in base64; the timestamp in
/// milliseconds. Goes into the address, so it is percent-encoded there.
pub(super) fn dingtalk(secret: &str, unix_millis: u64) -> String {
    STANDARD.encode(hmac(secret.as_bytes(), format!("{unix_millis}\n{secret}").as_bytes()))
}

/// Feishu: HMAC-SHA256 of nothing with `TIMESTAMP\nSECRET` as key, in base64; the timestamp in
/// seconds.
pub(super) fn feishu(secret: &str, unix_seconds: u64) -> String {
    STANDARD.encode(hmac(format!("{unix_seconds}\n{secret}").as_bytes(), b""))
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    // HMAC takes a key of any length (RFC 2104).
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// Percent-encodes everything but the unreserved characters of RFC 3986.
pub(super) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expected values from Python's `hmac` and `base64`.

    #[test]
    fn signatures_are_those_of_the_services() {
        assert_eq!(dingtalk("SECabc", 1_577_262_236_757), DINGTALK);
        assert_eq!(feishu("demo", 1_599_360_473), FEISHU);
        assert_eq!(percent_encode("a+b/c=é"), "a%2Bb%2Fc%3D%C3%A9");
    }

    const DINGTALK: &str = "I5TKCOTTj6fad4sJ4q9RsIffw0PAChVQZQGTdtRbNEQ=";
    const FEISHU: &str = "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=";
}
