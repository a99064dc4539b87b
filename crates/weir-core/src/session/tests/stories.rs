//! The stories: each a subtle rule of the protocol, or something that once went wrong.

use super::play::{play, play_with};
use crate::session::{PoolMode, ServerReset, SessionSettings};

#[test]
fn a_simple_query_takes_and_gives_back() {
    play(
        "
        a> Q select 1
        s: a
        s< Q select 1
        s> T | D 1 | C SELECT 1 | Z I
        a< T | D 1 | C SELECT 1 | Z I
        s: free
        ",
    );
}

#[test]
fn a_deferred_begin_is_sent_with_the_first_statement() {
    play(
        "
        a> Q begin
        a< C BEGIN | Z T
        s: free
        a> Q select 1
        s< Q BEGIN | Q select 1
        s> C BEGIN | Z T | C SELECT 1 | Z T
        a< C SELECT 1 | Z T
        a> Q commit
        s< Q commit
        s> C COMMIT | Z I
        a< C COMMIT | Z I
        s: free
        a> Q start transaction
        a< C START TRANSACTION | Z T
        a! gone
        s: free
        ",
    );
}

#[test]
fn the_usual_end_of_a_pipeline_is_as_any_other() {
    play(
        "
        a> P - select 1 | B - | D P - | E | S
        s< P - select 1 | B - | D P - | E | S
        d: Parse Bind Describe Execute Ready
        s> 1 | 2 | T | D 1 | C SELECT 1 | Z I
        a< 1 | 2 | T | D 1 | C SELECT 1 | Z I
        s: free
        a> B - | E | S | B - | D P - | E | S
        s< B - | E | S | B - | D P - | E | S
        d: Bind Execute Ready Bind Describe Execute Ready
        s> 2 | D 1 | C SELECT 1 | Z I
        a< 2 | D 1 | C SELECT 1 | Z I
        s: a
        s> 2 | T | D 1 | C SELECT 1 | Z I
        a< 2 | T | D 1 | C SELECT 1 | Z I
        s: free
        a> P - oops | H
        s< P - oops | H
        s> E 42601 syntax error
        a< E 42601 syntax error
        a> B - | D P - | E | S
        s< S
        s> Z I
        a< Z I
        s: free
        ",
    );
}

#[test]
fn a_description_comes_before_what_is_asked_behind_it() {
    play(
        "
        a! prepares s1
        a> P s2 select 2 | D S s2 | C S s1 | S
        s< P weir.1 select 2 | D S weir.1 | S
        d: Parse Describe LocalClose Ready
        s> 1 | t | T
        a< 1 | t | T | 3
        s> Z I
        a< Z I
        s: free
        a> Q begin
        a< C BEGIN | Z T
        a> D S s2 | H
        s< Q BEGIN | D S weir.1 | H
        s> C BEGIN | Z T
        a! spared a statement is under way: it can only be cancelled
        s> t | n
        a< t | n
        a! gone
        s: ghost
        s< S
        s> Z T
        s< Q ROLLBACK
        s> C ROLLBACK | Z I
        s: free
        ",
    );
}

#[test]
fn behind_an_error_all_is_dropped_until_the_sync() {
    play(
        "
        a> P - bad | H
        s< P - bad | H
        s> E 42601 bad
        a< E 42601 bad
        a> B - | E | P s1 select 1 | Q select 2
        s<
        a> S
        s< S
        s> Z I
        a< Z I
        s: free
        ",
    );
}

#[test]
fn a_query_behind_a_failed_message_has_no_reply() {
    play(
        "
        a> P - bad | Q select 2 | S
        s< P - bad | Q select 2 | S
        s> E 42601 bad | Z I
        a< E 42601 bad | Z I
        s: free
        ",
    );
}

#[test]
fn a_local_reply_behind_a_servers_does_not_wait_for_the_sync() {
    play(
        "
        a! prepares s1
        a> P s2 select 2 | C S s1 | H
        s< P weir.1 select 2 | H
        s> 1
        a< 1 | 3
        a> S
        s< S
        s> Z I
        a< Z I
        ",
    );
}

