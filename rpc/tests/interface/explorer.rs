//! The explorer's files, as a browser asks for them.

use crate::backend::Chain;
use crate::client::{Answer, Served, raw};
use std::net::SocketAddr;
use std::sync::Arc;
use wattle_rpc::{Config, Metrics, RpcServer, bind, explorer};

async fn serve() -> Served {
    let chain = Arc::new(Chain::new());
    let metrics = Arc::new(Metrics::new().unwrap());
    let listener = bind("127.0.0.1:0".parse().unwrap(), false).await.unwrap();
    let pages = Some(explorer::pages());
    let server =
        RpcServer::start(listener, Config::default(), chain.clone(), metrics.clone(), pages).unwrap();
    Served { server, chain, metrics }
}

async fn ask(address: SocketAddr, method: &str, path: &str, headers: &str) -> Answer {
    let request = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n{headers}\r\n");
    raw(address, request.as_bytes()).await
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.head.lines().filter_map(|line| line.split_once(": ")).find(|(n, _)| *n == name).map(|(_, v)| v)
}

#[tokio::test]
async fn files_and_pages_have_their_type_and_the_policy() {
    let served = serve().await;
    let address = served.server.address();
    let host = format!("host: {address}\r\n");
    let table = [
        ("/", "text/html; charset=utf-8", "<!doctype html>"),
        ("/app.css", "text/css; charset=utf-8", ":root {"),
        ("/icon.svg", "image/svg+xml", "<svg "),
        ("/js/app.js", "text/javascript; charset=utf-8", "import "),
        ("/js/pages/home.js", "text/javascript; charset=utf-8", "import "),
        // Links that were passed on, whatever they name.
        ("/blocks", "text/html; charset=utf-8", "<!doctype html>"),
        ("/block/12", "text/html; charset=utf-8", "<!doctype html>"),
        ("/tx/%3Cimg%20src=x%3E", "text/html; charset=utf-8", "<!doctype html>"),
        ("/account/wat1x?from=mail", "text/html; charset=utf-8", "<!doctype html>"),
        ("/microgrid/00", "text/html; charset=utf-8", "<!doctype html>"),
    ];
    for (path, kind, text) in table {
        let answer = ask(address, "GET", path, &host).await;
        assert_eq!((answer.status, header(&answer, "content-type")), (200, Some(kind)), "{path}");
        assert!(answer.body.contains(text), "{path}");
        let policy = header(&answer, "content-security-policy").unwrap();
        for part in ["default-src 'self';", "frame-ancestors 'none';", "require-trusted-types-for 'script';"]
        {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{path}: {policy}");
        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(header(&answer, "cache-control"), Some("no-cache"), "{path}");
    }
}

#[tokio::test]
async fn head_tells_the_length_and_what_is_known_is_not_sent_again() {
    let served = serve().await;
    let address = served.server.address();
    let host = format!("host: {address}\r\n");
    for path in ["/", "/app.css", "/tx/1"] {
        let full = ask(address, "GET", path, &host).await;
        let length = full.body.len().to_string();
        let head = ask(address, "HEAD", path, &host).await;
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        assert_eq!(header(&head, "content-length"), Some(length.as_str()), "{path}");
        assert_eq!(header(&head, "etag"), header(&full, "etag"), "{path}");
        let tag = header(&full, "etag").unwrap().to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let again = ask(address, "GET", path, &format!("{host}if-none-match: {known}\r\n")).await;
            assert_eq!((again.status, again.body.as_str()), (304, ""), "{path} {known}");
            assert_eq!(header(&again, "etag"), Some(tag.as_str()), "{path}");
        }
        let other = ask(address, "GET", path, &format!("{host}if-none-match: \"other\"\r\n")).await;
        assert_eq!((other.status, other.body.len().to_string()), (200, length), "{path}");
    }
    let tags = [
        ask(address, "GET", "/", &host).await,
        ask(address, "GET", "/app.css", &host).await,
        ask(address, "GET", "/js/app.js", &host).await,
    ];
    let names: std::collections::BTreeSet<_> = tags.iter().map(|answer| header(answer, "etag")).collect();
    assert_eq!(names.len(), 3, "different files, different tags");
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_nothing_is_written() {
    let served = serve().await;
    let address = served.server.address();
    let host = format!("host: {address}\r\n");
    let table = [
        ("GET", "/nothing", 404),
        ("GET", "/block", 404),
        ("GET", "/block/1/2", 404),
        ("GET", "/js/", 404),
        ("GET", "/js/../Cargo.toml", 404),
        ("GET", "/js/%2e%2e/Cargo.toml", 404),
        ("GET", "/index.html.bak", 404),
        ("POST", "/", 405),
        ("PUT", "/app.css", 405),
        ("DELETE", "/js/app.js", 405),
    ];
    for (method, path, status) in table {
        assert_eq!(ask(address, method, path, &host).await.status, status, "{method} {path}");
    }
    let reader = format!("{host}accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n");
    let told = ask(address, "GET", "/nothing", &reader).await;
    assert_eq!((told.status, header(&told, "content-type")), (404, Some("text/html; charset=utf-8")));
    assert!(told.body.contains("<!doctype html>") && header(&told, "content-security-policy").is_some());
    assert_eq!(ask(address, "GET", "/nothing", &host).await.body, "");
    // The interface beside it is untouched.
    assert_eq!(ask(address, "GET", "/healthy", &host).await.status, 200);
    assert_eq!(ask(address, "GET", "/rpc", &host).await.status, 405);
}

#[tokio::test]
async fn the_guards_of_the_interface_hold_for_the_explorer() {
    let served = serve().await;
    let address = served.server.address();
    for path in ["/", "/app.css", "/js/app.js", "/block/1"] {
        let table = [
            (String::new(), 400),
            ("host: evil.example\r\n".to_owned(), 403), // a name rebound to loopback
            (format!("host: {address}\r\norigin: https://evil.example\r\n"), 403),
            (format!("host: {address}\r\norigin: http://{address}\r\n"), 200),
            (format!("host: localhost:{}\r\n", address.port()), 200),
        ];
        for (headers, status) in table {
            assert_eq!(ask(address, "GET", path, &headers).await.status, status, "{path} {headers}");
        }
    }
    assert_eq!(served.server.explorer_url(), format!("http://{address}/"));
    drop((served.chain, served.metrics));
}
