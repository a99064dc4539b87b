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
    // Unassigned, so raw.
    (
        "\u{1F130}",
        "SCRAM-SHA-256$4096:oYdjm6nuykTLDGZR7iJP8A==$\
             vJfFbqHSchfbvGKpktVrdzvrcO7smdsy942ibUkY914=:\
             oZbhG7Z7iYn6Fw1O6+hQRhAJTXFvM1rzvaIgjnMBWMY=",
    ),
    // Control character of ASCII, so raw.
    (
        "\u{7}\u{AA}",
        "SCRAM-SHA-256$4096:SzVQ1UB6rNst4fJ/jEP6Sw==$\
             W5R+9pJPrQgCAo3mw2zPrnCRv3EqLBG9ojGbRa4c6ZE=:\
             wbexcffq6ce4xwB7WEVVkeIULLpAcgV8cPzY9dguI0Y=",
    ),
    // Control character beyond ASCII, so raw.
    (
        "\u{85}\u{AA}",
        "SCRAM-SHA-256$4096:sBn9PUvH8oHuV+WuP9ItSQ==$\
             cdyLrXJGvMXsMJWuLkMk4yfHbJFI7Y1lqG++MQIIGX0=:\
             EnaWDReD5Vek4sVl6W6oNdgJ0gONBHlMicN7wdXzpEY=",
    ),
    // Private use, so raw.
    (
        "\u{E000}\u{AA}",
        "SCRAM-SHA-256$4096:gE60IGVumOsMvqrFSQ7QPg==$\
             wWUdXqwzlO6yVzxhFvKqJMzb2HjAqU5TLiDW89rHhnk=:\
             No8ErYjJQ96TB0Y5EMEsExVVB75pPbgcqOMQ2Unlnjw=",
    ),
    // Not a character, so raw.
    (
        "\u{FDD0}\u{AA}",
        "SCRAM-SHA-256$4096:wU8LRK81irTjEDB19z2SPQ==$\
             lBSMb9tjaBVTTgiI4RiOWGrRSovjof82+oqPKPlYFwA=:\
             f8pcQDL1qmXkfZ4pezQSV6u2oxzA5QIthCnjldQhFgs=",
    ),
    // Not for plain text, so raw.
    (
        "\u{FFFD}\u{AA}",
        "SCRAM-SHA-256$4096:NwQzafNMLdCEUFXwf4Mf2w==$\
             caqJhmvr9J5/9tYL9JALrhRbmN3vJI3rTd9xVNiOmh8=:\
             wIGw3P45uTHGBEiU/n+C9vWw9Enr6/9lDmCytt0ESyw=",
    ),
    // Not for canonical representation, so raw.
    (
        "\u{2FF0}\u{AA}",
        "SCRAM-SHA-256$4096:ZJ3VjECz1NXNQeDJAZoegQ==$\
             50v1X0MpMeaQY2xjlnlQWYBBkz+PoK6hycWJVqPupPU=:\
             RjQ+Mb/qBVAECt3UbbeeTKQCuBtK03xPxp3HfXLAf54=",
    ),
    // Tag, so raw.
    (
        "\u{E0041}\u{AA}",
        "SCRAM-SHA-256$4096:7L4kVhVydydHPsdAyDyfPg==$\
             VpuJ8M5b5GQw+qhF9AklJghp6vcbT3OLVNuIQQYI1Og=:\
             VWcWAV5DgWh3eE6GQ5+Pnieed9WCzUAnQaoa4athoPQ=",
    ),
    // Deprecated, so raw.
    (
        "a\u{340}",
        "SCRAM-SHA-256$4096:0Aw9RvVcPCtDQlWS9qc17A==$\
             yTcvchmOosnGi04cDoqx3Dtcd7nV19R8UQg/voEDYvQ=:\
             Mj/ZnzkJ0c1H869cWhtpUXhaMDv+l/mBtWJqoo3zf7o=",
    ),
    // Does not begin right to left, so raw.
    (
        "\u{B2}\u{627}",
        "SCRAM-SHA-256$4096:xyIDnxtnQKEqRu5YIztDOA==$\
             G9mQYun6RrgbyvBNVs80s+TzAsisOMSFa9jGl9/URoM=:\
             Q3TSoEWFMJ8+c7N7z0z+ILUOgIdqtAKWlDCTr5Johr0=",
    ),
    // Does not end right to left, so raw.
    (
        "\u{627}\u{B2}",
        "SCRAM-SHA-256$4096:yq6rffwH4hByH9E/4omt8w==$\
             huAz4SelpdZmkA9lTJ2LTFF31WVkLwZaLLZn9I3c+2c=:\
             DbBxDhU9UmPoiHpwULbFfkrHbbfPbjhAYwKBldmkFfg=",
    ),
    // Left to right between right to left, so raw.
    (
        "\u{627}\u{2168}\u{628}",
        "SCRAM-SHA-256$4096:kUGtp0ay153o/NQ3A8GkYQ==$\
             WdiS2zbxgKtOrVajKd+/c89C3RFqbNH52URHsyy+pOA=:\
             NdfafxfoCP/xuBBW0LlAm1s4GZw9LyXGoXtnV75F3sA=",
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
