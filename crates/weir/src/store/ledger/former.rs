//! Files of the former version, which counted no rows.

use std::path::Path;

use weir_core::incident::Wall;
use weir_core::ledger::{ClassSums, Phase, WaitSum};
use weir_testkit::{Account, Scratch};

use super::LedgerStore;
use super::schema::{PHASES, SCHEMA};
use crate::store::open::{Schema, open};

const EVER: Wall = Wall(i64::MAX as u64);

/// Version 1 with one stretch of one route, as that version wrote it.
fn former(dir: &Path) {
    let schema = Schema { steps: &SCHEMA.steps[..1], ..SCHEMA };
    let zeros = ["0"; Phase::COUNT].join(", ");
    let connection = open(dir, &schema).unwrap();
    let written = format!(
        "INSERT INTO label (text) VALUES ('/report');
         INSERT INTO stretch (from_ms, until_ms, slots, waiting, open, {PHASES})
         VALUES (0, 60000, 20, 3, 0, {zeros});
         INSERT INTO class (stretch, place, route, route_from, claims, transactions, granted,
         granted_waited, refused, refused_waited, gave_up, gave_up_waited, {PHASES})
         VALUES (1, 0, 1, 'tag', 5, 4, 2, 21, 1, 11, 1, 12, {zeros})"
    );
    connection.execute_batch(&written).unwrap();
}

fn sums(rows: u64) -> ClassSums {
    ClassSums {
        claims: 5,
        transactions: 4,
        rows,
        granted: WaitSum { count: 2, nanos: 21 },
        refused: WaitSum { count: 1, nanos: 11 },
        left: WaitSum { count: 1, nanos: 12 },
        ..ClassSums::default()
    }
}

fn read(store: &LedgerStore) -> Vec<ClassSums> {
    let stretches = store.read(Wall(0), EVER, usize::MAX).unwrap();
    stretches.iter().flat_map(|stretch| &stretch.classes).map(|class| class.sums).collect()
}

#[test]
fn a_former_file_is_read_as_it_is_and_counts_rows_once_it_was_written_to() {
    let home = Scratch::new(Account::own()).unwrap();
    former(home.path());
    let reader = LedgerStore::open_to_read(home.path()).unwrap();
    assert_eq!(read(&reader), [sums(0)]);
    drop(reader);
    let mut store = LedgerStore::open(home.path(), 1 << 24).unwrap();
    assert_eq!(read(&store), [sums(0)]);
    let mut next = store.read(Wall(0), EVER, 1).unwrap();
    next[0].classes[0].sums.rows = 300_000;
    store.store(&next).unwrap();
    assert_eq!(read(&LedgerStore::open_to_read(home.path()).unwrap()), [sums(0), sums(300_000)]);
}
