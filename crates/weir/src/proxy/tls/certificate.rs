//! What we read from certificates ourselves: the hash for channel binding and the common name.

use sha2::{Digest, Sha256, Sha384, Sha512};

use super::der::{Der, EXPLICIT_0, OID, SEQUENCE, SET};

/// `tls-server-end-point` of a DER certificate (RFC 5929, section 4.1): its hash under the hash
/// function of its signature, SHA-256 in place of MD5 and SHA-1.
///
/// `None` for signatures without one such function (Ed25519), where channel binding is undefined.
#[must_use]
pub fn end_point_hash(certificate: &[u8]) -> Option<Vec<u8>> {
    Some(match signature_hash(certificate)? {
        Hash::Sha256 => Sha256::digest(certificate).to_vec(),
        Hash::Sha384 => Sha384::digest(certificate).to_vec(),
        Hash::Sha512 => Sha512::digest(certificate).to_vec(),
    })
}

/// The last common name (CN) of a DER certificate's subject; `None` without one, and when it is
/// not UTF-8 or holds a zero byte.
#[must_use]
pub fn common_name(certificate: &[u8]) -> Option<String> {
    /// `id-at-commonName`, 2.5.4.3.
    const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
    let mut fields = Der::new(certificate).open(SEQUENCE)?.open(SEQUENCE)?;
    let _version = fields.content(EXPLICIT_0);
    // Serial number, signature algorithm, issuer and validity stand before the subject.
    let mut subject = Der::new(fields.nth(4).filter(|field| field.tag == SEQUENCE)?.content);
    let mut name = None;
    while let Some(mut set) = subject.open(SET) {
        while let Some(mut attribute) = set.open(SEQUENCE) {
            if attribute.content(OID)? == COMMON_NAME {
                name = attribute.next().map(|value| value.content);
            }
        }
    }
    let name = str::from_utf8(name?).ok()?;
    (!name.contains('\0')).then(|| name.to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// Reads `signatureAlgorithm`, the second field of a certificate (RFC 5280, section 4.1).
fn signature_hash(certificate: &[u8]) -> Option<Hash> {
    let mut fields = Der::new(certificate).open(SEQUENCE)?;
    let _to_be_signed = fields.content(SEQUENCE)?;
    let mut algorithm = fields.open(SEQUENCE)?;
    let oid = algorithm.content(OID)?;
    match oid {
        // PKCS #1 (1.2.840.113549.1.1): md5, sha1, pss, sha256, sha384, sha512.
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last] => match last {
            0x04 | 0x05 | 0x0b => Some(Hash::Sha256),
            0x0c => Some(Hash::Sha384),
            0x0d => Some(Hash::Sha512),
            0x0a => pss_hash(algorithm),
            _ => None,
        },
        // ECDSA with SHA-1 (1.2.840.10045.4.1) and SHA-2 (1.2.840.10045.4.3).
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01] => Some(Hash::Sha256),
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last] => match last {
            0x02 => Some(Hash::Sha256),
            0x03 => Some(Hash::Sha384),
            0x04 => Some(Hash::Sha512),
            _ => None,
        },
        _ => None,
    }
}

/// RSASSA-PSS names its hash in its parameters (RFC 4055, section 3.1); SHA-1 by default.
fn pss_hash(mut algorithm: Der<'_>) -> Option<Hash> {
    let mut parameters = algorithm.open(SEQUENCE)?;
    let Some(mut hash) = parameters.open(EXPLICIT_0) else { return Some(Hash::Sha256) };
    match hash.open(SEQUENCE)?.content(OID)? {
        // SHA-1 (1.3.14.3.2.26) and SHA-2 (2.16.840.1.101.3.4.2).
        [0x2b, 0x0e, 0x03, 0x02, 0x1a] => Some(Hash::Sha256),
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last] => match last {
            0x01 => Some(Hash::Sha256),
            0x02 => Some(Hash::Sha384),
            0x03 => Some(Hash::Sha512),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate of which only the signature's algorithm is there.
    fn signed_with(oid: &[u8], parameters: &[u8]) -> Vec<u8> {
        let element = |tag: u8, content: &[u8]| -> Vec<u8> {
            [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
        };
        let algorithm = [element(OID, oid), parameters.to_vec()].concat();
        element(SEQUENCE, &[element(SEQUENCE, b""), element(SEQUENCE, &algorithm)].concat())
    }

    #[test]
    fn the_hash_is_that_of_the_signature() {
        const RSA: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
        const ECDSA: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
        let rsa = |last: u8| signature_hash(&signed_with(&[&RSA[..], &[last]].concat(), b""));
        let ecdsa = |last: u8| signature_hash(&signed_with(&[&ECDSA[..], &[last]].concat(), b""));
        assert_eq!([rsa(4), rsa(5), rsa(11)], [Some(Hash::Sha256); 3]);
        assert_eq!([rsa(12), rsa(13)], [Some(Hash::Sha384), Some(Hash::Sha512)]);
        assert_eq!([ecdsa(2), ecdsa(3)], [Some(Hash::Sha256), Some(Hash::Sha384)]);
        assert_eq!(ecdsa(4), Some(Hash::Sha512));
        // Ed25519 (1.3.101.112) hashes on its own.
        assert_eq!(signature_hash(&signed_with(&[0x2b, 0x65, 0x70], b"")), None);
        // RSASSA-PSS by its parameters: SHA-512, and SHA-1 when it names none.
        let sha512 = b"\x30\x0f\xa0\x0d\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03";
        let pss = [&RSA[..], &[10]].concat();
        assert_eq!(signature_hash(&signed_with(&pss, sha512)), Some(Hash::Sha512));
        assert_eq!(signature_hash(&signed_with(&pss, b"\x30\x00")), Some(Hash::Sha256));
    }

    #[test]
    fn a_certificate_that_lies_is_not_read_past_its_end() {
        let whole = signed_with(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02], b"");
        assert!(end_point_hash(&whole).is_some());
        for end in 0..whole.len() {
            assert_eq!(end_point_hash(&whole[..end]), None, "{end}");
            assert_eq!(common_name(&whole[..end]), None, "{end}");
        }
        for lie in [&b"\x30\x84\xff\xff\xff\xff"[..], b"\x30\x83\xff\xff\xff\x00", b"\x30\x80"] {
            assert_eq!(end_point_hash(lie), None);
        }
    }
}
