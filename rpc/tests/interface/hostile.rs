//! Clients that mean harm, or are broken.

use crate::backend::alice;
use crate::client::{PATIENCE, call, get, post, post_json, raw, serve};
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wattle_rpc::Config;
use wattle_rpc::config::Timeouts;
use wattle_rpc_types::limits::{BATCH_CALLS_MAX, BODIES_BYTES_SHARED, BODY_BYTES_MAX, CONNECTIONS_MAX};

const STATUS: &str = r#"{"jsonrpc":"2.0","id":1,"method":"chain_status"}"#;

/// A time limit that a test waits for, and one that none reaches.
const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(3_600);

fn limited(change: impl FnOnce(&mut Timeouts)) -> Config {
    let mut timeouts = Timeouts { header: LONG, idle: LONG, body: LONG, write: LONG, ..Timeouts::default() };
    change(&mut timeouts);
    Config { timeouts, ..Config::default() }
}

#[tokio::test]
async fn bodies_beyond_the_limit_are_refused() {
    let served = serve(Config::default()).await;
    let address = served.server.address();
    let answer = post_json(address, &" ".repeat(2 * BODY_BYTES_MAX)).await;
    assert_eq!((answer.status, &answer.json()["error"]["data"]["code"]), (413, &json!("limit_exceeded")));
    // A length that is only claimed costs nothing either.
    let headers =
        format!("host: {address}\r\ncontent-type: application/json\r\ncontent-length: 100000000000\r\n");
    let answer = raw(address, format!("POST /rpc HTTP/1.1\r\n{headers}\r\n").as_bytes()).await;
    assert_eq!(answer.status, 413);
    let padded = format!("{STATUS}{}", " ".repeat(BODY_BYTES_MAX - STATUS.len()));
    assert_eq!(post_json(address, &padded).await.json()["result"]["chainId"], "test");
}

#[tokio::test]
async fn batches_beyond_the_limit_are_refused() {
    let served = serve(Config::default()).await;
    let batch = |calls: usize| format!("[{}]", vec![STATUS; calls].join(","));
    let answer = post_json(served.server.address(), &batch(BATCH_CALLS_MAX + 1)).await.json();
    assert_eq!(
        answer["error"]["data"],
        json!({ "code": "limit_exceeded", "max": "100", "what": "batch size in calls" })
    );
    let answers = post_json(served.server.address(), &batch(BATCH_CALLS_MAX)).await.json();
    assert_eq!(answers.as_array().unwrap().len(), BATCH_CALLS_MAX);
}

#[tokio::test]
async fn only_json_is_taken() {
    let served = serve(Config::default()).await;
    let address = served.server.address();
    let table = [
        ("content-type: text/plain\r\n", 415), // what a page can send without asking first
        ("content-type: application/x-www-form-urlencoded\r\n", 415),
        ("", 415),
        ("content-type: application/json; charset=utf-8\r\n", 200),
        ("content-type: Application/JSON\r\n", 200),
    ];
    for (header, status) in table {
        assert_eq!(
            post(address, &format!("host: {address}\r\n{header}"), STATUS).await.status,
            status,
            "{header}"
        );
    }
    assert_eq!(get(address, "/rpc").await.status, 405);
}

