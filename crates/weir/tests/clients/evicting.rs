//! Evicts a client's transaction through the console, while another client waits for its slot.

use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::stage::Stage;

const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(10);

pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Evicts the client `victim`, which has the only server connection, of process `pid`. Somebody
/// waits for that connection meanwhile, and must get the same one.
pub(crate) async fn evict(stage: &Stage, pid: i32) {
    let console = connect(&stage.console_url()).await;
    let waiter = connect(&format!("{}?application_name=waiter", stage.url())).await;
    let answer = tokio::spawn(async move { first(&waiter, "SELECT pg_backend_pid()").await });
    found(&console, "waiter", "waiting").await;
    assert!(!answer.is_finished());
    let victim = found(&console, "victim", "idle in transaction").await;
    console.batch_execute(&format!("EVICT {victim}")).await.unwrap();
    assert_eq!(answer.await.unwrap(), pid.to_string());
}

/// The first column of the first row.
pub(crate) async fn first(client: &Client, query: &str) -> String {
    let messages = client.simple_query(query).await.unwrap();
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    row.unwrap().to_owned()
}

/// The notes that are in the table, seen by somebody else.
pub(crate) async fn left(stage: &Stage) -> String {
    let query = "SELECT coalesce(string_agg(note, ' ' ORDER BY note), '') FROM notes";
    first(&connect(&stage.url()).await, query).await
}

/// The number of the client of that name, once it does that.
async fn found(console: &Client, application: &str, activity: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        for message in console.simple_query("SHOW CLIENTS").await.unwrap() {
            if let SimpleQueryMessage::Row(row) = message
                && (row.get("application_name"), row.get("activity"))
                    == (Some(application), Some(activity))
            {
                return row.get("id").unwrap().to_owned();
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    panic!("{application} is never {activity}");
}
