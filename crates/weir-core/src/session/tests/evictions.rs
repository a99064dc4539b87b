//! Stories of evictions, and of server connections closed under their clients.

use super::play::{play, play_with};
use crate::session::{PoolMode, SessionSettings};

#[test]
fn an_evicted_transaction_fails_until_its_end() {
    play(
        "
        a> Q begin
        a< C BEGIN | Z T
        a> Q select 1
        s< Q BEGIN | Q select 1
        s> C BEGIN | Z T | C SELECT 1 | Z T
        a< C SELECT 1 | Z T
        a! evict
        s: ghost
        s< Q ROLLBACK
        a> Q select 2
        a< E 25P03 evicted | Z E
        a> Q savepoint x
        a< E 25P03 evicted | Z E
        a> Q rollback to x
        a< E 25P03 evicted | Z E
        a> Q begin
        a< E 25P03 evicted | Z E
        a> P - select 3 | B - | E | P - commit | S
        a< E 25P03 evicted | Z E
        a> P - rollback | D S - | B - | D P - | E | S
        a< 1 | t | n | 2 | n | C ROLLBACK | Z I
        s> C ROLLBACK | Z I
        s: free
        ",
    );
}

/// Opens a transaction that has done something, and evicts it.
const EVICTED: &str = "
        a> Q begin
        a< C BEGIN | Z T
        a> Q insert into t
        s< Q BEGIN | Q insert into t
        s> C BEGIN | Z T | C INSERT 0 1 | Z T
        a< C INSERT 0 1 | Z T
        a! evict
        s< Q ROLLBACK
        s> C ROLLBACK | Z I
        s: free
        ";

fn evicted(rest: &str) {
    play(&format!("{EVICTED}{rest}"));
}

#[test]
fn its_commit_is_an_error_and_its_end() {
    for commit in ["commit", "end", "commit and chain", "prepare transaction 'x'", "commit; begin"]
    {
        evicted(&format!(
            "
        a> Q {commit}
        a< E 25P03 evicted | Z I
        a> Q select 1
        s< Q select 1
        s> C SELECT 1 | Z I
        a< C SELECT 1 | Z I
            "
        ));
    }
    evicted(
        "
        a> P S_1 commit | B S_1 | D P - | E | P - select 1 | B - | E | S
        a< 1 | 2 | n | E 25P03 evicted | Z I
        a> B S_1 | E | S
        s< P weir.0 commit | B weir.0 | E | S
        s> 1 | 2 | C COMMIT | Z I
        a< 2 | C COMMIT | Z I
        ",
    );
}

#[test]
fn its_rollback_is_a_rollback() {
    for rollback in ["rollback", "abort", "rollback transaction"] {
        evicted(&format!(
            "
        a> Q {rollback}
        a< C ROLLBACK | Z I
            "
        ));
    }
    evicted(
        "
        a> Q rollback and chain
        a< E 25P03 evicted | Z E
        a> Q select 1; rollback
        a< E 25P03 evicted | Z E
        a> Q rollback; discard plans
        s< Q rollback; discard plans
        s> N no transaction | C ROLLBACK | C DISCARD PLANS | Z I
        a< N | C ROLLBACK | C DISCARD PLANS | Z I
        ",
    );
}

#[test]
fn a_pipeline_can_roll_back_and_begin_again() {
    evicted(
        "
        a> P - rollback | B - | E | P - begin | B - | E | P - select 1 | B - | E | S
        a< 1 | 2 | C ROLLBACK
        s< P - begin | B - | E | P - select 1 | B - | E | S
        s> 1 | 2 | C BEGIN | 1 | 2 | C SELECT 1 | Z T
        a< 1 | 2 | C BEGIN | 1 | 2 | C SELECT 1 | Z T
        ",
    );
}

#[test]
fn prepared_statements_outlive_the_eviction() {
    play(
        "
        a! prepares s1
        a> P - begin | B - | E | B s1 | E | S
        s< P - begin | B - | E | B weir.0 | E | S
        s> 1 | 2 | C BEGIN | 2 | C SELECT 1 | Z T
        a< 1 | 2 | C BEGIN | 2 | C SELECT 1 | Z T
        a! evict
        s< Q ROLLBACK
        s> C ROLLBACK | Z I
        a> B s1 | E | S
        a< E 25P03 evicted | Z E
        a> Q rollback
        a< C ROLLBACK | Z I
        a! runs s1
        ",
    );
}

