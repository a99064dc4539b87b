//! What becomes of messages that wait when the configuration changes or the process ends.

use weir_core::config::Settings;

use super::server::Service;
use super::*;
use crate::alert::Alerts;

fn settings(receivers: &[(&str, &Service)]) -> Settings {
    let one = |(name, service): &(&str, &Service)| {
        ((*name).to_owned(), receiver(AlertKind::Webhook, &service.url("/")))
    };
    Settings { receivers: receivers.iter().map(one).collect(), ..Settings::default() }
}

/// Ends the thread beside the services that it talks to.
async fn end(alerts: Alerts) {
    soon(tokio::task::spawn_blocking(move || drop(alerts))).await.unwrap();
}

#[tokio::test]
async fn what_waits_at_the_end_is_tried_once_more() {
    let mut service = Service::start(&[(503, "")], None).await;
    let alerts = Alerts::ending_within(PATIENCE, &settings(&[("hook", &service)])).unwrap();
    alerts.tell(message(State::Open));
    service.next().await;
    end(alerts).await;
    assert_eq!(service.next().await.body["type"], "weir.incident.open");
}

/// The second message is due in a minute: by then the process is to be gone.
#[tokio::test]
async fn the_end_waits_for_nobody_for_long() {
    let mut service = Service::start(&[], None).await;
    let mut slow = settings(&[("hook", &service)]);
    slow.receivers.values_mut().for_each(|receiver| receiver.per_minute = 1);
    let alerts = Alerts::start(&slow).unwrap();
    alerts.tell(message(State::Open));
    service.next().await;
    alerts.tell(message(State::Closed));
    end(alerts).await;
    assert!(service.got.try_recv().is_err(), "the pace that the service takes is kept");
}

#[tokio::test]
async fn a_reload_that_changes_nothing_keeps_what_waits() {
    let mut service = Service::start(&[(503, "")], None).await;
    let same = settings(&[("hook", &service)]);
    let alerts = Alerts::start(&same).unwrap();
    alerts.tell(message(State::Open));
    service.next().await;
    alerts.reload(&same);
    assert_eq!(service.next().await.body["type"], "weir.incident.open");
    end(alerts).await;
    assert!(service.got.try_recv().is_err(), "nothing comes twice");
}

#[tokio::test]
async fn what_waits_goes_where_the_receiver_is_now() {
    let mut before = Service::start(&[(503, ""); 30], None).await;
    let (mut after, mut other) = (Service::start(&[], None).await, Service::start(&[], None).await);
    let alerts = Alerts::start(&settings(&[("hook", &before)])).unwrap();
    alerts.tell(message(State::Open));
    before.next().await;
    alerts.reload(&settings(&[("hook", &after), ("new", &other)]));
    assert_eq!(after.next().await.body["type"], "weir.incident.open");
    alerts.tell(message(State::Closed));
    assert_eq!(after.next().await.body["type"], "weir.incident.closed");
    assert_eq!(other.next().await.body["type"], "weir.incident.closed", "it was not there before");
    end(alerts).await;
}
