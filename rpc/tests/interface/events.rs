//! Events, listed and streamed.

use crate::backend::{HEAD, event};
use crate::client::{PATIENCE, Served, call, serve};
use jsonrpsee::core::client::{ClientT, Subscription, SubscriptionClientT};
use jsonrpsee::core::params::ObjectParams;
use jsonrpsee::ws_client::{WsClient, WsClientBuilder};
use serde_json::{Value, json};
use std::time::Duration;
use wattle_primitives::Height;
use wattle_rpc::Config;
use wattle_rpc::config::{Limits, Timeouts};
use wattle_rpc_types::limits::{SUBSCRIPTION_LAG_HEIGHTS_MAX, SUBSCRIPTIONS_MAX};

async fn client(served: &Served) -> WsClient {
    WsClientBuilder::default().build(format!("ws://{}/rpc", served.server.address())).await.unwrap()
}

async fn subscribe(client: &WsClient, params: Value) -> Subscription<Value> {
    let mut named = ObjectParams::new();
    for (name, value) in params.as_object().unwrap() {
        named.insert(name, value).unwrap();
    }
    client.subscribe("event_subscribe", named, "event_unsubscribe").await.unwrap()
}

async fn next(subscription: &mut Subscription<Value>) -> Value {
    let notice = tokio::time::timeout(PATIENCE, subscription.next()).await;
    notice.expect("nothing came").unwrap().unwrap()
}

#[tokio::test]
async fn listing_walks_all_events_once() {
    let served = serve(Config::default()).await;
    let address = served.server.address();
    let (mut cursor, mut seen) = (Value::Null, Vec::new());
    loop {
        let page =
            call(address, "event_list", json!({ "cursor": cursor, "limit": 3 })).await["result"].clone();
        seen.extend(page["items"].as_array().unwrap().clone());
        cursor = page["nextCursor"].clone();
        if page["truncated"] == false {
            break;
        }
    }
    let all: Vec<Value> = served.chain.events.lock().unwrap().iter().map(|e| json!(e)).collect();
    assert_eq!(seen, all);
    let rest = call(address, "event_list", json!({ "cursor": cursor })).await["result"].clone();
    assert_eq!(rest["items"], json!([]));
    served.chain.grow(11);
    let more = call(address, "event_list", json!({ "cursor": cursor })).await["result"].clone();
    assert_eq!(
        more["items"],
        json!([event(11, 0), event(11, 1)]),
        "a cursor at the head is for those who poll"
    );
}

#[tokio::test]
async fn listing_filters_and_respects_the_horizon() {
    let served = serve(Config::default()).await;
    let address = served.server.address();
    let list = |params: Value| call(address, "event_list", params);
    let none = list(json!({ "filter": { "types": ["posted"] } })).await;
    assert_eq!((&none["result"]["items"], &none["result"]["truncated"]), (&json!([]), &json!(false)));
    let some = list(json!({ "fromHeight": "9", "filter": { "types": ["fee_charged"] } })).await;
    assert_eq!(some["result"]["items"].as_array().unwrap().len(), 4);
    *served.chain.horizon.lock().unwrap() = Height(5);
    let pruned = list(json!({ "fromHeight": "2" })).await;
    assert_eq!(pruned["error"]["data"], json!({ "code": "pruned", "horizon": "5" }));
}

#[tokio::test]
async fn a_subscription_backfills_and_then_follows() {
    let served = serve(Config::default()).await;
    let client = client(&served).await;
    let mut subscription = subscribe(&client, json!({ "fromHeight": "9" })).await;
    for (height, index) in [(9, 0), (9, 1), (10, 0), (10, 1)] {
        assert_eq!(next(&mut subscription).await, json!(event(height, index)));
    }
    served.chain.grow(HEAD.0 + 1);
    for index in [0, 1] {
        assert_eq!(next(&mut subscription).await, json!(event(HEAD.0 + 1, index)));
    }
    assert_eq!(served.metrics.rpc_subscriptions.get(), 1);
    subscription.unsubscribe().await.unwrap();
    while served.metrics.rpc_subscriptions.get() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let status: Value = client.request("chain_status", ObjectParams::new()).await.unwrap();
    assert_eq!(status["height"], (HEAD.0 + 1).to_string());
}

#[tokio::test]
async fn without_a_height_only_what_is_new_comes() {
    let served = serve(Config::default()).await;
    let client = client(&served).await;
    let mut subscription = subscribe(&client, json!({})).await;
    served.chain.grow(HEAD.0 + 1);
    assert_eq!(next(&mut subscription).await, json!(event(HEAD.0 + 1, 0)));
}

#[tokio::test]
async fn history_that_is_gone_is_a_gap_that_is_told() {
    let served = serve(Config::default()).await;
    *served.chain.horizon.lock().unwrap() = Height(10);
    let client = client(&served).await;
    let mut subscription = subscribe(&client, json!({ "fromHeight": "3" })).await;
    let lagged = json!({ "missedFrom": "3", "missedFromIndex": 0, "resumedAt": "10", "reason": "pruned" });
    assert_eq!(next(&mut subscription).await, json!({ "lagged": lagged }));
    assert_eq!(next(&mut subscription).await, json!(event(10, 0)));
}

#[tokio::test]
async fn subscriptions_of_a_connection_are_bounded() {
    let fewer = Limits { subscriptions_max: 2, ..Limits::default() };
    for (limits, max) in [(Limits::default(), SUBSCRIPTIONS_MAX), (fewer, 2)] {
        let served = serve(Config { limits, ..Config::default() }).await;
        let client = client(&served).await;
        let mut open = Vec::new();
        for _ in 0..max {
            open.push(subscribe(&client, json!({})).await);
        }
        let refused = client
            .subscribe::<Value, _>("event_subscribe", ObjectParams::new(), "event_unsubscribe")
            .await
            .expect_err("one too many");
        assert!(refused.to_string().contains("limit_exceeded"), "{refused}");
        drop(open);
    }
}

/// The lowest level there is: what a client sees that does not read for a while.
#[tokio::test]
async fn a_slow_client_is_told_what_it_missed() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let timeouts = Timeouts { write: PATIENCE, ..Timeouts::default() };
    let served = serve(Config { timeouts, ..Config::default() }).await;
    let address = served.server.address();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let upgrade = format!(
        "GET /rpc HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    let message = br#"{"jsonrpc":"2.0","id":1,"method":"event_subscribe","params":{}}"#;
    let mut frame = vec![0x81, 0x80 | u8::try_from(message.len()).unwrap(), 0, 0, 0, 0]; // masked with zeros
    frame.extend_from_slice(message);
    stream.write_all(&frame).await.unwrap();
    while served.metrics.rpc_subscriptions.get() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Far more than sockets buffer, in steps, so that the stream is live before it is held up.
    let mut head = HEAD.0;
    for _ in 0..40 {
        head += SUBSCRIPTION_LAG_HEIGHTS_MAX * 4;
        served.chain.grow(head);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut text = String::new();
    let mut buffer = vec![0u8; 64 * 1024];
    let last = format!(r#""height":"{head}","index":1"#);
    while !text.contains(&last) {
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await;
        let bytes = read.expect("the stream stands still").unwrap();
        assert!(bytes > 0, "closed");
        text.push_str(&String::from_utf8_lossy(&buffer[..bytes]));
    }
    assert!(text.contains(r#""lagged":{"missedFrom":"#) && text.contains(r#""reason":"slow""#));
}
