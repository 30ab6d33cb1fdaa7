//! Takes tokens over HTTP: a form for people, JSON for programs such as a keypad's.
//!
//! A page of somewhere else must not type: errors lock the device. A browser says where a form comes from, and a form
//! that says nothing is refused. JSON it sends across origins only after asking, and is told nothing then.

use super::page;
use super::respond::{plain, respond, written};
use crate::paygo::{Answer, Typed};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body, Bytes};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, RETRY_AFTER};
use hyper::{Request, Response, StatusCode};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use wattle_primitives::planted;

/// Bytes of a request's body.
const BODY_BYTES_MAX: usize = 1024;
/// Where a request comes from, as browsers say.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A program's request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    token: String,
}

/// How somebody asks, and is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Html,
    Json,
}

/// Answers `POST /token`.
pub(super) async fn answer<B>(request: Request<B>, typed: &mpsc::Sender<Typed>) -> Response<Full<Bytes>>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = request.into_parts();
    let form = match form(&parts.headers) {
        Ok(form) => form,
        Err(refused) => return refused,
    };
    let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, "a token is short");
    };
    let Some(digits) = digits(form, &body.to_bytes()) else {
        return plain(StatusCode::BAD_REQUEST, "token=DIGITS, or {\"token\": \"DIGITS\"}");
    };
    let (sender, receiver) = oneshot::channel();
    let gone = || plain(StatusCode::SERVICE_UNAVAILABLE, "the light node is about to end: nothing is spent");
    if typed.send(Typed { digits, answer: sender }).await.is_err() {
        return gone();
    }
    match receiver.await {
        Ok(Ok(answer)) => told(form, &answer),
        Ok(Err(_)) => {
            plain(StatusCode::SERVICE_UNAVAILABLE, "nothing can be kept now: the token is not spent")
        }
        Err(_) => gone(),
    }
}

fn told(form: Form, answer: &Answer) -> Response<Full<Bytes>> {
    let mut response = match form {
        Form::Html => respond(StatusCode::OK, "text/html; charset=utf-8", page::token(Some(answer))),
        Form::Json => written("application/json", serde_json::to_string(answer).ok()),
    };
    *response.status_mut() = match answer {
        Answer::Taken { .. } => StatusCode::OK,
        Answer::AlreadyUsed => StatusCode::CONFLICT,
        Answer::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        Answer::NotAToken { .. } => StatusCode::BAD_REQUEST,
        Answer::TooMany => StatusCode::SERVICE_UNAVAILABLE,
        Answer::Locked { locked_ms } => {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(locked_ms.div_ceil(1000)));
            StatusCode::TOO_MANY_REQUESTS
        }
    };
    response
}

/// How the request is written, unless it comes from elsewhere.
fn form(headers: &HeaderMap) -> Result<Form, Response<Full<Bytes>>> {
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let kind = text(&CONTENT_TYPE).and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    let form = match kind {
        "application/json" => Form::Json,
        "application/x-www-form-urlencoded" => Form::Html,
        _ => return Err(plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a form, or application/json")),
    };
    let own = text(&HOST).map(|host| format!("http://{host}"));
    let from_here = match (text(&SITE), text(&ORIGIN)) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => own.is_some_and(|own| own.eq_ignore_ascii_case(origin)),
        (None, None) => form == Form::Json,
    };
    if from_here || planted!("light-token-from-any-page") {
        Ok(form)
    } else {
        Err(plain(StatusCode::FORBIDDEN, "type it on this computer's own page"))
    }
}

fn digits(form: Form, body: &[u8]) -> Option<String> {
    match form {
        Form::Json => serde_json::from_slice(body).ok().map(|Json { token }| token),
        Form::Html => {
            let fields = std::str::from_utf8(body).ok()?.split('&');
            let value = fields.filter_map(|field| field.strip_prefix("token=")).next()?;
            Some(value.replace("%20", " ").replace('+', " "))
        }
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
