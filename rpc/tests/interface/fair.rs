//! Many who read events, beside few who want little; and clients that come through a reverse proxy.

use crate::backend::{alice, event};
use crate::client::{PATIENCE, Served, call, get, post, serve};
use jsonrpsee::core::client::{Subscription, SubscriptionClientT};
use jsonrpsee::core::params::ObjectParams;
use jsonrpsee::ws_client::{HeaderMap, HeaderValue, WsClient, WsClientBuilder};
use serde_json::{Value, json};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use wattle_primitives::Hash;
use wattle_rpc::Config;
use wattle_rpc::config::{Proxies, Timeouts};
use wattle_rpc_types::limits::{
    BLOCKING_CALLS_MAX, CONNECTIONS_PER_ADDRESS_MAX, EVENT_READERS_MAX, EVENTS_FETCH_MAX, LISTING_CALLS_MAX,
    SUBSCRIPTIONS_MAX,
};

const STATUS: &str = r#"{"jsonrpc":"2.0","id":1,"method":"chain_status"}"#;
/// Connections of those who scan, and subscriptions of all of them.
const SCANNING: usize = 64;
const SCANNERS: u64 = 512;

const _: () = assert!(SCANNING * SUBSCRIPTIONS_MAX == SCANNERS as usize);

/// A server behind a proxy on this machine.
fn behind_a_proxy() -> Config {
    let proxies = Proxies { trusted: vec!["127.0.0.1/32".parse().unwrap()], ..Proxies::default() };
    Config { proxies, ..Config::default() }
}

/// A WebSocket, through a proxy that names its client so.
async fn through(served: &Served, client: &'static str) -> Result<WsClient, String> {
    let mut headers = HeaderMap::new();
    headers.insert("x-forwarded-for", HeaderValue::from_static(client));
    let url = format!("ws://{}/rpc", served.server.address());
    WsClientBuilder::default().set_headers(headers).build(url).await.map_err(|error| error.to_string())
}

async fn subscribe(client: &WsClient, filter: Value) -> Subscription<Value> {
    let mut params = ObjectParams::new();
    params.insert("fromHeight", 1).unwrap();
    params.insert("filter", filter).unwrap();
    client.subscribe("event_subscribe", params, "event_unsubscribe").await.unwrap()
}

