//! Messages over HTTP.

use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use weir_core::alert::Verdict;
use weir_testkit::tls::Certificates;
use weir_testkit::{Account, Scratch};

use super::server::Service;
use super::*;
use crate::alert::clerk::Clerk;
use crate::alert::courier::Courier;

#[tokio::test]
async fn every_service_gets_its_message_at_its_place() {
    let cases = [
        (AlertKind::Webhook, "/hook", "/hook", "specversion"),
        (AlertKind::Alertmanager, "/am/", "/am/api/v2/alerts", ""),
        (AlertKind::Slack, "/services/T/B/x", "/services/T/B/x", "blocks"),
        (AlertKind::Pagerduty, "/v2/enqueue", "/v2/enqueue", "dedup_key"),
        (AlertKind::Dingtalk, "/robot?access_token=t", "/robot?access_token=t", "markdown"),
        (AlertKind::Feishu, "/bot/x", "/bot/x", "card"),
        (AlertKind::Wecom, "/send?key=k", "/send?key=k", "text"),
    ];
    for (kind, path, asked, field) in cases {
        let mut service = Service::start(&[], None).await;
        let courier = Courier::new(&receiver(kind, &service.url(path))).unwrap();
        assert_eq!(courier.deliver(&message(State::Open)).await, Verdict::Delivered, "{kind:?}");
        let got = service.next().await;
        assert_eq!(got.uri.to_string(), asked);
        let body = if field.is_empty() { &got.body[0]["labels"] } else { &got.body[field] };
        assert!(!body.is_null(), "{kind:?}: {}", got.body);
        assert_eq!(got.headers["host"], format!("127.0.0.1:{}", service.port));
    }
}

