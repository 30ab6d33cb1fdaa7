#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::tests::{listen, read_body, scripted, serve};

#[test]
fn a_refusal_keeps_its_stable_code() {
    let raw = |text: &str| RawValue::from_string(text.into()).unwrap();
    let table = [
        (Some(raw(r#"{"code":"bad_nonce","expected":"4"}"#)), "bad_nonce", false),
        (Some(raw(r#"{"code":"busy"}"#)), "busy", true),
        (Some(raw(r#""text""#)), "rpc_-32004", false),
        (None, "rpc_-32004", false),
    ];
    for (data, code, transient) in table {
        let error = refused(-32004, "no", data.as_deref());
        assert_eq!((error.code(), error.is_transient()), (code, transient));
    }
}

#[test]
fn part_of_a_list_is_not_taken_for_all_of_it() {
    let next = || Some("1-2".to_owned());
    assert_eq!(go_on(LIST_ITEMS_MAX - 1, next(), "energy_bill").unwrap(), next());
    assert_eq!(go_on(LIST_ITEMS_MAX, None, "energy_bill").unwrap(), None);
    assert_eq!(go_on(LIST_ITEMS_MAX, next(), "energy_bill").unwrap_err().code(), "too_many");
}

#[test]
fn an_endpoint_that_is_no_url_is_refused_at_once() {
    for endpoint in ["", "127.0.0.1:8645", "ftp://x/", "http://"] {
        let client = Client::new(endpoint, Duration::from_secs(1));
        assert!(matches!(client, Err(ClientError::Endpoint { .. })), "{endpoint:?}");
    }
}

#[tokio::test]
async fn nobody_listening_is_unreachable_and_transient() {
    // Port 9 (discard) on loopback is closed everywhere that tests run.
    let client = Client::new("http://127.0.0.1:9/rpc", Duration::from_secs(2)).unwrap();
    let error = client.chain_status().await.err().unwrap();
    assert_eq!(error.code(), "rpc_unreachable", "{error}");
    assert!(error.is_transient());
}

/// A page with one item.
fn page(item: u32, next: Option<&str>) -> Value {
    json!({ "result": { "height": "7", "finalized": true, "items": [item], "nextCursor": next } })
}

#[tokio::test]
async fn a_list_goes_on_where_an_answer_was_lost() {
    let busy = json!({ "error": { "code": -32005, "message": "full", "data": { "code": "busy" } } });
    let answers = vec![Some(page(1, Some("1-0"))), None, Some(busy), Some(page(2, None))];
    let (url, node) = scripted(answers).await;
    let client = Client::new(&url, Duration::from_secs(5)).unwrap().with_patience(PATIENCE);
    let items: Vec<u32> = client.list("energy_bill", json!({ "limit": 100 })).await.unwrap();
    assert_eq!(items, [1, 2]);
    let asked: Vec<Value> = node.await.unwrap().iter().map(|request| request["params"].clone()).collect();
    let second = json!({ "limit": 100, "cursor": "1-0" });
    assert_eq!(asked, [json!({ "limit": 100 }), second.clone(), second.clone(), second]);
}

#[tokio::test]
async fn a_page_that_does_not_come_in_time_is_halved_for_good() {
    let (url, listener) = listen().await;
    let client = Client::new(&url, Duration::from_secs(2)).unwrap().with_patience(PATIENCE);
    let node = async {
        let (mut held, _) = listener.accept().await.unwrap();
        let first: Value = serde_json::from_slice(&read_body(&mut held).await).unwrap();
        let mut asked = serve(listener, vec![Some(page(1, Some("1-0"))), Some(page(2, None))]).await;
        asked.insert(0, first);
        asked
    };
    let (items, asked) = tokio::join!(client.list::<u32>("energy_bill", json!({ "limit": 100 })), node);
    assert_eq!(items.unwrap(), [1, 2]);
    let limits: Vec<&Value> = asked.iter().map(|request| &request["params"]["limit"]).collect();
    assert_eq!(limits, [100, 50, 50]);
    for (limit, shorter) in [(30, Some(15)), (15, Some(10)), (10, None)] {
        let mut params = json!({ "limit": limit });
        assert_eq!(halve(&mut params), shorter.is_some());
        assert_eq!(params["limit"], shorter.unwrap_or(limit));
    }
    assert!(!halve(&mut json!({ "book": "5f" })), "of what has no pages there is no half");
}

#[tokio::test]
async fn what_may_change_something_is_not_repeated() {
    let answers = vec![Some(json!({ "result": 1 })), None];
    let (url, node) = scripted(answers).await;
    let client = Client::new(&url, Duration::from_secs(5)).unwrap().with_patience(PATIENCE);
    assert_eq!(client.call::<Value>("chain_status", json!({})).await.unwrap(), 1);
    let lost = client.call::<Value>("tx_submit", json!({})).await;
    assert_eq!(lost.unwrap_err().code(), "rpc_unreachable");
    assert_eq!(node.await.unwrap().len(), 2);
}