/// 512 subscriptions to all of history that find nothing in it.
async fn scanners(served: &Served, client: &'static str) -> Vec<(WsClient, Vec<Subscription<Value>>)> {
    let mut all = Vec::new();
    for _ in 0..SCANNING {
        let socket = through(served, client).await.unwrap();
        let mut streams = Vec::new();
        for _ in 0..SUBSCRIPTIONS_MAX {
            streams.push(subscribe(&socket, json!({ "types": ["posted"] })).await);
        }
        all.push((socket, streams));
    }
    while served.metrics.rpc_subscriptions.get() < SCANNERS {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    all
}

/// A history of so many pages, the last event of which belongs to the transaction 6666….
fn long_history(served: &Served, pages: u64) {
    let heights = pages * u64::from(EVENTS_FETCH_MAX) / 2;
    served.chain.grow(heights);
    let mut last = event(heights, 2);
    last.tx = Some(Hash([0x66; 32]));
    served.chain.events.lock().unwrap().push(last);
}

/// Waits for the one event at the end of history.
async fn found(stream: &mut Subscription<Value>) {
    let notice = tokio::time::timeout(PATIENCE, stream.next()).await.expect("nothing is found");
    assert_eq!(notice.unwrap().unwrap()["tx"], Hash([0x66; 32]).to_string());
}

/// Whoever reads events of the chain waits, until what this gives is dropped.
fn stalled(served: &Served) -> mpsc::Sender<()> {
    let chain = Arc::clone(&served.chain);
    let ((held, end), (told, begun)) = (mpsc::channel::<()>(), mpsc::channel());
    std::thread::spawn(move || {
        let _events = chain.events.lock().unwrap();
        told.send(()).unwrap();
        let _ = end.recv(); // an end of the other side is what is waited for
    });
    begun.recv().unwrap();
    held
}

/// Turns that were taken to read history.
async fn turns_at_history(served: &Served) -> u64 {
    let page = get(served.server.address(), "/metrics").await.body;
    let name = r#"wattle_rpc_event_reads_total{kind="history"} "#;
    page.lines().find_map(|line| line.strip_prefix(name)).map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn calls_are_answered_while_512_scanners_wait_for_the_disk() {
    let served = serve(Config::default()).await;
    let address = served.server.address();
    let disk = stalled(&served);
    let scanners = scanners(&served, "203.0.113.7").await;
    for _ in 0..20 {
        let answer = call(address, "account_get", json!([alice()])).await;
        assert_eq!(answer["result"]["exists"], true, "{answer}");
    }
    drop(disk);
    while turns_at_history(&served).await < SCANNERS {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(scanners);
}

#[tokio::test]
async fn calls_are_answered_while_lists_wait_for_the_disk() {
    let timeouts = Timeouts { call: PATIENCE, ..Timeouts::default() };
    let served = serve(Config { timeouts, ..Config::default() }).await;
    let address = served.server.address();
    let disk = stalled(&served);
    let lists: Vec<_> = (0..BLOCKING_CALLS_MAX + LISTING_CALLS_MAX)
        .map(|_| tokio::spawn(call(address, "account_history", json!([alice()]))))
        .collect();
    while served.metrics.rpc_connections.get() < lists.len() as u64 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for _ in 0..20 {
        let answer = call(address, "account_get", json!([alice()])).await;
        assert_eq!(answer["result"]["exists"], true, "{answer}");
    }
    assert!(lists.iter().all(|list| !list.is_finished()));
    drop(disk);
    for list in lists {
        assert_eq!(list.await.unwrap()["result"]["items"][0]["height"], "3");
    }
}

/// Goal: 512 subscriptions of one client take no more turns than the one of another client.
#[tokio::test]
async fn a_scanner_takes_turns_with_all_512_of_another_client_as_with_one() {
    const PAGES: u64 = 20;
    let served = serve(behind_a_proxy()).await;
    long_history(&served, PAGES);
    let disk = stalled(&served);
    let scanners = scanners(&served, "203.0.113.7").await;
    let honest = through(&served, "203.0.113.8").await.unwrap();
    let mut stream = subscribe(&honest, json!({ "txs": ["66".repeat(32)] })).await;
    drop(disk);
    found(&mut stream).await;
    // One page each in turn is twice the pages; each further thread is another turn meanwhile, and a client is not
    // back in line at once.
    let most = (PAGES + 1) * 4 * u64::try_from(EVENT_READERS_MAX).unwrap();
    let turns = turns_at_history(&served).await;
    println!("{turns} turns at history until the honest one had its {PAGES} pages; all need {}", 513 * PAGES);
    assert!(turns <= most && most < SCANNERS * PAGES / 10, "{turns} turns");
    drop(scanners);
}

/// Goal: who takes nothing is read nothing, however many subscriptions it has beside the one that is full.
#[tokio::test]
async fn nothing_is_read_for_a_client_that_does_not_take_its_events() {
    // Sockets hold sixty pages of notifications, or some hundreds where the system lets them grow.
    const PAGES: u64 = 800;
    let timeouts = Timeouts { write: PATIENCE, ..Timeouts::default() };
    let served = serve(Config { timeouts, ..Config::default() }).await;
    long_history(&served, PAGES);
    let address = served.server.address();
    let mut silent = TcpStream::connect(address).await.unwrap();
    let upgrade = format!(
        "GET /rpc HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    silent.write_all(upgrade.as_bytes()).await.unwrap();
    for filter in ["{}", r#"{"types":["posted"]}"#] {
        let message = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"event_subscribe","params":{{"fromHeight":1,"filter":{filter}}}}}"#
        );
        let mut frame = vec![0x81, 0x80 | u8::try_from(message.len()).unwrap(), 0, 0, 0, 0]; // masked with zeros
        frame.extend_from_slice(message.as_bytes());
        silent.write_all(&frame).await.unwrap();
    }
    while served.metrics.rpc_subscriptions.get() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let url = format!("ws://{address}/rpc");
    let honest = WsClientBuilder::default().build(url).await.unwrap();
    let mut stream = subscribe(&honest, json!({ "txs": ["66".repeat(32)] })).await;
    found(&mut stream).await;
    let turns = turns_at_history(&served).await;
    println!("{turns} turns at history, {PAGES} of them for the client that takes what it is owed");
    assert!((PAGES..PAGES * 5 / 2).contains(&turns), "{turns} turns; each of its two would need as many");
    drop(silent);
}

#[tokio::test]
async fn behind_a_proxy_each_client_has_its_own_share_of_connections() {
    let served = serve(behind_a_proxy()).await;
    let address = served.server.address();
    let ask = async |client: &str| {
        let headers =
            format!("host: {address}\r\ncontent-type: application/json\r\nx-forwarded-for: {client}\r\n");
        post(address, &headers, STATUS).await
    };
    let mut open = Vec::new();
    // A client that adds to the header itself is no other client by that.
    let names = ["203.0.113.7", "198.51.100.1, 203.0.113.7", "198.51.100.2, 203.0.113.7"];
    for i in 0..CONNECTIONS_PER_ADDRESS_MAX {
        open.push(through(&served, names[i % names.len()]).await.unwrap());
    }
    assert!(through(&served, "198.51.100.3, 203.0.113.7").await.unwrap_err().contains("503"));
    let refused = ask("198.51.100.4, 203.0.113.7").await;
    assert_eq!((refused.status, &refused.json()["error"]["data"]["code"]), (503, &json!("busy")));
    assert_eq!(ask("203.0.113.7, 203.0.113.8").await.status, 200, "others have theirs");
    open.push(through(&served, "203.0.113.8").await.unwrap());
    let page = get(address, "/metrics").await.body;
    assert!(page.contains(r#"wattle_rpc_refusals_total{reason="address"} 2"#), "{page}");
    drop(open);
    while ask("203.0.113.7").await.status != 200 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn without_a_trusted_proxy_no_header_names_a_client() {
    let served = serve(Config::default()).await;
    let mut open = Vec::new();
    for _ in 0..=CONNECTIONS_PER_ADDRESS_MAX {
        open.push(through(&served, "203.0.113.7").await.unwrap());
    }
}