/// HMAC-SHA256 by the book (RFC 2104), for keys of up to 64 bytes: not the code that is tested.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let pad = |fill: u8| {
        let mut block = [fill; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

fn unbase64(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for digit in text.trim_end_matches('=').chars() {
        bits = bits << 6 | u32::try_from(DIGITS.find(digit).unwrap()).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    bytes
}

#[tokio::test]
async fn signatures_hold_as_the_services_check_them() {
    let mut service = Service::start(&[], None).await;
    let signed = |kind, url: &str| {
        let secret = Some(Secret::new("SECdeadbeef"));
        Courier::new(&Receiver { secret, ..receiver(kind, url) }).unwrap()
    };
    let ding = signed(AlertKind::Dingtalk, &service.url("/robot?access_token=t"));
    assert_eq!(ding.deliver(&message(State::Open)).await, Verdict::Delivered);
    let query = service.next().await.uri.query().unwrap().to_owned();
    let field = |name: &str| {
        let found = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        found.unwrap().replace("%2B", "+").replace("%2F", "/").replace("%3D", "=")
    };
    let text = format!("{}\nSECdeadbeef", field("timestamp"));
    assert_eq!(unbase64(&field("sign")), hmac(b"SECdeadbeef", text.as_bytes()));
    let feishu = signed(AlertKind::Feishu, &service.url("/bot"));
    assert_eq!(feishu.deliver(&message(State::Open)).await, Verdict::Delivered);
    let body = service.next().await.body;
    let key = format!("{}\nSECdeadbeef", body["timestamp"].as_str().unwrap());
    assert_eq!(unbase64(body["sign"].as_str().unwrap()), hmac(key.as_bytes(), b""));
}

#[tokio::test]
async fn what_was_not_taken_is_sent_again_and_each_change_once() {
    let mut service = Service::start(&[(503, ""), (429, "")], None).await;
    let clerk = Clerk::hire("hook".into(), receiver(AlertKind::Webhook, &service.url("/")));
    clerk.tell(message(State::Open));
    let mut first = Vec::new();
    for _ in 0..3 {
        first.push(service.next().await.body["data"]["incident"]["state"].clone());
    }
    assert_eq!(first, ["open", "open", "open"], "two failures, then it is taken");
    clerk.tell(message(State::Closed));
    assert_eq!(service.next().await.body["type"], "weir.incident.closed");
    assert!(service.got.try_recv().is_err(), "nothing comes twice");
}

#[tokio::test]
async fn a_refusal_is_final() {
    let mut service = Service::start(&[(404, "")], None).await;
    let clerk = Clerk::hire("slack".into(), receiver(AlertKind::Slack, &service.url("/")));
    clerk.tell(message(State::Open));
    service.next().await;
    clerk.tell(message(State::Closed));
    let text = service.next().await.body["text"].to_string();
    assert!(text.contains("closed"), "{text}");
}

#[tokio::test]
async fn a_dead_receiver_hinders_no_other_and_nobody_who_tells() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let mut service = Service::start(&[], None).await;
    let dead = receiver(AlertKind::Webhook, &format!("http://127.0.0.1:{port}/"));
    let settings = weir_core::config::Settings {
        receivers: [
            ("a-dead".to_owned(), dead),
            ("b-alive".to_owned(), receiver(AlertKind::Webhook, &service.url("/"))),
        ]
        .into(),
        ..Default::default()
    };
    let alerts = crate::alert::Alerts::start(&settings).unwrap();
    for state in [State::Open, State::Closed] {
        alerts.tell(message(state));
        let got = service.next().await;
        assert_eq!(got.body["data"]["incident"]["state"], state.as_str());
    }
}

#[tokio::test]
async fn tls_is_believed_only_where_the_issuer_is() {
    let (ours, others) = (Certificates::new("x").unwrap(), Certificates::new("x").unwrap());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = vec![CertificateDer::from_pem_slice(ours.server.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(ours.server.key.as_bytes()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let mut service = Service::start(&[], Some(Arc::new(config).into())).await;
    let home = Scratch::new(Account::own()).unwrap();
    let courier = |authority: &str, name: &str| {
        let file = home.path().join(name);
        std::fs::write(&file, authority).unwrap();
        let ca = Some(file.to_str().unwrap().to_owned());
        let url = format!("https://localhost:{}/", service.port);
        Courier::new(&Receiver { ca, ..receiver(AlertKind::Webhook, &url) }).unwrap()
    };
    let (good, bad) = (courier(&ours.authority, "ours.pem"), courier(&others.authority, "o.pem"));
    assert_eq!(good.deliver(&message(State::Open)).await, Verdict::Delivered);
    let Verdict::Failed { why, .. } = bad.deliver(&message(State::Open)).await else {
        panic!("a stranger was believed");
    };
    assert!(why.contains("no TLS"), "{why}");
    service.next().await;
    assert!(service.got.try_recv().is_err());
}

#[test]
fn the_command_tells_of_each_receiver_and_shows_no_secret() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let service = runtime.block_on(Service::start(&[(200, r#"{"errcode":310000}"#)], None));
    let url = service.url("/robot?access_token=hunter2");
    let secret = Some(Secret::new("hunter3"));
    let ding = Receiver { secret, ..receiver(AlertKind::Dingtalk, &url) };
    let settings = weir_core::config::Settings {
        receivers: [("ding".to_owned(), ding)].into(),
        ..Default::default()
    };
    let test = |names: &[String]| {
        let mut out = Vec::new();
        let code = crate::alert::command::test(&settings, names, &mut out).unwrap();
        (format!("{code:?}"), String::from_utf8(out).unwrap())
    };
    let failure = format!("{:?}", std::process::ExitCode::FAILURE);
    assert_eq!(test(&[]), (failure.clone(), "ding (dingtalk): refused: errcode 310000\n".into()));
    let (code, text) = test(&[]);
    assert_eq!((code == failure, text.as_str()), (false, "ding (dingtalk): delivered\n"));
    assert_eq!(test(&["x".into()]), (failure, "x: there is no [alerts.x]\n".into()));
    drop(runtime);
    let (_, text) = test(&[]);
    assert!(!text.contains("hunter") && text.contains("cannot connect"), "{text}");
}
