//! What the ledger costs, in nanoseconds: `cargo bench -p weir-core --bench ledger`.

#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use weir_core::ids::{ClientId, PoolId, ServerId};
use weir_core::ledger::{Caller, Ledger, Phase};
use weir_core::pool::{Checkout, Claim, Effect, PoolSettings, Pools, Release};
use weir_core::time::Instant as Moment;
use weir_wire::sql::template;

/// Many short runs: one is shorter than the time between two looks of the scheduler, so the best is
/// undisturbed on a busy machine, too.
const RUNS: u32 = 300;
const RUN_TIME: Duration = Duration::from_millis(1);

/// 300 bytes, as an object-relational mapper writes them.
const ORM: &str = "SELECT \"shop_order\".\"id\", \"shop_order\".\"customer_id\", \
    \"shop_order\".\"status\", \"shop_order\".\"created_at\", \"shop_order\".\"total\" \
    FROM \"shop_order\" INNER JOIN \"shop_customer\" ON (\"shop_order\".\"customer_id\" = \
    \"shop_customer\".\"id\") WHERE \"shop_customer\".\"id\" IN (17, 42, 4711) LIMIT 21";

fn main() {
    println!("{:<52} {:>6}", "what", "ns");
    let mut ledger = Ledger::new(1);
    let mut caller = Caller::new("shop", "app", "app");
    let tagged = format!("{ORM} /*route='/orders/%3Cid%3E'*/");
    for (name, text) in [("short", "SELECT 1"), ("long", ORM), ("long, tagged", &tagged)] {
        let text = text.as_bytes();
        let known = template(text, 1) | 1;
        print(&format!("fingerprint and tags known: {name}"), || {
            black_box(ledger.read(black_box(text), known, &mut caller));
        });
    }
    traced(&mut ledger, &mut caller);
    transactions();
}

/// A text that comes with another trace id each time, in one buffer, as it comes from a socket.
fn traced(ledger: &mut Ledger, caller: &mut Caller) {
    let tags = "route='/orders/',traceparent='00-0af7651916cd43dd8448eb211c80319c-b7ad6b71-01'";
    let mut text = format!("{ORM} /*{tags},user_id='17'*/").into_bytes();
    let id = text.windows(8).position(|part| part == b"0af76519").unwrap_or_default();
    let mut trace = 0_u32;
    print("the same, template included, another trace id each", || {
        trace += 1;
        for (place, digit) in text[id..id + 8].iter_mut().zip(0..) {
            *place = b"0123456789abcdef"[(trace >> (4 * digit)) as usize & 15];
        }
        black_box(ledger.read(&text, template(&text, 1) | 1, caller));
    });
}

/// A transaction of one statement, without its session: checkout, statement, answer, release.
fn transactions() {
    let mut pools = Pools::seeded(1);
    let settings = PoolSettings { server_lifetime: None, ..PoolSettings::default() };
    let pool = pools.add_pool(&[], settings);
    let mut caller = Caller::new("shop", "app", "app");
    let server = first_server(&mut pools, pool);
    let text = b"SELECT abalance FROM pgbench_accounts WHERE aid = 4711";
    let known = template(text, 1) | 1;
    let mut nanos = 1_000_000_000;
    print("checkout, statement, answer, release", || {
        nanos += 1000;
        let now = Moment::from_nanos(nanos);
        let class = pools.ledger_mut().read(text, known, &mut caller).class;
        let claim = Claim { client: ClientId(0), class, affinity: None, user: 0 };
        let _ = black_box(pools.checkout(now, pool, claim));
        let mark = pools.ledger_mut().read(text, known, &mut caller);
        pools.ledger_mut().statement(now, server, mark, None);
        pools.ledger_mut().answered(now, server, 1, true);
        pools.release(now, server, Release::Reusable);
    });
    let claim = Claim { client: ClientId(0), ..claim_of_nobody() };
    let _ = pools.checkout(Moment::from_nanos(nanos), pool, claim);
    print("two transitions of one connection", || {
        nanos += 1000;
        let ledger = pools.ledger_mut();
        ledger.enter(Moment::from_nanos(nanos), server, Phase::CopyIn);
        ledger.enter(Moment::from_nanos(nanos + 500), server, Phase::Executing);
    });
}

const fn claim_of_nobody() -> Claim {
    Claim { client: ClientId(0), class: weir_core::ids::ClassId(0), affinity: None, user: 0 }
}

/// Opens the first server connection of a pool.
fn first_server(pools: &mut Pools, pool: PoolId) -> ServerId {
    let now = Moment::from_nanos(1_000_000_000);
    let waiting = pools.checkout(now, pool, claim_of_nobody());
    assert!(matches!(waiting, Checkout::Queued(_)), "nothing is open yet");
    while let Some(effect) = pools.poll_effect() {
        if let Effect::Dial { dial, .. } = effect {
            let _ = pools.connected(now, dial);
        }
    }
    let server = pools.servers(pool).next().map_or(ServerId(0), |view| view.server);
    pools.release(now, server, Release::Reusable);
    server
}

fn print(name: &str, mut work: impl FnMut()) {
    let mean = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        let mut count = 0;
        while start.elapsed() < RUN_TIME {
            (0..10).for_each(|_| work());
            count += 10;
        }
        start.elapsed().as_nanos() / count
    };
    // What disturbs a run only makes it longer.
    let best = (0..RUNS).map(|_| mean(&mut work)).min().unwrap_or_default();
    println!("{name:<52} {best:>6}");
}