#[test]
fn changes_of_names_behind_an_error_are_taken_back() {
    play(
        "
        a! prepares s1
        a> P - bad | C S s1 | P s1 select 2 | S
        s< P - bad | P weir.2 select 2 | S
        s> E 42601 bad | Z I
        a< E 42601 bad | Z I
        a! runs s1
        ",
    );
}

#[test]
fn a_statement_whose_unnamed_twin_fails_stays_prepared() {
    play(
        "
        a! prepares s1
        a> P - bad | P - select 1 | S
        s< P - bad | P - select 1 | S
        s> E 42601 bad | Z I
        a< E 42601 bad | Z I
        a! runs s1
        ",
    );
}

#[test]
fn a_statement_that_was_not_closed_to_make_room_stays_prepared() {
    let settings = SessionSettings { server_statements_max: 1, ..SessionSettings::default() };
    play_with(
        "
        a! prepares s1
        a> P - bad | P s2 select 2 | S
        s< P - bad | P weir.2 select 2 | C S weir.0 | S
        s> E 42601 bad | Z I
        a< E 42601 bad | Z I
        a! runs s1
        ",
        settings,
    );
}

#[test]
fn a_taken_name_is_refused_in_the_clients_words() {
    play(
        "
        a! prepares s1
        a> P s1 select 2 | B s1 | S
        s< C S weir. | P weir. | P weir. select 2 | B weir.0 | S
        s> 3 | 1 | E 42P05 prepared statement \"weir.\" already exists | Z I
        a< E 42P05 prepared statement \"s1\" already exists | Z I
        a> P s1 bad | S
        s< C S weir. | P weir. | P weir. bad | S
        s> 3 | 1 | E 42601 bad | Z I
        a< E 42601 bad | Z I
        ",
    );
}

#[test]
fn the_unnamed_statement_of_another_client_is_not_seen() {
    play(
        "
        a> P - select 1 | S
        s< P - select 1 | S
        s> 1 | Z I
        a< 1 | Z I
        b> B - | E | S
        s< Q SELECT pg_catalog.set_config('application_name','bee',false); | C S - | B - | E | S
        s> T | D bee | C SELECT 1 | Z I | 3 | E 26000 none | Z I
        b< E 26000 none | Z I
        ",
    );
}

#[test]
fn the_unnamed_statement_goes_with_a_simple_query() {
    play(
        "
        a> P - select 1 | S
        s< P - select 1 | S
        s> 1 | Z I
        a< 1 | Z I
        a> Q select 2
        s< Q select 2
        s> C SELECT 1 | Z I
        a< C SELECT 1 | Z I
        a> B - | S
        s< C S - | B - | S
        s> 3 | E 26000 none | Z I
        a< E 26000 none | Z I
        ",
    );
}

#[test]
fn the_unnamed_statement_follows_its_client_to_another_server() {
    play(
        "
        a> P - select 1 | S
        s< P - select 1 | S
        s> 1 | Z I
        a< 1 | Z I
        b> P - select 2 | S
        s< Q SELECT pg_catalog.set_config('application_name','bee',false); | P - select 2 | S
        s> C SELECT 1 | Z I | 1 | Z I
        b< 1 | Z I
        a> B - | E | S
        s< Q RESET \"application_name\"; | P - select 1 | B - | E | S
        s> C RESET | Z I | 1 | 2 | C SELECT 1 | Z I
        a< 2 | C SELECT 1 | Z I
        ",
    );
}

#[test]
fn a_name_like_ours_finds_nothing() {
    play(
        "
        a! prepares s1
        b> C S weir.0 | D S weir.0 | S
        b< 3
        s< Q SELECT pg_catalog.set_config('application_name','bee',false); | D S not weir.0 | S
        s> C SELECT 1 | Z I | E 26000 none | Z I
        b< E 26000 none | Z I
        b> B weir.0 | C S weir.0 | S
        s< B not weir.0 | C S not weir.0 | S
        s> E 26000 none | Z I
        b< E 26000 none | Z I
        ",
    );
}

