//! Serves the status on loopback: `GET /`, `/status`, `/metrics`; of a pay-as-you-go device `/token` too.
//!
//! Nothing can be changed here, but that a token can be typed ([`super::token`]). A page of somewhere else that has its
//! name point to this computer is turned away by the `Host` header, which the browser fills in with that name.

use super::live::Source;
use super::respond::{plain, respond, written};
use super::{metrics, page, token};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, HOST, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Connections at once: a browser, a collector, and some to spare. More wait.
const CONNECTIONS_MAX: usize = 8;
/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 8192;
/// How long a client may take for a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may last.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after a failed accept, most often for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves until dropped.
pub(crate) async fn serve(listener: TcpListener, source: Arc<Source>) -> Infallible {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = Arc::clone(&places).acquire_owned().await; // never closed
        match listener.accept().await {
            Ok((stream, _)) => {
                let source = Arc::clone(&source);
                tokio::spawn(async move {
                    let _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection(stream, source)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, source: Arc<Source>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let source = Arc::clone(&source);
        async move { Ok::<_, Infallible>(answer(request, &source).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(true)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::trace!(%error, "status connection ended");
    }
}

async fn answer(request: Request<Incoming>, source: &Source) -> Response<Full<Bytes>> {
    if !names_this_computer(&request) {
        return plain(StatusCode::MISDIRECTED_REQUEST, "ask by the name localhost or a loopback address");
    }
    let typed = source.typed.as_ref().filter(|_| request.uri().path() == "/token");
    match (request.method().clone(), typed) {
        (Method::GET | Method::HEAD, _) => {}
        (Method::POST, Some(typed)) => return token::answer(request, typed).await,
        (_, typed) => {
            let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET");
            let allowed = if typed.is_some() { "GET, HEAD, POST" } else { "GET, HEAD" };
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
            return refused;
        }
    }
    if typed.is_some() {
        return respond(StatusCode::OK, "text/html; charset=utf-8", page::token(None));
    }
    let path = request.uri().path();
    if path == "/status.css" {
        return respond(StatusCode::OK, "text/css; charset=utf-8", page::CSS.to_owned());
    }
    if !matches!(path, "/" | "/status" | "/metrics") {
        return plain(StatusCode::NOT_FOUND, "/, /status or /metrics");
    }
    let Ok(status) = source.look().await else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "the light node is about to end");
    };
    match path {
        "/" => respond(StatusCode::OK, "text/html; charset=utf-8", page::render(&status)),
        "/metrics" => written(prometheus::TEXT_FORMAT, metrics::render(&status).ok()),
        _ => written("application/json", serde_json::to_string(&status).ok()),
    }
}

fn names_this_computer(request: &Request<Incoming>) -> bool {
    let hosts: Vec<&HeaderValue> = request.headers().get_all(HOST).iter().collect();
    matches!(hosts.as_slice(), [host] if host.to_str().is_ok_and(is_loopback_host))
}

/// Whether a `Host` header names this computer to itself, with or without a port.
fn is_loopback_host(host: &str) -> bool {
    if let Ok(address) = host.parse::<SocketAddr>() {
        return address.ip().is_loopback();
    }
    let without_port = match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') && port.parse::<u16>().is_ok() => name,
        _ => host,
    };
    let bare = without_port.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(without_port);
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
