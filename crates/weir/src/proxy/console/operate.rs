//! Orders to workers and to the process.

use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::sync::oneshot;
use weir_core::console::{Means, Operation, Serial};
use weir_core::session::Notice;
use weir_wire::error::SqlState;

use super::answer::refused;
use super::{Order, gather};
use crate::proxy::mail::{Command, Detail, ToWorker, Undone};
use crate::proxy::threads::House;

/// How often WAIT_CLOSE looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Does what an administrator asks, and waits until it is done. Dropping it gives up waiting;
/// [`undo`] takes back what would otherwise stay half done.
///
/// # Errors
/// Why it is not done, in words.
pub(super) async fn operate(
    house: &House,
    orders: &Sender<Order>,
    operation: &Operation,
) -> Result<(), Notice> {
    if let Some(database) = operation.database() {
        check_database(house, database)?;
    }
    tracing::info!("console: {}", described(operation));
    match operation {
        Operation::Pause(database) => pause(house, database.as_deref()).await,
        Operation::Resume(database) => resume(house, database.as_deref()),
        Operation::Reconnect(database) => {
            send(house, |_| Command::Reconnect { database: database.clone() });
            Ok(())
        }
        Operation::WaitClose(database) => wait_close(house, database.as_deref()).await,
        Operation::Kill(database) => {
            house.console.holds().pause(database.as_deref());
            send(house, |_| Command::Kill { database: database.clone() });
            // The workers take letters in order: when they answer, it is done.
            gather::snapshot(house, Detail::Pools).await.map(drop).map_err(|why| stuck(&why))
        }
        Operation::KillClient(id) => kill_client(house, Serial(*id)).await,
        Operation::End(means, id) => end(house, *means, Serial(*id)).await,
        Operation::Disable(database) => {
            house.console.holds().disable(database);
            Ok(())
        }
        Operation::Enable(database) => {
            house.console.holds().enable(database);
            Ok(())
        }
        Operation::Reload => reload(orders).await,
        Operation::Shutdown(how) => {
            order(orders, Order::Stop(*how)).await;
            Ok(())
        }
    }
}

/// Takes back an operation that was interrupted: a pause that nobody waits for any more.
pub(super) fn undo(house: &House, operation: &Operation) {
    if let Operation::Pause(database) = operation
        && resume(house, database.as_deref()).is_ok()
    {
        tracing::info!("console: {} was interrupted and is taken back", described(operation));
    }
}

fn described(operation: &Operation) -> String {
    match (operation, operation.database()) {
        (_, Some(database)) => format!("{} {database}", operation.tag()),
        (Operation::KillClient(id) | Operation::End(_, id), None) => {
            format!("{} {id}", operation.tag())
        }
        (_, None) => operation.tag().to_owned(),
    }
}

fn check_database(house: &House, name: &str) -> Result<(), Notice> {
    let settings = &house.directory.load().settings;
    if settings.console.answers_to(name) {
        let message = format!("\"{name}\" is the console itself");
        return Err(refused(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
    }
    if settings.database(name).is_none() {
        let mut notice =
            refused(SqlState::INVALID_CATALOG_NAME, format!("no such database: {name}"));
        notice.hint = "SHOW DATABASES lists them.".into();
        return Err(notice);
    }
    Ok(())
}

fn send(house: &House, command: impl Fn(usize) -> Command) {
    for (worker, mailbox) in house.mailboxes.iter().enumerate() {
        mailbox.put(ToWorker::Command(command(worker)));
    }
}

async fn pause(house: &House, database: Option<&str>) -> Result<(), Notice> {
    if !house.console.holds().pause(database) {
        let what = database.map_or("everything".to_owned(), |name| format!("database {name}"));
        let message = format!("{what} is paused already");
        return Err(refused(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
    }
    let mut waited = Vec::with_capacity(house.mailboxes.len());
    for mailbox in &house.mailboxes {
        let (done, paused) = oneshot::channel();
        let database = database.map(str::to_owned);
        mailbox.put(ToWorker::Command(Command::Pause { database, done }));
        waited.push(paused);
    }
    for paused in waited {
        paused.await.map_err(|_| {
            refused(SqlState::QUERY_CANCELED, "the pause was ended before it was complete")
        })?;
    }
    Ok(())
}

fn resume(house: &House, database: Option<&str>) -> Result<(), Notice> {
    if house.console.holds().resume(database) {
        send(house, |_| Command::Resume { database: database.map(str::to_owned) });
        return Ok(());
    }
    let mut notice = match database {
        None => refused(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "nothing is paused"),
        Some(name) => refused(
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("database {name} is not paused by itself"),
        ),
    };
    if house.console.holds().is_everything_paused() {
        notice.hint = "Everything is paused; RESUME without a name ends that.".into();
    }
    Err(notice)
}

async fn wait_close(house: &House, database: Option<&str>) -> Result<(), Notice> {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        let snapshot = gather::snapshot(house, Detail::Pools).await.map_err(|why| stuck(&why))?;
        let asked = |name: &str| database.is_none_or(|database| database == name);
        let mut pools = snapshot.pools.iter().filter(|pool| asked(&pool.database));
        if pools.all(|pool| pool.stale == 0 && pool.view.closing == 0) {
            return Ok(());
        }
    }
}

async fn kill_client(house: &House, client: Serial) -> Result<(), Notice> {
    let none = || {
        let mut notice =
            refused(SqlState::UNDEFINED_OBJECT, format!("there is no client {}", client.0));
        notice.hint = "SHOW CLIENTS lists them, in column id.".into();
        notice
    };
    let mailbox = house.mailboxes.get(client.worker()).ok_or_else(none)?;
    let (found, answer) = oneshot::channel();
    mailbox.put(ToWorker::Command(Command::KillClient { client, found }));
    match answer.await {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(none()),
    }
}

async fn end(house: &House, means: Means, id: Serial) -> Result<(), Notice> {
    let none = || {
        let message = format!("there is no client and no server connection {}", id.0);
        let mut notice = refused(SqlState::UNDEFINED_OBJECT, message);
        notice.hint = "SHOW CLIENTS and SHOW SERVERS list them, in column id.".into();
        notice
    };
    let mailbox = house.mailboxes.get(id.worker()).ok_or_else(none)?;
    let (done, answer) = oneshot::channel();
    mailbox.put(ToWorker::Command(Command::End { id, means, done }));
    match answer.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Undone::Unknown)) | Err(_) => Err(none()),
        Ok(Err(Undone::Spared(why))) => {
            let message = format!("{} {} was not done: {why}", means.tag(), id.0);
            Err(refused(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message))
        }
    }
}

async fn reload(orders: &Sender<Order>) -> Result<(), Notice> {
    let (done, answer) = oneshot::channel();
    order(orders, Order::Reload(done)).await;
    let why = match answer.await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(why)) => why,
        Err(_) => "the process is stopping".into(),
    };
    Err(Notice {
        sqlstate: SqlState::CONFIG_FILE_ERROR,
        message: "the configuration is not reloaded; the old one stays in force".into(),
        detail: why,
        hint: "`weir config check FILE` lists every problem.".into(),
    })
}

async fn order(orders: &Sender<Order>, order: Order) {
    // Nobody takes orders any more when the process is at its end; that is what was wanted, or
    // the answer's channel says it.
    let _ = orders.send(order).await;
}

pub(super) fn stuck(why: &super::NoAnswer) -> Notice {
    refused(SqlState::INTERNAL_ERROR, why.to_string())
}