#[test]
fn deallocate_all_closes_at_once_and_only_if_it_succeeds() {
    play(
        "
        a! prepares s1
        a> Q begin
        a< C BEGIN | Z T
        a> Q deallocate all
        s< Q BEGIN | Q deallocate all
        s> C BEGIN | Z T | C DEALLOCATE ALL | Z T
        a< C DEALLOCATE ALL | Z T
        a> P s1 select 1 | S
        s< P weir.0 select 1 | S
        s> 1 | Z T
        a< 1 | Z T
        a> Q bad
        s< Q bad
        s> E 42601 bad | Z E
        a< E 42601 bad | Z E
        a> Q deallocate all
        s< Q deallocate all
        s> E 25P02 aborted | Z E
        a< E 25P02 aborted | Z E
        a> Q rollback
        s< Q rollback
        s> C ROLLBACK | Z I
        a< C ROLLBACK | Z I
        a! runs s1
        ",
    );
}

#[test]
fn deallocate_of_one_name_leaves_other_clients_theirs() {
    play(
        "
        a! prepares s1
        a> Q deallocate s1
        s< C S weir. | P weir. | S | Q deallocate \"weir.\"
        s> 3 | 1 | Z I | C DEALLOCATE | Z I
        a< C DEALLOCATE | Z I
        a> B s1 | S
        s< B s1 | S
        s> E 26000 none | Z I
        a< E 26000 none | Z I
        ",
    );
}

#[test]
fn the_error_of_a_statement_prepared_for_execute_is_that_of_the_execute() {
    let settings = SessionSettings { server_statements_max: 1, ..SessionSettings::default() };
    play_with(
        "
        a! prepares s1
        a> P s2 select 2 | S
        s< P weir.1 select 2 | C S weir.0 | S
        s> 1 | 3 | Z I
        a< 1 | Z I
        a> Q execute s1
        s< P weir.0 select 1 | C S weir.1 | S | Q execute \"weir.0\"
        s> E 42P01 no table | Z I | E 26000 no weir.0 | Z I
        a< E 42P01 no table | Z I
        s: free
        a> B s2 | E | S
        s< B weir.1 | E | S
        s> 2 | C SELECT 1 | Z I
        a< 2 | C SELECT 1 | Z I
        ",
        settings,
    );
}

#[test]
fn a_pipeline_is_not_cut_by_a_statement_that_names_another() {
    play(
        "
        a! prepares s1
        a> P - deallocate s1 | B - | E | S
        s< C S weir. | P weir. | P - deallocate \"weir.\" | B - | E | S
        s> 3 | 1 | 1 | 2 | C DEALLOCATE | Z I
        a< 1 | 2 | C DEALLOCATE | Z I
        ",
    );
}

#[test]
fn a_set_goes_with_its_client() {
    play(
        "
        a> Q set x to 1
        s< Q set x to 1
        s> C SET | Z I
        a< C SET | Z I
        s: free
        b> Q select 1
        s< Q RESET \"x\";SELECT pg_catalog.set_config('application_name','bee',false);
        s> C RESET | C SELECT 1 | Z I
        s< Q select 1
        s> C SELECT 1 | Z I
        b< C SELECT 1 | Z I
        a> Q select 2
        s< Q RESET \"application_name\";SET \"x\" TO 1;
        s> C RESET | C SET | Z I
        s< Q select 2
        s> C SELECT 1 | Z I
        a< C SELECT 1 | Z I
        ",
    );
}

#[test]
fn nothing_runs_without_its_settings() {
    play(
        "
        a> Q set role alice
        s< Q set role alice
        s> C SET | Z I
        a< C SET | Z I
        b> Q select 1
        s< Q RESET ROLE;SELECT pg_catalog.set_config('application_name','bee',false);
        s> C RESET | C SELECT 1 | Z I
        s< Q select 1
        s> C SELECT 1 | Z I
        b< C SELECT 1 | Z I
        a> Q delete from t
        s< Q RESET \"application_name\";SET ROLE TO alice;
        s> E 22023 gone
        a< E 22023 gone | closed
        s> Z I
        s< dropped
        s: free
        ",
    );
}

