//! What clients are told, and what is overheard of them.

use crate::stage::Stage;

#[test]
fn who_waits_for_long_is_told() {
    let stage = Stage::new(&[("pool", "size = 1"), ("session", "wait_notice_after = \"100ms\"")]);
    let mut holder = stage.client();
    holder.query("BEGIN; SELECT 1").unwrap();
    std::thread::scope(|scope| {
        // The statement is let go once another client has been told in the log that it waits.
        let waits = scope.spawn(|| stage.psql("", "SELECT 'done'"));
        holder.query("SELECT pg_sleep(1)").unwrap();
        holder.query("COMMIT").unwrap();
        let out = waits.join().unwrap();
        let told = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(told.contains("waiting for a server connection: 0 clients are ahead"), "{told}");
        assert_eq!(told.matches("waiting for").count(), 1, "{told}");
        assert_eq!(out.stdout, b"done\n");
    });
}

#[test]
fn a_login_notice_is_given() {
    let stage = Stage::new(&[("session", "login_notice = \"through weir\"")]);
    let out = stage.psql("", "SELECT 1");
    assert!(String::from_utf8_lossy(&out.stderr).contains("NOTICE:  through weir"), "{out:?}");
}

#[test]
fn a_parameter_to_be_ignored_is_not_sent_on() {
    let options = "-c no_such_parameter=1";
    let strict = Stage::new(&[]);
    assert!(!strict.psql(options, "SELECT 1").status.success());
    let lax = Stage::new(&[("session", "ignore_startup_parameters = [\"no_such_parameter\"]")]);
    let out = lax.psql(options, "SELECT 1");
    assert_eq!(out.stdout, b"1\n", "{out:?}");
}