#[tokio::test]
async fn foreign_hosts_and_origins_are_refused() {
    let config = Config {
        allowed_hosts: vec!["node.example".to_owned()],
        allowed_origins: vec!["https://wallet.example".to_owned()],
        ..Config::default()
    };
    let served = serve(config).await;
    let address = served.server.address();
    let port = address.port();
    let table = [
        (format!("host: localhost:{port}\r\n"), 200),
        (format!("host: [::1]:{port}\r\n"), 200),
        ("host: 127.0.0.1\r\n".to_owned(), 200),
        ("host: node.example\r\n".to_owned(), 200),
        ("host: NODE.example:8645\r\n".to_owned(), 200),
        ("host: evil.example\r\n".to_owned(), 403), // a name rebound to loopback
        ("host: localhost.evil.example\r\n".to_owned(), 403),
        ("host: 192.0.2.1\r\n".to_owned(), 403),
        (String::new(), 400),
        (format!("host: localhost:{port}\r\norigin: http://localhost:{port}\r\n"), 200),
        ("host: localhost\r\norigin: https://wallet.example\r\n".to_owned(), 200),
        ("host: localhost\r\norigin: https://evil.example\r\n".to_owned(), 403),
        (format!("host: localhost:{port}\r\norigin: http://localhost:1\r\n"), 403),
        ("host: localhost\r\norigin: null\r\n".to_owned(), 403),
        (
            "host: localhost\r\norigin: https://wallet.example\r\norigin: https://evil.example\r\n"
                .to_owned(),
            403,
        ),
    ];
    for (headers, status) in table {
        let answer = post(address, &format!("{headers}content-type: application/json\r\n"), STATUS).await;
        assert_eq!(answer.status, status, "{headers}");
        let shares = answer.head.contains("access-control-allow-origin: https://wallet.example");
        assert_eq!(shares, status == 200 && headers.contains("wallet"), "{headers}");
    }
    let request = "OPTIONS /rpc HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\norigin: ";
    let allowed = raw(address, format!("{request}https://wallet.example\r\n\r\n").as_bytes()).await;
    assert!(allowed.status == 204 && allowed.head.contains("access-control-allow-headers: content-type"));
    assert_eq!(raw(address, format!("{request}https://evil.example\r\n\r\n").as_bytes()).await.status, 403);
    for path in ["/metrics", "/", "/nothing"] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n");
        assert_eq!(raw(address, request.as_bytes()).await.status, 403, "{path}");
    }
    let upgrade = "GET /rpc HTTP/1.1\r\nhost: localhost\r\norigin: https://evil.example\r\nconnection: upgrade\r\n\
        upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    assert_eq!(
        raw(address, upgrade.replace("upgrade\r\n", "upgrade, close\r\n").as_bytes()).await.status,
        403
    );
}

