//! The block explorer: files in the program, served beside the interface that they ask.
//!
//! No build step and no dependency for it: a table of `include_bytes!`. All scripts are modules of this origin, and the
//! policy sent with every file lets nothing else run, load, or be framed: whatever a chain says stays text.
//!
//! Pages have paths of their own (`/block/7`), so that links can be passed on and reloaded: each of them is answered
//! with the same `index.html`, and the script there looks at the path.

use axum::Router;
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// Policy of every page from here: run this origin's scripts, ask this origin, and make no markup out of text.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// One file: where it is served, as what, and what is in it.
struct File {
    path: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! files {
    ($($name:literal: $kind:ident),+ $(,)?) => {
        &[$(File {
            path: concat!("/", $name),
            kind: $kind,
            bytes: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/explorer/", $name)),
        }),+]
    };
}

const INDEX: File = File {
    path: "/",
    kind: HTML,
    bytes: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/explorer/index.html")),
};

const FILES: &[File] = files! {
    "app.css": CSS,
    "icon.svg": SVG,
    "js/app.js": SCRIPT,
    "js/chain.js": SCRIPT,
    "js/charts.js": SCRIPT,
    "js/dom.js": SCRIPT,
    "js/elements.js": SCRIPT,
    "js/energy.js": SCRIPT,
    "js/events.js": SCRIPT,
    "js/format.js": SCRIPT,
    "js/json.js": SCRIPT,
    "js/pages/account.js": SCRIPT,
    "js/pages/block.js": SCRIPT,
    "js/pages/blocks.js": SCRIPT,
    "js/pages/home.js": SCRIPT,
    "js/pages/market.js": SCRIPT,
    "js/pages/meter.js": SCRIPT,
    "js/pages/microgrid.js": SCRIPT,
    "js/pages/thing.js": SCRIPT,
    "js/pages/tx.js": SCRIPT,
    "js/pages/validators.js": SCRIPT,
    "js/rpc.js": SCRIPT,
    "js/theme.js": SCRIPT,
};

/// Paths that show a page.
const PAGES: &[&str] = &[
    "/",
    "/blocks",
    "/block/{id}",
    "/tx/{id}",
    "/account/{id}",
    "/meter/{id}",
    "/microgrids",
    "/microgrid/{id}",
    "/validators",
    "/asset/{id}",
    "/hold/{id}",
];

/// The routes of the explorer, to be served with the interface: [`crate::RpcServer::start`].
pub fn pages() -> Router {
    let index = tag(&INDEX);
    let routes = PAGES.iter().fold(Router::new(), |routes, path| {
        let tag = index.clone();
        routes.route(path, get(move |headers| async move { answer(&INDEX, tag, &headers) }))
    });
    FILES
        .iter()
        .fold(routes, |routes, file| {
            let tag = tag(file);
            routes.route(file.path, get(move |headers| async move { answer(file, tag, &headers) }))
        })
        .fallback(|headers: HeaderMap| async move { missing(&headers) })
}

/// Not found: in words for a reader with a browser, whose page says so and leads on; bare for a program.
fn missing(asked: &HeaderMap) -> Response {
    let reads = asked
        .get(ACCEPT)
        .and_then(|kinds| kinds.to_str().ok())
        .is_some_and(|kinds| kinds.contains("text/html"));
    if !reads {
        return StatusCode::NOT_FOUND.into_response();
    }
    let mut response = answer(&INDEX, tag(&INDEX), &HeaderMap::new());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// Names the content: a browser keeps what it has as long as this stays.
fn tag(file: &File) -> HeaderValue {
    let hash = blake3::hash(file.bytes).to_hex();
    let short = hash.get(..16).unwrap_or_default();
    HeaderValue::from_str(&format!("\"{short}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

fn answer(file: &File, tag: HeaderValue, asked: &HeaderMap) -> Response {
    let mut response = if is_known(asked, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, file.kind)], file.bytes).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, tag);
    let fixed: [(HeaderName, &'static str); 6] = [
        // Always asked for, seldom sent: a node that was updated never runs with the scripts of before.
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether the client says that it has this content.
fn is_known(asked: &HeaderMap, tag: &HeaderValue) -> bool {
    let lists = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(|one| one.trim().trim_start_matches("W/"));
    tags.any(|one| one == "*" || one.as_bytes() == tag.as_bytes())
}

#[cfg(test)]
#[path = "explorer_tests.rs"]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
