//! psql: scripts with transactions, COPY through its own streams, cursors, described queries.

use std::{fs, thread};

use weir_testkit::{Account, Scratch};

use crate::stage::Stage;

/// What client `number` runs; every line it prints is checked below.
fn script(number: usize) -> String {
    format!(
        r"
        SET application_name = 'psql-{number}';
        CREATE TABLE psql_{number} (a int, b text);
        COPY psql_{number} FROM STDIN;
1	one
2	two
3	three
\.
        BEGIN;
        SET LOCAL search_path = nowhere;
        ROLLBACK;
        BEGIN;
        UPDATE psql_{number} SET a = a + {number};
        SAVEPOINT s;
        DELETE FROM psql_{number};
        ROLLBACK TO s;
        COMMIT;
        \set FETCH_COUNT 2
        SELECT a - {number}, b FROM psql_{number} ORDER BY a;
        \unset FETCH_COUNT
        SHOW application_name;
        SELECT 1 AS x \gdesc
        SELECT 'one ' || {number} \; SELECT 'two ' || {number};
        \copy (SELECT count(*) FROM psql_{number}) TO STDOUT
        DROP TABLE psql_{number};
        "
    )
}

fn expected(number: usize) -> String {
    format!("1|one\n2|two\n3|three\npsql-{number}\nx|integer\none {number}\ntwo {number}\n3\n")
}

/// Four at once.
pub(crate) fn check(stage: &Stage) {
    let home = &Scratch::new(Account::own()).unwrap();
    thread::scope(|scope| {
        for number in 0..4 {
            scope.spawn(move || {
                let file = home.path().join(format!("{number}.sql"));
                fs::write(&file, script(number)).unwrap();
                let mut psql = stage.program("psql");
                psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-f"]).arg(file);
                assert_eq!(stage.run(&mut psql), expected(number));
            });
        }
    });
}