#[test]
fn a_late_cancel_that_hits_an_inquiry_harms_nobody() {
    play(
        "
        a> Q listen news
        s< Q listen news
        s> C LISTEN | Z I
        a< C LISTEN | Z I
        s< Q ?state
        s> E 57014 late | Z I
        a<
        s< Q ?settings ?state
        s> T | R S - - | R n news - | R T - - | C SELECT 3 | Z I
        a: listen
        ",
    );
}

/// What we ask behind a transaction is none of its statements, however long those were.
#[test]
fn what_is_asked_behind_a_transaction_is_not_the_clients() {
    play(
        "
        t: no
        a> Q begin
        a< C BEGIN | Z T
        a> Q select 1
        s< Q BEGIN | Q select 1
        s> C BEGIN | Z T | C SELECT 1 | Z T
        a< C SELECT 1 | Z T
        t: no
        a> Q prepare transaction 'x'
        s< Q prepare transaction 'x'
        t: no
        s> C PREPARE TRANSACTION | Z I
        a< C PREPARE TRANSACTION | Z I
        s< Q ?settings
        t: yes
        s> C SELECT 1 | Z I
        t: no
        s: free
        ",
    );
}

#[test]
fn a_client_may_leave_while_its_settings_are_on_their_way() {
    play(
        "
        a> Q set x to 1
        s< Q set x to 1
        s> C SET | Z I
        a< C SET | Z I
        b> Q select 1
        s< Q RESET \"x\";SELECT pg_catalog.set_config('application_name','bee',false);
        b! gone
        s> C RESET | C SELECT 1 | Z I
        s<
        s: free
        a> Q select 2
        s< Q RESET \"application_name\";SET \"x\" TO 1;
        ",
    );
}

#[test]
fn reset_all_does_not_give_a_role_up() {
    play(
        "
        a> Q set role alice
        s< Q set role alice
        s> C SET | Z I
        a< C SET | Z I
        a> Q reset all
        s< Q reset all
        s> C RESET | Z I
        a< C RESET | Z I
        b> Q select 1
        s< Q RESET ROLE;SELECT pg_catalog.set_config('application_name','bee',false);
        s> C RESET | C SELECT 1 | Z I
        s< Q select 1
        s> C SELECT 1 | Z I
        b< C SELECT 1 | Z I
        ",
    );
}

#[test]
fn a_set_that_a_chained_commit_kept_is_asked_for() {
    play(
        "
        a> Q begin
        a< C BEGIN | Z T
        a> Q set x to 1
        s< Q BEGIN | Q set x to 1
        s> C BEGIN | Z T | C SET | Z T
        a< C SET | Z T
        a> Q commit and chain
        s< Q commit and chain
        s> C COMMIT | Z T
        a< C COMMIT | Z T
        a> Q rollback
        s< Q rollback
        s> C ROLLBACK | Z I
        a< C ROLLBACK | Z I
        s< Q ?settings
        s> T | R s x 1 | R S - - | C SELECT 2 | Z I
        s: free
        b> Q select 1
        s< Q RESET \"x\";SELECT pg_catalog.set_config('application_name','bee',false);
        s> C RESET | C SELECT 1 | Z I
        s< Q select 1
        s> C SELECT 1 | Z I
        b< C SELECT 1 | Z I
        ",
    );
}

#[test]
fn a_pipeline_with_an_end_of_transaction_inside_is_asked_about() {
    play(
        "
        a> P - begin | B - | E | P - set x to 1 | B - | E | P - rollback | B - | E | S
        s< P - begin | B - | E | P - set x to 1 | B - | E | P - rollback | B - | E | S
        s> 1 | 2 | C BEGIN | 1 | 2 | C SET | 1 | 2 | C ROLLBACK | Z I
        a< 1 | 2 | C BEGIN | 1 | 2 | C SET | 1 | 2 | C ROLLBACK | Z I
        s< Q ?settings
        s> T | R S - - | C SELECT 1 | Z I
        s: free
        ",
    );
}

