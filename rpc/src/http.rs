//! Routes and what guards them: Host and Origin, content type, body size and time.
//!
//! A node listens on loopback, where every web page that the user visits could reach it. So a request must name this
//! host, which a page behind a rebound DNS name does not, and must not come from a foreign origin.

use crate::budget::Held;
use crate::config::Config;
use crate::metrics::Refusal;
use crate::places::{PLACES_RETRY_MS, Place};
use crate::service::{Answer, NoStreams, Service};
use crate::{wire, ws};
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, CONTENT_TYPE, HOST, ORIGIN, UPGRADE, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use wattle_primitives::planted;
use wattle_rpc_types::limits::{BODY_BYTES_MAX, WEBSOCKET_BYTES_MAX};
use wattle_rpc_types::{HealthStatus, RpcError};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// State shared by all requests.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) service: Arc<Service>,
    pub(crate) config: Arc<Config>,
    /// The one address listened on, which requests may name; `None` when it is any.
    listen_ip: Option<IpAddr>,
    pub(crate) websockets: Arc<Semaphore>,
    /// Ends everything.
    pub(crate) stop: CancellationToken,
}

impl App {
    pub(crate) fn new(service: Arc<Service>, config: Config, listen_ip: Option<IpAddr>) -> Self {
        let websockets = Arc::new(Semaphore::new(config.limits.websockets_max));
        Self { service, config: Arc::new(config), listen_ip, websockets, stop: CancellationToken::new() }
    }
}

/// All routes. `pages` is served below them, within the same guards; without any, `/` tells where the rest is.
pub(crate) fn router(app: App, pages: Option<Router>) -> Router {
    let own = Router::new()
        .route("/rpc", get(upgrade).post(answer))
        .route("/healthy", get(healthy))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(app.clone());
    let pages = pages.unwrap_or_else(|| Router::new().route("/", get(index)));
    own.merge(pages).layer(from_fn_with_state(app, guard)).layer(from_fn(turns))
}

/// The routes of the admin socket. No web page reaches it, so there is no host or origin to look at.
pub(crate) fn admin_router(app: App) -> Router {
    Router::new().route("/rpc", post(answer)).with_state(app).layer(from_fn(turns))
}

/// Tells the table of places who asks, and whose turn it is.
async fn turns(place: Extension<Arc<Place>>, request: Request, next: Next) -> Response {
    let response = if place.asked_by(request.headers()) {
        next.run(request).await
    } else {
        let error =
            RpcError::Busy { what: "every connection of this address", retry_after_ms: PLACES_RETRY_MS };
        closing(page(StatusCode::SERVICE_UNAVAILABLE, JSON, wire::failure("null", &error)))
    };
    // A WebSocket goes on being its client's.
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        place.reading();
    }
    response
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

async fn answer(State(app): State<App>, place: Extension<Arc<Place>>, request: Request) -> Response {
    let refused = |reason| app.service.metrics.refused(reason);
    if !is_json(request.headers()) {
        refused(Refusal::ContentType);
        return refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send content-type: application/json");
    }
    // A body that is announced as too long is refused before any of it is awaited.
    let size = request.body().size_hint();
    if size.lower() > BODY_BYTES_MAX as u64 {
        refused(Refusal::TooLarge);
        return too_large();
    }
    let announced = size.upper().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(BODY_BYTES_MAX);
    let mut held = Held::default();
    if !app.service.bodies.cover(&mut held, announced) {
        refused(Refusal::Memory);
        return no_memory();
    }
    place.asking();
    let read = axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX);
    let bytes = match tokio::time::timeout(app.config.timeouts.body, read).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => {
            refused(Refusal::TooLarge);
            return too_large();
        }
        Err(_) => {
            refused(Refusal::BodyTimeout);
            return closing(refusal(StatusCode::REQUEST_TIMEOUT, "the body took too long"));
        }
    };
    place.at_work();
    let answer = match std::str::from_utf8(&bytes) {
        Ok(text) => {
            let (client, limit) = (place.client(), app.config.timeouts.call);
            app.service.answer(text, &mut NoStreams, client, limit).await
        }
        Err(_) => {
            let text = wire::failure("null", &RpcError::Parse { detail: "not UTF-8".to_owned() });
            Some(Answer { text, held: Held::default() })
        }
    };
    match answer {
        // The share goes with the bytes: given back when the client has taken them all.
        Some(answer) => page(StatusCode::OK, JSON, Bytes::from_owner(answer)),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

fn too_large() -> Response {
    let error = RpcError::limit("body size in bytes", BODY_BYTES_MAX);
    closing(page(StatusCode::PAYLOAD_TOO_LARGE, JSON, wire::failure("null", &error)))
}

fn no_memory() -> Response {
    let error = RpcError::Busy { what: "the memory for large requests", retry_after_ms: 1000 };
    closing(page(StatusCode::SERVICE_UNAVAILABLE, JSON, wire::failure("null", &error)))
}

async fn upgrade(State(app): State<App>, place: Extension<Arc<Place>>, request: Request) -> Response {
    if !request.headers().contains_key(UPGRADE) {
        return refusal(StatusCode::METHOD_NOT_ALLOWED, "POST JSON-RPC here, or open a WebSocket");
    }
    let Ok(permit) = Arc::clone(&app.websockets).try_acquire_owned() else {
        app.service.metrics.refused(Refusal::WebSockets);
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "too many WebSocket connections");
    };
    let (mut parts, _) = request.into_parts();
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &app).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    upgrade
        .max_message_size(WEBSOCKET_BYTES_MAX)
        .max_frame_size(WEBSOCKET_BYTES_MAX)
        .read_buffer_size(16 * 1024)
        .on_upgrade(async move |socket| {
            ws::serve(socket, app.service, place.client(), app.config.timeouts, app.stop).await;
            drop((permit, place)); // the connection counts until here
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
    match app.service.metrics.render(&app.service.backend.gauges(), &reasons) {
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
    let refused = |reason| app.service.metrics.refused(reason);
    let Some(host) = single(headers, &HOST) else {
        refused(Refusal::Host);
        return refusal(StatusCode::BAD_REQUEST, "one Host header is needed");
    };
    if !app.config.allows_host(host, app.listen_ip) {
        refused(Refusal::Host);
        return refusal(
            StatusCode::FORBIDDEN,
            "this host name is not allowed; see allowed_hosts under [rpc] in config.toml",
        );
    }
    if !headers.contains_key(ORIGIN) {
        return hardened(next.run(request).await);
    }
    let Some(origin) = single(headers, &ORIGIN).map(str::to_owned) else {
        refused(Refusal::Origin);
        return refusal(StatusCode::FORBIDDEN, "this origin is not allowed");
    };
    let listed = app.config.allowed_origins.contains(&origin);
    if !listed && !same_origin(&origin, host) && !planted!("foreign-origin-allowed") {
        refused(Refusal::Origin);
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

/// Closes the connection after the answer: the rest of the request is not worth reading.
fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(axum::http::header::CONNECTION, HeaderValue::from_static("close"));
    response
}
