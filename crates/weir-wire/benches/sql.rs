//! How long the SQL tools take, in nanoseconds for each text:
//! `cargo bench -p weir-wire --bench sql`.
//!
//! The second table doubles the length of texts made to be slow: a line that more than doubles
//! each time shows work that is not linear.

#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use weir_wire::sql::lex::Lexer;
use weir_wire::sql::{Attribution, effects, facts, fingerprint};

const RUNS: u32 = 5;
const RUN_TIME: Duration = Duration::from_millis(40);

/// 500 bytes, as Django writes them.
const ORM: &str = "SELECT \"shop_order\".\"id\", \"shop_order\".\"customer_id\", \
    \"shop_order\".\"status\", \"shop_order\".\"created_at\", \"shop_order\".\"total\", \
    \"shop_customer\".\"id\", \"shop_customer\".\"email\", \"shop_customer\".\"name\" \
    FROM \"shop_order\" INNER JOIN \"shop_customer\" ON (\"shop_order\".\"customer_id\" = \
    \"shop_customer\".\"id\") WHERE (\"shop_order\".\"status\" = 'open' AND \
    \"shop_order\".\"created_at\" >= '2026-01-02T03:04:05+00:00'::timestamptz AND \
    \"shop_customer\".\"id\" IN (17, 42, 4711)) ORDER BY \"shop_order\".\"id\" DESC LIMIT 21";

fn main() {
    let tagged = format!("{ORM} /*controller='orders.list',route='orders/%3Cint%3Apk%3E/'*/");
    println!(
        "{:<12} {:>6} {:>9} {:>9} {:>12} {:>9} {:>9}",
        "text", "bytes", "tokens", "facts", "fingerprint", "tags", "effects"
    );
    for (name, text) in
        [("select 1", "SELECT 1"), ("begin", "BEGIN"), ("orm", ORM), ("orm tagged", &tagged)]
    {
        print_row(name, text);
    }
    println!();
    for (name, unit) in HOSTILE {
        for count in [1_000, 2_000, 4_000, 8_000] {
            print_row(name, &unit.repeat(count));
        }
    }
}

/// Texts that tempt a scan to look ahead again and again.
const HOSTILE: [(&str, &str); 9] = [
    ("signs", "+"),
    ("set_config", "set_config("),
    ("in", "IN ("),
    ("in brackets", "IN ((1,"),
    ("explain", "EXPLAIN ("),
    ("comments", "a /* */ /* */ "),
    ("dollars", "$a$$b"),
    ("strings", "'a' -- c\n"),
    ("tags", "/*a='\\',b=\\'*/"),
];

fn print_row(name: &str, text: &str) {
    let bytes = text.as_bytes();
    println!(
        "{name:<12} {:>6} {:>9} {:>9} {:>12} {:>9} {:>9}",
        bytes.len(),
        nanoseconds(|| {
            black_box(Lexer::new(black_box(bytes)).count());
        }),
        nanoseconds(|| {
            black_box(facts(black_box(bytes)));
        }),
        nanoseconds(|| {
            black_box(fingerprint(black_box(bytes)));
        }),
        nanoseconds(|| {
            black_box(Attribution::from_text(black_box(bytes)));
        }),
        nanoseconds(|| {
            black_box(effects(black_box(bytes)).count());
        }),
    );
}

/// The best of [`RUNS`] means: what disturbs a run only makes it longer.
fn nanoseconds(mut work: impl FnMut()) -> u128 {
    let mean = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        let mut count = 0;
        while start.elapsed() < RUN_TIME {
            (0..10).for_each(|_| work());
            count += 10;
        }
        start.elapsed().as_nanos() / count
    };
    (0..RUNS).map(|_| mean(&mut work)).min().unwrap_or_default()
}