#[tokio::test]
async fn malformed_messages_get_typed_errors() {
    let served = serve(Config::default()).await;
    let table = [
        ("{", "parse_error"),
        ("nonsense", "parse_error"),
        ("\u{0}", "parse_error"),
        ("{}", "invalid_request"),
        (r#"{"jsonrpc":"2.0","id":1,"method":5}"#, "invalid_request"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"made_up"}"#, "method_not_found"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"chain_status","params":7}"#, "invalid_params"),
    ];
    for (body, code) in table {
        let answer = post_json(served.server.address(), body).await;
        assert_eq!((answer.status, &answer.json()["error"]["data"]["code"]), (200, &json!(code)), "{body}");
    }
    let deep =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"chain_status","params":{}"#, "[".repeat(200_000));
    assert_eq!(
        post_json(served.server.address(), &deep).await.json()["error"]["data"]["code"],
        "parse_error"
    );
}

/// Bytes that the server sends until it closes, and that it does so by itself.
async fn closed_by_server(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // A reset closes as well as an orderly end.
    drop(read.expect("the server keeps a stalled connection"));
    answer
}

#[tokio::test]
async fn stalled_connections_are_closed() {
    let post = "POST /rpc HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    type Limit = fn(&mut Timeouts);
    let table: [(Limit, String, &str); 4] = [
        (|limits| limits.header = SHORT, String::new(), ""), // says nothing
        (|limits| limits.header = SHORT, "GET /healthy HTTP/1.1\r\nhost: loc".to_owned(), ""), // never ends its headers
        (|limits| limits.body = SHORT, format!("{post}content-length: 100\r\n\r\n{{"), "408"), // never ends its body
        (|limits| limits.idle = SHORT, "GET /healthy HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(), "200"), // idle
    ];
    for (limit, request, status) in table {
        let served = serve(limited(limit)).await;
        let mut stream = TcpStream::connect(served.server.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = String::from_utf8(closed_by_server(&mut stream).await).unwrap();
        assert!(answer.contains(status), "{request:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_dropped() {
    let served = serve(limited(|limits| limits.write = SHORT)).await;
    let address = served.server.address();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = format!(
        "[{}]",
        vec![r#"{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}"#; BATCH_CALLS_MAX].join(",")
    );
    let request = format!(
        "POST /rpc HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    // Several answers of megabytes exceed what the kernel buffers; none of it is read.
    for _ in 0..8 {
        if stream.write_all(request.as_bytes()).await.is_err() {
            break;
        }
    }
    let gone = async {
        while served.metrics.rpc_connections.get() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the connection is kept");
}

/// No time limit helps here: the stalled ones have theirs left, and more of them than places.
#[tokio::test]
async fn honest_clients_are_served_beside_stalled_ones() {
    let served = serve(limited(|_| {})).await;
    let address = served.server.address();
    let head = format!("POST /rpc HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n");
    let kinds =
        [String::new(), "POST /rpc HTTP/1.1\r\n".to_owned(), format!("{head}content-length: 9\r\n\r\n{{")];
    let mut stalled = Vec::new();
    for i in 0..CONNECTIONS_MAX + 40 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // Those that came first may have been closed already.
        let _ = stream.write_all(kinds[i % kinds.len()].as_bytes()).await;
        stalled.push(stream);
        if i % 32 == 0 {
            assert_eq!(call(address, "account_get", json!([alice()])).await["result"]["exists"], true);
        }
    }
    assert_eq!(call(address, "account_get", json!([alice()])).await["result"]["exists"], true);
    let counted = get(address, "/metrics").await.body;
    let evicted = counted.lines().find(|l| l.contains(r#"reason="evicted""#)).unwrap();
    assert!(evicted.rsplit(' ').next().unwrap().parse::<usize>().unwrap() >= 40, "{evicted}");
}

#[tokio::test]
async fn large_bodies_share_their_memory_and_small_requests_need_none() {
    let served = serve(limited(|_| {})).await;
    let address = served.server.address();
    let request = format!(
        "POST /rpc HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {BODY_BYTES_MAX}\r\n\r\n"
    );
    let mut held = Vec::new();
    for _ in 0..BODIES_BYTES_SHARED / BODY_BYTES_MAX {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        held.push(stream);
    }
    let padded = format!("{STATUS}{}", " ".repeat(BODY_BYTES_MAX - STATUS.len()));
    let refused = async {
        loop {
            let answer = post_json(address, &padded).await;
            if answer.status == 503 {
                return answer.json(); // the server has seen all that hold
            }
        }
    };
    let refused = tokio::time::timeout(PATIENCE, refused).await.expect("never refused");
    assert_eq!(refused["error"]["data"]["code"], "busy");
    assert_eq!(post_json(address, STATUS).await.json()["result"]["chainId"], "test");
    drop(held);
    let taken = async { while post_json(address, &padded).await.status != 200 {} };
    tokio::time::timeout(PATIENCE, taken).await.expect("the memory is not given back");
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_given_up_and_others_are_not() {
    let mut config = Config::default();
    config.timeouts.call = Duration::from_secs(2);
    let served = serve(config).await;
    let (held, gate) = std::sync::mpsc::channel();
    *served.chain.gate.lock().unwrap() = Some(gate);
    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"chain_getParams"},{"jsonrpc":"2.0","id":2,"method":"made_up"}]"#;
    let answers = post_json(served.server.address(), batch).await.json();
    drop(held);
    assert_eq!(answers[0]["error"]["data"], json!({ "code": "timeout", "limitMs": "2000" }));
    assert_eq!(answers[1]["error"]["data"]["code"], "method_not_found");
    assert_eq!(post_json(served.server.address(), STATUS).await.json()["result"]["chainId"], "test");
}

#[tokio::test]
async fn stopping_frees_the_port_and_ends_connections() {
    let served = serve(Config::default()).await;
    let address = served.server.address();
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(format!("GET /healthy HTTP/1.1\r\nhost: {address}\r\n\r\n").as_bytes()).await.unwrap();
    let mut some = [0u8; 16];
    idle.read_exact(&mut some).await.unwrap();
    served.server.stop().await;
    closed_by_server(&mut idle).await;
    assert!(TcpStream::connect(address).await.is_err());
    assert_eq!(served.metrics.rpc_connections.get(), 0);
}