#[test]
fn a_pipeline_without_a_sync_can_be_evicted() {
    play(
        "
        a> P - select 1 | B - | E | H
        s< P - select 1 | B - | E | H
        s> 1 | 2 | C SELECT 1
        a< 1 | 2 | C SELECT 1
        a! evict
        a< E 25P03 evicted
        s< P - refused: the client is gone, or its transaction was evicted | S
        s> E 42601 refused | Z I
        s: free
        a> P - select 2 | S
        a< Z I
        ",
    );
}

#[test]
fn a_block_that_a_pipeline_has_begun_is_one_to_the_client() {
    play(
        "
        a> P - begin | B - | E | P - insert into t | B - | E | H
        s< P - begin | B - | E | P - insert into t | B - | E | H
        s> 1 | 2 | C BEGIN | 1 | 2 | C INSERT 0 1
        a< 1 | 2 | C BEGIN | 1 | 2 | C INSERT 0 1
        a! evict
        s< P - refused: the client is gone, or its transaction was evicted | S
        s> E 42601 refused | Z E
        s< Q ROLLBACK
        s> C ROLLBACK | Z I
        s: free
        a> S
        a< Z E
        a> Q commit
        a< E 25P03 evicted | Z I
        ",
    );
}

#[test]
fn a_pinned_client_is_evicted_in_place() {
    play(
        "
        a> Q load 'x'
        s< Q load 'x'
        s> C LOAD | Z I
        a< C LOAD | Z I
        a> Q begin
        s< Q begin
        s> C BEGIN | Z T
        a< C BEGIN | Z T
        a! evict
        s< Q ROLLBACK
        s: a
        s> C ROLLBACK | Z I
        a> Q rollback
        a< C ROLLBACK | Z I
        a> Q select 1
        s< Q select 1
        s> C SELECT 1 | Z I
        a< C SELECT 1 | Z I
        p: 1
        s: a
        ",
    );
}

#[test]
fn a_failed_transaction_can_be_evicted() {
    play(
        "
        a> Q begin
        a< C BEGIN | Z T
        a> Q bad
        s< Q BEGIN | Q bad
        s> C BEGIN | Z T | E 42601 bad | Z E
        a< E 42601 bad | Z E
        a! evict
        s< Q ROLLBACK
        s> C ROLLBACK | Z I
        s: free
        a> Q rollback to x
        a< E 25P03 evicted | Z E
        a> Q commit
        a< E 25P03 evicted | Z I
        ",
    );
}

#[test]
fn copy_from_the_client_is_ended() {
    play(
        "
        a> Q begin
        a< C BEGIN | Z T
        a> Q copy t from stdin
        s< Q BEGIN | Q copy t from stdin
        s> C BEGIN | Z T | G
        a< G
        a> d row
        s< d row
        w: Wrote
        a! evict
        a< E 25P03 evicted | Z E
        s< f
        s> E 57014 the client is gone | Z E
        s< Q ROLLBACK
        s> C ROLLBACK | Z I
        s: free
        a> d row | c
        a> Q commit
        a< E 25P03 evicted | Z I
        a> P - copy t from stdin | B - | E | S
        s< P - copy t from stdin | B - | E | S
        s> 1 | 2 | G
        a< 1 | 2 | G
        a! evict
        a< E 25P03 evicted
        s< f | S
        s> E 57014 the client is gone | Z I
        s: free
        a> d row | c | S
        a< Z I
        a> Q select 1
        s< Q select 1
        s> C SELECT 1 | Z I
        a< C SELECT 1 | Z I
        ",
    );
}

#[test]
fn what_cannot_be_evicted_is_spared() {
    play(
        "
        a> Q select 1
        s< Q select 1
        a! spared a statement is under way: it can only be cancelled
        s> C SELECT 1 | Z I
        a< C SELECT 1 | Z I
        a! spared no transaction is open on it
        a> Q begin; select 1
        s< Q begin; select 1
        s> C BEGIN | C SELECT 1 | Z T
        a< C BEGIN | C SELECT 1 | Z T
        a> P - commit | B - | E | H
        s< P - commit | B - | E | H
        a! spared its COMMIT is under way
        s> 1 | 2 | C COMMIT
        a< 1 | 2 | C COMMIT
        a! spared its COMMIT is under way
        a> S
        s< S
        s> Z I
        a< Z I
        ",
    );
    play(
        "
        a> Q begin; select pg_advisory_lock(1)
        s< Q begin; select pg_advisory_lock(1)
        s> C BEGIN | C SELECT 1 | Z T
        a< C BEGIN | C SELECT 1 | Z T
        a! locked
        a> Q rollback
        s< Q rollback
        s> C ROLLBACK | Z I
        s< Q ?state
        a< C ROLLBACK | Z I
        a! locked
        ",
    );
    let session = SessionSettings { mode: PoolMode::Session, ..SessionSettings::default() };
    play_with(
        "
        a> Q copy t from stdin
        s< Q copy t from stdin
        s> G
        a< G
        a! spared the pool is in session mode: the server connection is its client's until it leaves
        a> c
        s< c
        s> C COPY 0 | Z I
        a< C COPY 0 | Z I
        ",
        session,
    );
}

