//! Routes and what guards them: Host and Origin, content type, body size and time.
//!
//! A node listens on loopback, where every web page that the user visits could reach it. So a request must name this
//! host, which a page behind a rebound DNS name does not, and must not come from a foreign origin.

use crate::error::RpcError;
use crate::limits::{BODY_BYTES_MAX, WEBSOCKETS_MAX};
use crate::server::{Config, Connection};
use crate::service::{Caller, NoStreams, Service};
use crate::types::HealthStatus;
use crate::{wire, ws};
use axum::body::{Body, HttpBody as _};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, CONTENT_TYPE, HOST, ORIGIN, UPGRADE, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// What every request needs.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) service: Arc<Service>,
    pub(crate) config: Arc<Config>,
    /// The one address listened on, which requests may name; `None` when it is any.
    listen_ip: Option<IpAddr>,
    pub(crate) websockets: Arc<Semaphore>,
    pub(crate) stop: watch::Receiver<bool>,
}

impl App {
    pub(crate) fn new(
        service: Arc<Service>,
        config: Arc<Config>,
        listen_ip: Option<IpAddr>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self { service, config, listen_ip, websockets: Arc::new(Semaphore::new(WEBSOCKETS_MAX)), stop }
    }
}

/// All routes. `pages` is served below them, within the same guards; without any, `/` tells where the rest is.
pub(crate) fn router(app: App, pages: Option<Router>) -> Router {
    let own = Router::new()
        .route("/rpc", get(upgrade).post(post))
        .route("/healthy", get(healthy))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(app.clone());
    let pages = pages.unwrap_or_else(|| Router::new().route("/", get(index)));
    own.merge(pages).layer(from_fn_with_state(app, guard))
}

async fn index() -> Response {
    let body = serde_json::json!({
        "name": "wattle",
        "version": env!("CARGO_PKG_VERSION"),
        "rpc": "/rpc",
        "docs": "call rpc.discover at /rpc",
    });
    page(StatusCode::OK, JSON, body.to_string())
}

async fn post(State(app): State<App>, request: Request) -> Response {
    if !is_json(request.headers()) {
        return refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send content-type: application/json");
    }
    // What is announced as too long is refused before any of it is awaited.
    if request.body().size_hint().lower() > BODY_BYTES_MAX as u64 {
        return too_large();
    }
    let read = axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX);
    let bytes = match tokio::time::timeout(app.config.timeouts.body, read).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => return too_large(),
        Err(_) => return closing(refusal(StatusCode::REQUEST_TIMEOUT, "the body took too long")),
    };
    let answer = match std::str::from_utf8(&bytes) {
        Ok(text) => {
            let mut caller = Caller { service: &app.service, streams: &mut NoStreams };
            wire::answer(text, &mut caller).await
        }
        Err(_) => Some(wire::failure("null", &RpcError::Parse { detail: "not UTF-8".to_owned() })),
    };
    match answer {
        Some(answer) => page(StatusCode::OK, JSON, answer),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

fn too_large() -> Response {
    let error = RpcError::LimitExceeded { what: "body size in bytes", max: BODY_BYTES_MAX as u64 };
    closing(page(StatusCode::PAYLOAD_TOO_LARGE, JSON, wire::failure("null", &error)))
}

async fn upgrade(State(app): State<App>, connection: Extension<Connection>, request: Request) -> Response {
    if !request.headers().contains_key(UPGRADE) {
        return refusal(StatusCode::METHOD_NOT_ALLOWED, "POST JSON-RPC here, or open a WebSocket");
    }
    let Ok(permit) = Arc::clone(&app.websockets).try_acquire_owned() else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "too many WebSocket connections");
    };
    let (mut parts, _) = request.into_parts();
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &app).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    upgrade
        .max_message_size(BODY_BYTES_MAX)
        .max_frame_size(BODY_BYTES_MAX)
        .read_buffer_size(16 * 1024)
        .on_upgrade(async move |socket| {
            ws::serve(socket, app.service, app.config.timeouts, app.stop).await;
            drop((permit, connection)); // the connection counts until here
        })
}

async fn healthy(State(app): State<App>) -> Response {
    let health = app.service.backend.health();
    let status = match health.status {
        HealthStatus::Ok | HealthStatus::Degraded => StatusCode::OK,
        HealthStatus::Failed => StatusCode::SERVICE_UNAVAILABLE,
    };
    json(status, &health)
}

async fn ready(State(app): State<App>) -> Response {
    let readiness = app.service.backend.readiness();
    json(if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &readiness)
}

async fn metrics(State(app): State<App>) -> Response {
    let mut reasons = app.service.backend.health().reasons;
    reasons.extend(app.service.backend.readiness().reasons);
    match app.service.metrics.render(&reasons) {
        Ok(text) => page(StatusCode::OK, "text/plain; version=0.0.4", text),
        Err(error) => {
            tracing::warn!(%error, "metrics cannot be rendered");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "metrics cannot be rendered")
        }
    }
}

/// Lets through what names this host and comes from no foreign page.
async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let Some(host) = single(headers, &HOST) else {
        return refusal(StatusCode::BAD_REQUEST, "one Host header is needed");
    };
    if !app.config.allows_host(host, app.listen_ip) {
        return refusal(
            StatusCode::FORBIDDEN,
            "this host name is not allowed; see allowed_hosts under [rpc] in config.toml",
        );
    }
    if !headers.contains_key(ORIGIN) {
        return hardened(next.run(request).await);
    }
    let Some(origin) = single(headers, &ORIGIN).map(str::to_owned) else {
        return refusal(StatusCode::FORBIDDEN, "this origin is not allowed");
    };
    let listed = app.config.allowed_origins.contains(&origin);
    if !listed && !same_origin(&origin, host) {
        return refusal(
            StatusCode::FORBIDDEN,
            "this origin is not allowed; see allowed_origins under [rpc] in config.toml",
        );
    }
    let preflight = request.method() == Method::OPTIONS;
    let response = if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let response = hardened(response);
    if listed { shared_with(response, &origin, preflight) } else { response }
}

fn shared_with(mut response: Response, origin: &str, preflight: bool) -> Response {
    let headers = response.headers_mut();
    if let Ok(origin) = HeaderValue::from_str(origin) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(VARY, HeaderValue::from_static("origin"));
    }
    if preflight {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    response
}

/// Answers are data: no browser shall guess another type.
fn hardened(mut response: Response) -> Response {
    response.headers_mut().insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

fn single<'a>(headers: &'a HeaderMap, name: &axum::http::HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

fn same_origin(origin: &str, host: &str) -> bool {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = single(headers, &CONTENT_TYPE) else { return false };
    let media = value.split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case(JSON) || media.eq_ignore_ascii_case("application/json-rpc")
}

fn json<T: serde::Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => page(status, JSON, text),
        Err(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "the answer cannot be written"),
    }
}

fn refusal(status: StatusCode, reason: &'static str) -> Response {
    page(status, TEXT, format!("{reason}\n"))
}

fn page(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    (status, [(CONTENT_TYPE, kind)], body.into()).into_response()
}

/// What was not read of the request is not worth reading.
fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(axum::http::header::CONNECTION, HeaderValue::from_static("close"));
    response
}
