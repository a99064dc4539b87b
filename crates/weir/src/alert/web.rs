//! POSTs one request and reads the answer: a connection for each, HTTP/1.1. Redirects are not
//! followed, because a body with an incident in it should not travel on.

use std::sync::Arc;

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::rt::{Read, Write};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use weir_core::alert::{self, Verdict, WebAddress, verdict};
use weir_core::config::choices::AlertKind;

use crate::proxy::tls::web::web_client;

/// How much of an answer is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The way to one web service.
pub(crate) struct Web {
    address: WebAddress,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl std::fmt::Debug for Web {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.address.fmt(f)
    }
}

impl Web {
    /// Reads the certificates, connects nowhere.
    pub(crate) fn new(address: WebAddress, ca: Option<&str>) -> Result<Self> {
        let tls = if address.tls {
            let name = ServerName::try_from(address.host.clone())
                .with_context(|| format!("{} cannot be in a certificate", address.host))?;
            Some((TlsConnector::from(Arc::clone(&web_client(ca)?)), name))
        } else {
            None
        };
        Ok(Self { address, tls })
    }

    /// Sends, and says what became of it.
    pub(super) async fn post(&self, kind: AlertKind, request: &alert::Request) -> Verdict {
        match self.exchange(request).await {
            Ok((status, retry_after, body)) => {
                verdict(kind, status, retry_after.as_deref(), &String::from_utf8_lossy(&body))
            }
            Err(why) => Verdict::Failed { why: format!("{why:#}"), retry_after: None },
        }
    }

    /// Sends; the status, Retry-After and the beginning of the answer.
    pub(crate) async fn exchange(
        &self,
        request: &alert::Request,
    ) -> Result<(u16, Option<String>, Vec<u8>)> {
        let WebAddress { host, port, .. } = &self.address;
        let stream = TcpStream::connect((host.as_str(), *port))
            .await
            .with_context(|| format!("cannot connect to {host}:{port}"))?;
        let request = self.request(request)?;
        let response = match &self.tls {
            Some((connector, name)) => {
                let stream = connector
                    .connect(name.clone(), stream)
                    .await
                    .with_context(|| format!("no TLS with {host}:{port}"))?;
                send(TokioIo::new(stream), request).await
            }
            None => send(TokioIo::new(stream), request).await,
        };
        let response = response.with_context(|| format!("no HTTP answer from {host}:{port}"))?;
        let status = response.status().as_u16();
        let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let after = after.map(str::to_owned);
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_or_else(|_| Vec::new(), |body| body.to_bytes().to_vec());
        Ok((status, after, body))
    }

    fn request(&self, request: &alert::Request) -> Result<Request<Full<Bytes>>> {
        let WebAddress { host, port, path, .. } = &self.address;
        let mut target = match path.split_once('?') {
            Some((path, query)) => {
                format!("{}{}?{query}", path.trim_end_matches('/'), request.path)
            }
            None if request.path.is_empty() => path.clone(),
            None => format!("{}{}", path.trim_end_matches('/'), request.path),
        };
        if !request.query.is_empty() {
            target.push(if target.contains('?') { '&' } else { '?' });
            target.push_str(&request.query);
        }
        let named =
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let mut built = Request::builder()
            .method(Method::POST)
            .uri(target)
            .header(HOST, named)
            .header(USER_AGENT, "weir")
            .header(CONTENT_TYPE, request.content_type);
        for (name, secret) in &request.headers {
            let mut value = HeaderValue::try_from(secret.reveal())
                .ok()
                .with_context(|| format!("the secret for `{name}` cannot stand in a header"))?;
            value.set_sensitive(*name == AUTHORIZATION.as_str());
            built = built.header(*name, value);
        }
        // The address itself may hold a key: the error does not repeat it.
        built
            .body(Full::new(Bytes::from(request.body.clone())))
            .ok()
            .context("the receiver's address cannot be asked for")
    }
}

async fn send<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Response<Incoming>>
where
    S: Read + Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(stream).await?;
    // Ends with the exchange: the sender is dropped when the answer has been read.
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}
