//! Verifiers that PostgreSQL 15 made (`CREATE ROLE … PASSWORD`), one for each way through SASLprep.

use weir_wire::scram::Verifier;

const MADE_BY_POSTGRESQL: &[(&str, &str)] = &[
    // ASCII stays.
    (
        "pencil",
        "SCRAM-SHA-256$4096:DplVDHqspA4zBXnYD7ireA==$\
             tX0H9XkQyZYms2uFKGE/rhJsnz/0gdRhZH9syouNXLM=:\
             z2UNHX/HzciYZYErR8YAM8lIHwch70+LNF7yAxDAl3Q=",
    ),
    // Mapped to nothing.
    (
        "I\u{AD}X",
        "SCRAM-SHA-256$4096:Nf7vS/HDaPwqguFCnKdodQ==$\
             EsPAoKG+y5GDacl2LwDw3sW7PHj/YuYgfyrAekomjJE=:\
             HPXv1iOKaclepgbO1+ugIsCIB2RTfEyFXifjyS2Fcfo=",
    ),
    // Nothing left, so raw.
    (
        "\u{AD}",
        "SCRAM-SHA-256$4096:Xj1Fz1tuBYAPmFKzCfgbPg==$\
             6lY1+Wyhm+/ckg9Ca0TFyzY4og8yoPOhbc+gxQPTCzc=:\
             g0YBsexhiHfhihFzuWUgrJqSsjrQuafoSN35NAkpOuA=",
    ),
    // A space of another kind.
    (
        "a\u{A0}b",
        "SCRAM-SHA-256$4096:a0cBwQ8MKEwLqvIqoyYFzA==$\
             VLCldER3wAc1p5Goi9yHO+scjIw4Lx7F5h0rNj8mPsw=:\
             w8aqDdRku6XOjezseGGUhj+veaZIfFiVu0GB4KSkyS4=",
    ),
    // A space before it is nothing.
    (
        "a\u{200B}b",
        "SCRAM-SHA-256$4096:LN3prg4hzc7+L/YXiLMkgA==$\
             0DgGSAMGFyXbbae99moyB0U3oDiv9lfIxx8hTYqkHek=:\
             lBhv/myLE/zH7X4EjJcFJ7+iPA4Fs82AL5VvnyLl/Ds=",
    ),
    // Normalised.
    (
        "\u{AA}",
        "SCRAM-SHA-256$4096:af7ohIUuXsJRXWSyCZavIw==$\
             exG377PAu/peJUabQhejEhUxODZkl9vl/AeT9FVtX2c=:\
             sdAkTB/QILr3XDxQ7T5+5HpXgdCQy505WM6qggmYXDk=",
    ),
    // Normalised.
    (
        "\u{2168}",
        "SCRAM-SHA-256$4096:ANDpmmtOqN1gZGcGTHsZBw==$\
             vyTMjXc/QHn+ZZQ61MtGsr7TjXejhw2gFxHR9ysE2lg=:\
             NlVA9PuynQO/L0V4uGs/cNE5FOFO0VBAYtaR5aA3yLY=",
    ),
    // Normalised and composed.
    (
        "\u{FF76}\u{FF9E}",
        "SCRAM-SHA-256$4096:DTbLIl/glWSEqCDnAh4Kog==$\
             pz5WcVfe8JAoa0eht5qEK6s8RDzbyGXelRhjnIjQvU0=:\
             sCdn9wZceWuMJ0Hk5uhPg4kGQpO5llpfc4x8t/Y3D3I=",
    ),
    // Normalised.
    (
        "p\u{E4}ssw\u{F6}rd \u{FB01}",
        "SCRAM-SHA-256$4096:CVFY8Mjg15sQj9M2zPJuKQ==$\
             PKurVmfBBdAVEW+GJ4sruEwT7vtVzl62Rc5P1LomTDM=:\
             IiMoaUulqnLgHTo+5PymN1S346X9LqZ4Km5LgnIhJsM=",
    ),
    // Right to left.
    (
        "\u{627}\u{628}",
        "SCRAM-SHA-256$4096:gcqsTxpbC9pgKol7tdw6zg==$\
             ywkCA+VhzSAMe7fO2bv4UZB8M/fvGmAgzp6kHC9nKnA=:\
             y2MBjPKzoR3Hfi47UVzj2w8M/ms1qZ0RQF+FoQRijiE=",
    ),
    // Right to left before it is normalised.
    (
        "\u{FDFA}",
        "SCRAM-SHA-256$4096:8RnHXCxnu2PqZBoJy8HtvA==$\
             Ij9+oXr5UGIQk2JP2IF5C23y/vd0O0o+K1VXBqM5NSI=:\
             ZbZbmC6VzQUKpj5n6kesqghD9rkvKkpw+rhkvao2rdU=",
    ),
    // Control character, so raw.
    (
        "\u{7}\u{E9}",
        "SCRAM-SHA-256$4096:kaXxj7O1XvEv7TRDKD8UGg==$\
             1fCqF/eSKQuO6jOznmpuek4b3p0WZifVg0Uer+/QcVo=:\
             y/DZwDJLuGtTvDlunN1YAc1AGdFyg9MLuPNDMkej7I8=",
    ),
    // Does not end right to left, so raw.
    (
        "\u{627}1",
        "SCRAM-SHA-256$4096:9Fogz7HpkdJbhpSkV0oF6w==$\
             8Qw5H12ypdO8lGXOoC6ERmdRa/rqej1WlfLwLWv+ALM=:\
             pvFRPPpP+KVfATFlOLcAgzSlZy/BH8JpDfJ+9VlkUGk=",
    ),
    // Private use, so raw.
    (
        "\u{E000}x",
        "SCRAM-SHA-256$4096:XR5Lt3BUygJec/AosxPxZg==$\
             okyXM8hdTJgMXMXipUyfbPOt4oFspa0F6y93OxGs1Eo=:\
             2ueFRSCI9sbNay8cAO1n3R5SPTqe9aKWMU1MwcsfI7U=",
    ),
    // Deprecated, so raw.
    (
        "a\u{340}",
        "SCRAM-SHA-256$4096:1u7Ar6mVxTs1vc17WSk7pg==$\
             DJPl1Z6i1+iqc0Kccl2odqEtVbHBdzaGRtZ2vHfbY48=:\
             9+oOSVaHjOejpKiym/2B2Zj8WkjreIIEzuGNbaSAEkA=",
    ),
    // Unassigned in Unicode 3.2, so raw.
    (
        "\u{1F600}",
        "SCRAM-SHA-256$4096:FKE+OP2BOQ36rpXa1P/1HA==$\
             5+ub1OuRWggexOGtJRf5OxDtDWhtxZgH8HNxAtIGpX0=:\
             8q+W45LEzt6DaoWsnt0Y77Vgr4NpuEh0MXGgVz4bL4k=",
    ),
    // Unassigned, so raw.
    (
        "\u{1F130}",
        "SCRAM-SHA-256$4096:oYdjm6nuykTLDGZR7iJP8A==$\
             vJfFbqHSchfbvGKpktVrdzvrcO7smdsy942ibUkY914=:\
             oZbhG7Z7iYn6Fw1O6+hQRhAJTXFvM1rzvaIgjnMBWMY=",
    ),
];

#[test]
fn verifiers_are_postgresqls_for_every_way_through_saslprep() {
    for &(password, text) in MADE_BY_POSTGRESQL {
        let verifier = Verifier::parse(text).unwrap();
        assert!(verifier.matches_password(password.as_bytes()), "{password:?}");
        assert!(!verifier.matches_password(b"other"));
        assert_eq!(*verifier.to_text(), text);
    }
}
