//! How lines of `pg_hba.conf` are read and matched.

use super::*;
use crate::config::Problem;

fn rules(text: &str) -> Result<HbaRules, Vec<Problem>> {
    parse(text, "hba.conf", &|name| match name {
        "names" => Ok("carol, dave # two\n\"all\"\n".into()),
        other => Err(format!("cannot read `{other}`")),
    })
}

/// A connection as text: `[ssl] ADDRESS|unix DATABASE USER`, database `*` meaning replication.
fn connection(text: &str) -> Connection<'_> {
    let mut words: Vec<&str> = text.split(' ').collect();
    let tls = words[0] == "ssl";
    if tls {
        words.remove(0);
    }
    let [address, database, user] = words[..] else { panic!("bad connection `{text}`") };
    let address = (address != "unix").then(|| address.parse().unwrap());
    Connection { address, tls, replication: database == "*", database, user }
}

#[track_caller]
fn check(text: &str, cases: &[(&str, Option<HbaMethod>)]) {
    let rules = rules(text).unwrap();
    for (case, expected) in cases {
        let found = match rules.decide(&connection(case)) {
            Decision::Rule { method, .. } => Some(method),
            Decision::NoRule => None,
        };
        assert_eq!(found, *expected, "`{case}` under\n{text}");
    }
}

#[test]
fn the_first_rule_that_matches_decides() {
    use HbaMethod::{Reject, Scram, Trust};
    check(
        "# comment\n\nhost all bob 10.0.0.0/8 reject\nhost all all 10.0.0.0/8 scram-sha-256\n\
         host all all ::1/128 trust",
        &[
            ("10.1.2.3 db bob", Some(Reject)),
            ("10.1.2.3 db eve", Some(Scram)),
            ("11.1.2.3 db eve", None),
            ("::1 db eve", Some(Trust)),
            ("::2 db eve", None),
            ("unix db eve", None),
        ],
    );
}

#[test]
fn transports_are_told_apart() {
    use HbaMethod::{Cert, Md5, Peer};
    check(
        "local all all peer\nhostssl all all all cert\nhostnossl all all all md5",
        &[("unix db u", Some(Peer)), ("ssl 1.2.3.4 db u", Some(Cert)), ("1.2.3.4 db u", Some(Md5))],
    );
}

#[test]
fn netmasks_and_mapped_addresses_match_as_the_network() {
    use HbaMethod::Trust;
    check(
        "host all all 192.168.4.0 255.255.255.0 trust",
        &[
            ("192.168.4.9 db u", Some(Trust)),
            ("::ffff:192.168.4.9 db u", Some(Trust)),
            ("192.168.5.9 db u", None),
        ],
    );
    check("host all all 0.0.0.0/0 trust", &[("8.8.8.8 d u", Some(Trust)), ("::1 d u", None)]);
}

#[test]
fn a_quoted_keyword_is_a_name() {
    use HbaMethod::{Md5, Password, Trust};
    check(
        "local \"all\" all trust\nlocal db,\"a b\" u md5\nlocal sameuser all password",
        &[
            ("unix all u", Some(Trust)),
            ("unix db u", Some(Md5)),
            ("unix u u", Some(Password)),
            ("unix x u", None),
        ],
    );
}

#[test]
fn replication_is_named_on_its_own() {
    use HbaMethod::{Reject, Trust};
    check(
        "local all all trust\nlocal replication all reject",
        &[("unix db u", Some(Trust)), ("unix * u", Some(Reject))],
    );
}

#[test]
fn a_file_of_names_is_read_where_it_is_mentioned() {
    use HbaMethod::Trust;
    check(
        "local all @names,erin trust",
        &[
            ("unix db carol", Some(Trust)),
            ("unix db dave", Some(Trust)),
            ("unix db all", Some(Trust)),
            ("unix db erin", Some(Trust)),
            ("unix db frank", None),
        ],
    );
}

#[test]
fn what_is_not_understood_is_a_problem_with_its_line() {
    let cases = [
        ("hostgssenc all all all trust", "unknown connection type `hostgssenc`"),
        ("host all all", "the address column is missing"),
        ("host all all all", "the method column is missing"),
        ("local", "the database column is missing"),
        ("host all all 10.0.0.1 trust", "`10.0.0.1` is not an address"),
        ("host all all 10.0.0.1/33 trust", "`10.0.0.1/33` is not an address"),
        ("host all all 10.0.0.1 ::1 trust", "address and netmask are of different families"),
        ("host all all samenet trust", "`samenet` is not an address"),
        ("local all +admins trust", "`+admins` is not supported"),
        ("local /^a all trust", "regular expression `/^a` is not supported"),
        ("local samerole all trust", "`samerole` is not supported"),
        ("local all all gss", "method `gss` is not supported"),
        ("local all all peer map=x", "option `map=x` is not supported"),
        ("local \"a all trust", "a quote is not closed"),
        ("local all @other trust", "cannot read `other`"),
        ("local,host all all trust", "a list is not allowed in this column"),
    ];
    for (line, expected) in cases {
        let problems = rules(&format!("\n{line}\nlocal all all trust")).unwrap_err();
        assert_eq!(problems.len(), 1, "`{line}`: {problems:?}");
        assert!(problems[0].message.contains(expected), "`{line}`: {}", problems[0]);
        assert_eq!(problems[0].place.as_ref().map(|place| place.line), Some(2));
    }
}
