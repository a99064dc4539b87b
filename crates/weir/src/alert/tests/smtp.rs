//! Mail to a server that speaks SMTP.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use weir_core::alert::Verdict;

use super::*;
use crate::alert::courier::Courier;

/// One conversation: answers `recipient` to RCPT, and gives back all that was said.
async fn server(recipient: &'static str) -> (u16, oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (done, said) = oneshot::channel();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let mut said = String::new();
        let mut in_data = false;
        write.write_all(b"220 mail ready\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            said.push_str(&line);
            said.push('\n');
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let answer = match verb.as_str() {
                _ if in_data && line == "." => {
                    in_data = false;
                    "250 taken"
                }
                _ if in_data => continue,
                "EHLO" => "250-mail\r\n250 AUTH PLAIN",
                "AUTH" => "235 welcome",
                "RCPT" => recipient,
                "DATA" => {
                    in_data = true;
                    "354 go on"
                }
                "QUIT" => "221 bye",
                _ => "250 fine",
            };
            if write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() || verb == "QUIT"
            {
                break;
            }
        }
        let _ = done.send(said);
    });
    (port, said)
}

fn mail(port: u16) -> Courier {
    let receiver = Receiver {
        secret: Some(Secret::new("hunter2")),
        user: Some("weir".into()),
        from: Some("Weir <weir@example.com>".into()),
        to: vec!["oncall@example.com".into(), "dba@example.com".into()],
        ..receiver(AlertKind::Email, &format!("smtp://127.0.0.1:{port}"))
    };
    Courier::new(&receiver).unwrap()
}

#[tokio::test]
async fn a_mail_arrives_once_with_subject_and_every_receiver() {
    let (port, said) = server("250 fine").await;
    let courier = mail(port);
    assert_eq!(soon(courier.deliver(&message(State::Open))).await, Verdict::Delivered);
    // The conversation ends when the connection does.
    drop(courier);
    let said = soon(said).await.unwrap();
    assert_eq!(said.matches("RCPT TO:").count(), 2, "{said}");
    assert_eq!(said.lines().filter(|line| *line == "DATA").count(), 1, "{said}");
    assert!(said.contains("Subject: [shop] PostgreSQL connections, open"), "{said}");
    assert!(said.contains("42 requests refused"), "{said}");
    assert!(said.contains("References: <weir/shop/20240621-101600-0001@weir>"), "{said}");
    assert!(!said.contains("hunter2"), "a password goes in base64 and nowhere else");
}

#[tokio::test]
async fn a_refused_receiver_is_final_and_a_busy_server_is_tried_again() {
    let (port, _said) = server("550 nobody here").await;
    let verdict = soon(mail(port).deliver(&message(State::Open))).await;
    assert!(matches!(verdict, Verdict::Refused { .. }), "{verdict:?}");
    let (port, _said) = server("451 later").await;
    let verdict = soon(mail(port).deliver(&message(State::Open))).await;
    let Verdict::Failed { why, .. } = verdict else { panic!("{verdict:?}") };
    assert!(why.starts_with(&format!("mail server 127.0.0.1:{port}: ")), "{why}");
}

#[tokio::test]
async fn a_server_beyond_this_machine_must_offer_tls() {
    let (port, said) = server("250 fine").await;
    let receiver = Receiver {
        from: Some("weir@example.com".into()),
        to: vec!["oncall@example.com".into()],
        // No loopback address by its look, and yet it leads here.
        ..receiver(AlertKind::Email, &format!("smtp://0.0.0.0:{port}"))
    };
    let courier = Courier::new(&receiver).unwrap();
    let verdict = soon(courier.deliver(&message(State::Open))).await;
    assert!(matches!(verdict, Verdict::Failed { .. } | Verdict::Refused { .. }), "{verdict:?}");
    drop(courier);
    let said = soon(said).await.unwrap();
    assert!(said.contains("EHLO") && !said.contains("MAIL FROM"), "{said}");
}