#[test]
fn what_only_one_server_connection_has_pins() {
    play(
        "
        a> Q listen news
        s< Q listen news
        s> C LISTEN | Z I
        a< C LISTEN | Z I
        s< Q ?state
        s> T | R n news | A early | R T - | C SELECT 2 | Z I
        a< A early
        a: listen
        p: 1
        s: a
        s> A news
        a< A news
        a> Q unlisten *
        s< Q unlisten *
        s> C UNLISTEN | Z I
        a< C UNLISTEN | Z I
        s< Q ?state
        s> T | R T - | C SELECT 1 | Z I
        p: 0
        s: free
        a> Q unlisten *
        s< Q unlisten *
        s> C UNLISTEN | Z I
        a< C UNLISTEN | Z I
        s: free
        ",
    );
}

#[test]
fn session_functions_and_encodings_pin_and_are_counted() {
    play(
        "
        a> Q load 'x'
        s< Q load 'x'
        s> C LOAD | Z I
        a< C LOAD | Z I
        a: session function
        p: 1
        s: a
        a! gone
        s< Q DISCARD ALL
        p: 0
        s> C DISCARD ALL | Z I
        s: free
        a> Q set client_encoding to sjis
        s< Q set client_encoding to sjis
        s> C SET | Z I
        a< C SET | Z I
        a: encoding
        s: a
        a> Q reset client_encoding
        s< Q reset client_encoding
        s> C RESET | Z I
        a< C RESET | Z I
        s< Q ?settings ?state
        s> T | R S - | R T - | C SELECT 2 | Z I
        s: free
        p: 0
        ",
    );
}

#[test]
fn too_many_pins_end_the_client() {
    let settings = SessionSettings { pins_max: 0, ..SessionSettings::default() };
    play_with(
        "
        a> Q load 'x'
        s< Q load 'x'
        s> C LOAD | Z I
        a< C LOAD | Z I | F 53400 too many clients need a server connection of their own | closed
        s< Q DISCARD ALL
        s> C DISCARD ALL | Z I
        s: free
        ",
        settings,
    );
}

#[test]
fn copy_in_the_extended_protocol_ignores_the_sync() {
    play(
        "
        a> P - copy t from stdin | B - | E | S
        s< P - copy t from stdin | B - | E | S
        s> 1 | 2 | G
        a< 1 | 2 | G
        a> d row | c | S
        s< d row | c | S
        s> C COPY 1 | Z I
        a< C COPY 1 | Z I
        s: free
        a> P - copy t from stdin | B - | E | S | d row | c | S
        s< P - copy t from stdin | B - | E | S | d row | c | S
        s> 1 | 2 | G | C COPY 1 | Z I
        a< 1 | 2 | G | C COPY 1 | Z I
        s: free
        ",
    );
}

#[test]
fn copy_in_a_simple_query_ignores_the_sync_too() {
    play(
        "
        a> Q copy t from stdin; copy u from stdin | S | d row | c | d row | c
        s< Q copy t from stdin; copy u from stdin | S | d row | c | d row | c
        s> G | C COPY 1 | G | C COPY 1 | Z I
        a< G | C COPY 1 | G | C COPY 1 | Z I
        s: free
        ",
    );
}

#[test]
fn whatever_else_comes_while_the_server_reads_copy_data_ends_that() {
    play(
        "
        a> P - copy t from stdin | B - | E | S
        s< P - copy t from stdin | B - | E | S
        s> 1 | 2 | G
        a< 1 | 2 | G
        a> B - | E | S
        s< B - | E | S
        s> E 08P01 unexpected message | Z I
        a< E 08P01 unexpected message | Z I
        s: free
        ",
    );
}

#[test]
fn a_late_end_of_copy_is_forgotten() {
    play(
        "
        a> Q begin
        a< C BEGIN | Z T
        a> Q copy t from stdin
        s< Q BEGIN | Q copy t from stdin
        s> C BEGIN | Z T | G | E 22P02 bad row | Z E
        a< G | E 22P02 bad row | Z E
        a> d row | c
        s<
        a! evict
        s< Q ROLLBACK
        s> C ROLLBACK | Z I
        s: free
        ",
    );
}

