//! A web service that answers as it is told and writes down what it gets.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::TlsAcceptor;

/// One request as it came.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: serde_json::Value,
}

#[derive(Clone)]
struct Book {
    got: UnboundedSender<Got>,
    answers: Arc<Mutex<VecDeque<(u16, &'static str)>>>,
}

/// A running service; it ends with the runtime.
pub(super) struct Service {
    pub(super) port: u16,
    pub(super) got: UnboundedReceiver<Got>,
}

impl Service {
    /// Answers each request with the next of `answers`, then with 200 and `{"errcode":0}`.
    pub(super) async fn start(answers: &[(u16, &'static str)], tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, got) = unbounded_channel();
        let answers = Arc::new(Mutex::new(answers.iter().copied().collect()));
        let router = Router::new().fallback(answer).with_state(Book { got: sender, answers });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (router, tls) = (router.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        // A client that does not believe us goes away.
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serve(stream, router).await,
                            Err(_) => {}
                        },
                        None => serve(stream, router).await,
                    }
                });
            }
        });
        Self { port, got }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(super) async fn next(&mut self) -> Got {
        super::soon(self.got.recv()).await.expect("the service runs")
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    let service = TowerToHyperService::new(router);
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    State(book): State<Book>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    let body = serde_json::from_slice(&body).expect("a body is JSON");
    book.got.send(Got { uri, headers, body }).expect("the test listens");
    let next = book.answers.lock().unwrap().pop_front();
    let (status, text) = next.unwrap_or((200, r#"{"errcode":0,"code":0}"#));
    (StatusCode::from_u16(status).unwrap(), text)
}
