//! The shape of each service's body, what it must hold and what never.

use serde_json::Value;

use super::*;
use crate::config::choices::Language;

fn body(kind: AlertKind, secret: Option<&str>, message: &Message) -> Value {
    serde_json::from_str(&web(kind, secret, message).body).expect("a body is JSON")
}

const WEB: [AlertKind; 7] = [
    AlertKind::Webhook,
    AlertKind::Alertmanager,
    AlertKind::Slack,
    AlertKind::Pagerduty,
    AlertKind::Dingtalk,
    AlertKind::Feishu,
    AlertKind::Wecom,
];

#[test]
fn every_service_gets_json_with_the_cause_and_without_values_or_secrets() {
    for kind in WEB {
        for message in messages().iter().chain([&test_message()]) {
            let request = web(kind, Some("s3cret-key"), message);
            assert!(serde_json::from_str::<Value>(&request.body).is_ok(), "{kind:?}");
            assert!(!request.body.contains("private"), "{kind:?}: a value of a statement");
            let shows = kind == AlertKind::Pagerduty;
            assert_eq!(request.body.contains("s3cret-key"), shows, "{kind:?}");
            assert!(!format!("{request:?}").contains("s3cret-key"));
            assert!(!request.query.contains("s3cret-key"));
        }
        let open = web(kind, None, &message(State::Open)).body;
        assert!(open.contains("transactions wait on the application"), "{kind:?}: {open}");
    }
}

#[test]
fn a_webhook_gets_a_cloud_event() {
    let event = body(AlertKind::Webhook, None, &message(State::Open));
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["type"], "weir.incident.open");
    assert_eq!(event["data"]["incident"]["state"], "open");
    assert!(event["id"].is_string() && event["source"].is_string() && event["time"].is_string());
    let test = body(AlertKind::Webhook, None, &test_message());
    assert_eq!(test["type"], "weir.test");
    assert!(test.get("subject").is_none(), "an attribute is never null");
    let request = web(AlertKind::Webhook, Some("t"), &test_message());
    assert_eq!(request.content_type, "application/cloudevents+json");
    assert_eq!(request.headers[0].1.reveal(), "Bearer t");
}

#[test]
fn alertmanager_keeps_an_incident_as_one_alert_that_ends() {
    let alert = |state| body(AlertKind::Alertmanager, None, &message(state))[0].clone();
    let (open, closed) = (alert(State::Open), alert(State::Closed));
    assert_eq!(open["labels"], closed["labels"]);
    assert_eq!(open["startsAt"], closed["startsAt"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    assert!(text(&open["endsAt"]) > text(&closed["endsAt"]));
    assert!(text(&closed["endsAt"]) > text(&closed["startsAt"]));
    let request = web(AlertKind::Alertmanager, None, &test_message());
    assert_eq!(request.path, "/api/v2/alerts");
}

#[test]
fn pagerduty_gets_one_key_for_the_incident_and_a_resolve_at_its_end() {
    let event = |state| body(AlertKind::Pagerduty, Some("routing"), &message(state));
    let (open, watching, closed) =
        (event(State::Open), event(State::Watching), event(State::Closed));
    assert_eq!(open["event_action"], "trigger");
    assert_eq!(open["payload"]["severity"], "critical");
    assert_eq!(watching["payload"]["severity"], "warning");
    assert_eq!(closed["event_action"], "resolve");
    assert_eq!(open["dedup_key"], closed["dedup_key"]);
    assert_eq!(open["routing_key"], "routing");
    let long = Message::test(&"n".repeat(400), Wall(NOW));
    assert!(long.key().len() <= 255);
}

#[test]
fn dingtalk_is_signed_in_its_address_and_calls_nobody_at_the_end() {
    let request = web(AlertKind::Dingtalk, Some("SEC"), &message(State::Open));
    let (timestamp, signature) = request.query.split_once("&sign=").unwrap();
    assert_eq!(timestamp, format!("timestamp={NOW}"));
    assert!(signature.ends_with("%3D"), "{signature}");
    assert!(web(AlertKind::Dingtalk, None, &test_message()).query.is_empty());
    let mobiles =
        |state| body(AlertKind::Dingtalk, None, &message(state))["at"]["atMobiles"].clone();
    assert_eq!(mobiles(State::Open)[0], "13800000000");
    assert_eq!(mobiles(State::Closed).as_array().unwrap().len(), 0);
}

#[test]
fn feishu_is_signed_in_its_body() {
    let card = body(AlertKind::Feishu, Some("SEC"), &message(State::Closed));
    assert_eq!(card["timestamp"], (NOW / 1000).to_string());
    assert_eq!(card["sign"].as_str().unwrap().len(), 44);
    assert_eq!(card["card"]["header"]["template"], "green");
    assert!(body(AlertKind::Feishu, None, &test_message()).get("sign").is_none());
}

#[test]
fn slack_and_wecom_get_texts_that_they_take() {
    let slack = web(AlertKind::Slack, None, &message(State::Open)).body;
    assert!(slack.contains("bulk &lt;a&amp;b&gt;") && !slack.contains("<a&b>"), "{slack}");
    let mut long = message(State::Open);
    long.installation = "名".repeat(3_000);
    let wecom = body(AlertKind::Wecom, None, &long);
    assert!(wecom["text"]["content"].as_str().unwrap().len() <= 2_000);
}

#[test]
fn a_mail_has_one_line_as_subject_and_speaks_chinese_where_asked() {
    let mut message = message(State::Closed);
    message.installation = "shop\r\nBcc: x@example.com".into();
    let sender =
        Sender { kind: AlertKind::Email, secret: None, mention: &[], language: Language::Zh };
    let Outgoing::Mail(mail) = render(&sender, &message, Wall(NOW)) else { panic!("no mail") };
    assert!(!mail.subject.contains(['\r', '\n']), "{}", mail.subject);
    assert!(mail.subject.contains("已恢复：事务在等待应用"), "{}", mail.subject);
    assert!(mail.text.contains("把外部调用移出事务") && mail.text.contains("拒绝 400 个请求"));
}

#[test]
fn answers_of_services_are_understood() {
    let check = |kind, status, body, expected: &str| {
        let found = match verdict(kind, status, Some("7"), body) {
            Verdict::Delivered => "delivered".to_owned(),
            Verdict::Failed { retry_after, .. } => format!("again {retry_after:?}"),
            Verdict::Refused { why } => format!("refused {why}"),
        };
        assert_eq!(found, expected, "{kind:?} {status} {body}");
    };
    check(AlertKind::Slack, 200, "ok", "delivered");
    check(AlertKind::Slack, 404, "", "refused HTTP status 404");
    check(AlertKind::Webhook, 429, "", "again Some(7s)");
    check(AlertKind::Webhook, 503, "", "again Some(7s)");
    check(AlertKind::Pagerduty, 202, "{}", "delivered");
    check(AlertKind::Dingtalk, 200, r#"{"errcode":0,"errmsg":"ok"}"#, "delivered");
    check(AlertKind::Dingtalk, 200, r#"{"errcode":310000}"#, "refused errcode 310000");
    check(AlertKind::Dingtalk, 200, r#"{"errcode":130101}"#, "again Some(60s)");
    check(AlertKind::Feishu, 200, r#"{"code":19021}"#, "refused code 19021");
    check(AlertKind::Wecom, 200, r#"{"errcode":45009}"#, "again Some(60s)");
    check(AlertKind::Wecom, 200, "<html>", "again None");
}