#[test]
fn copy_in_of_a_client_that_left_early_is_failed() {
    play(
        "
        a> Q copy t from stdin
        s< Q copy t from stdin
        a! gone
        s> G
        s< f
        s> E 57014 the client is gone | Z I
        s: free
        a> P - copy t from stdin | B - | E | S
        s< P - copy t from stdin | B - | E | S
        a! gone
        s> 1 | 2 | G
        s< f | S
        s> E 57014 the client is gone | Z I
        s: free
        ",
    );
}

#[test]
fn a_client_may_leave_at_any_point() {
    play(
        "
        a> Q begin
        a< C BEGIN | Z T
        a> P s1 select 1 | B s1
        s< Q BEGIN | P weir.0 select 1 | B weir.0
        a! gone
        s< P - refused: the client is gone, or its transaction was evicted | S
        s> C BEGIN | Z T | 1 | 2 | E 42601 refused | Z E
        s< Q ROLLBACK
        s> C ROLLBACK | Z I
        s: free
        ",
    );
}

#[test]
fn a_refused_request_is_answered_on_a_live_connection() {
    play(
        "
        a! refuse
        a> Q select 1
        a< E 53300 refused | Z I
        a! refuse
        a> P - select 1 | B - | E | S
        a< E 53300 refused | Z I
        a> Q begin
        a< C BEGIN | Z T
        a! refuse
        a> Q select 1
        a< E 53300 refused | Z E
        a> Q commit
        a< C ROLLBACK | Z I
        ",
    );
}

#[test]
fn a_fatal_error_reaches_the_client_whoever_asked() {
    play(
        "
        a> Q set role alice
        s< Q set role alice
        s> C SET | Z I
        a< C SET | Z I
        a> Q listen x
        s< Q listen x
        s> C LISTEN | Z I | F 57P01 going down
        a< C LISTEN | Z I | F 57P01 going down | closed
        s< Q ?state | dropped
        ",
    );
}

#[test]
fn statement_mode_refuses_transaction_blocks() {
    let settings = SessionSettings { mode: PoolMode::Statement, ..SessionSettings::default() };
    play_with(
        "
        a> Q begin
        a< E 0A000 transaction blocks are not allowed in statement pooling mode | Z I
        s: free
        a> P - begin | B - | E | S
        a< E 0A000 transaction blocks are not allowed in statement pooling mode | Z I
        s: free
        a> Q select 1 | Q begin; select 2
        s< Q select 1 | Q refused: transaction blocks need a pool in transaction mode
        s> C SELECT 1 | Z I | E 42601 syntax | Z I
 a< C SELECT 1 | Z I | E 0A000 transaction blocks are not allowed in statement pooling mode | Z I
        a> P - select 1 | P - begin | B - | S
 s< P - select 1 | P - refused: transaction blocks need a pool in transaction mode | C S - | B - | S
        s> 1 | E 42601 syntax | Z I
        a< 1 | E 0A000 transaction blocks are not allowed in statement pooling mode | Z I
        s: free
        ",
        settings,
    );
}

#[test]
fn a_reset_after_each_lease_leaves_the_client_its_settings() {
    let settings = SessionSettings { reset: ServerReset::Always, ..SessionSettings::default() };
    play_with(
        "
        a> Q set x to 1
        s< Q set x to 1
        s> C SET | Z I
        a< C SET | Z I
        s< Q DISCARD ALL
        s> C DISCARD ALL | Z I
        s: free
        a> Q select 1
        s< Q SET \"x\" TO 1;
        s> C SET | Z I
        s< Q select 1
        s> C SELECT 1 | Z I
        a< C SELECT 1 | Z I
        s< Q DISCARD ALL
        s> C DISCARD ALL | Z I
        ",
        settings,
    );
}

#[test]
fn session_mode_keeps_and_at_last_discards() {
    let settings = SessionSettings { mode: PoolMode::Session, ..SessionSettings::default() };
    play_with(
        "
        a> Q select 1
        s< Q select 1
        s> C SELECT 1 | Z I
        a< C SELECT 1 | Z I
        s: a
        a! gone
        s< Q DISCARD ALL
        s> C DISCARD ALL | Z I
        s: free
        ",
        settings,
    );
}