#[test]
fn a_late_cancel_does_not_keep_the_rollback_from_its_end() {
    play(
        "
        a> Q begin
        a< C BEGIN | Z T
        a> Q select 1
        s< Q BEGIN | Q select 1
        s> C BEGIN | Z T | C SELECT 1 | Z T
        a< C SELECT 1 | Z T
        a! evict
        s< Q ROLLBACK
        s> E 57014 canceling | Z E
        s< Q ROLLBACK
        s> C ROLLBACK | Z I
        s: free
        a> Q commit
        a< E 25P03 evicted | Z I
        ",
    );
}

#[test]
fn what_is_done_is_known() {
    play(
        "
        a> Q begin read only
        s< Q begin read only
        s> C BEGIN | Z T
        a< C BEGIN | Z T
        w: Nothing
        a> Q select f()
        s< Q select f()
        s> C SELECT 1 | Z T
        a< C SELECT 1 | Z T
        w: ReadOnly
        a> Q rollback
        s< Q rollback
        s> C ROLLBACK | Z I
        a< C ROLLBACK | Z I
        a> Q begin; select 1; update t set a = 1
        s< Q begin; select 1; update t set a = 1
        w: Wrote
        s> C BEGIN | C SELECT 1 | C UPDATE 0 | Z T
        a< C BEGIN | C SELECT 1 | C UPDATE 0 | Z T
        w: NoRows
        a> P - delete from t | B - | E | S
        s< P - delete from t | B - | E | S
        s> 1 | 2 | C DELETE 3 | Z T
        a< 1 | 2 | C DELETE 3 | Z T
        w: Wrote
        a> Q rollback
        s< Q rollback
        s> C ROLLBACK | Z I
        a< C ROLLBACK | Z I
        a> Q begin; set transaction read only; set transaction read write; select f()
        s< Q begin; set transaction read only; set transaction read write; select f()
        s> C BEGIN | C SET | C SET | C SELECT 1 | Z T
        a< C BEGIN | C SET | C SET | C SELECT 1 | Z T
        w: Wrote
        ",
    );
}

#[test]
fn a_closed_server_connection_fails_the_transaction() {
    play(
        "
        a! prepares s1
        a> Q begin
        a< C BEGIN | Z T
        a> Q update t | P s2 select 2 | B s2 | E | S | P - select 3
        s< Q BEGIN | Q update t | P weir.1 select 2 | B weir.1 | E | S | P - select 3
        s> C BEGIN | Z T
        a! close
        s< dropped
        a< E 25P03 closed | Z E | E 25P03 closed | Z E | E 25P03 closed
        a> B - | E | S
        a< Z E
        a> Q commit
        a< E 25P03 closed | Z I
        a> B s2 | E | S
        s< B s2 | E | S
        s> E 26000 no | Z I
        a< E 26000 no | Z I
        a> B s1 | E | S
        s< P weir.0 select 1 | B weir.0 | E | S
        s> 1 | 2 | C SELECT 1 | Z I
        a< 2 | C SELECT 1 | Z I
        ",
    );
}

#[test]
fn outside_of_a_block_a_closed_server_connection_leaves_a_doubt() {
    play(
        "
        a> Q select 1 from t
        s< Q select 1 from t
        s> T | D x
        a< T | D x
        a! close
        s< dropped
        a< E 57014 closed | Z I
        a> Q update t
        s< Q update t
        a! close
        s< dropped
        a< E 08007 closed | Z I
        a> P - update t | B - | E | S
        s< P - update t | B - | E | S
        s> 1 | 2 | C UPDATE 1
        a< 1 | 2 | C UPDATE 1
        a! close
        s< dropped
        a< E 08007 closed | Z I
        a> P - bad | B - | E | S
        s< P - bad | B - | E | S
        s> E 42601 bad
        a< E 42601 bad
        a! close
        s< dropped
        a< Z I
        a> Q select 2
        s< Q select 2
        s> C SELECT 1 | Z I
        a< C SELECT 1 | Z I
        ",
    );
}
