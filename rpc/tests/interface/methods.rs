//! Calls, their parameters and their errors.

use crate::backend::{HEAD, alice, secret};
use crate::client::{call, get, post_json, serve};
use serde_json::{Value, json};
use wattle_rpc::{Config, bind};

fn transfer() -> Value {
    json!([{ "module": "token", "call": "transfer", "args": { "to": alice(), "asset": "0", "amount": "5" } }])
}

#[tokio::test]
async fn parameters_by_name_and_by_position_mean_the_same() {
    let served = serve(Config::default()).await;
    let address = served.server.address();
    let table = [
        ("chain_getBlock", json!({ "height": "3" }), json!(["3"])),
        ("chain_getBlock", json!({ "height": 3 }), json!([3, null])),
        ("account_history", json!({ "address": alice(), "limit": 5 }), json!([alice(), null, "5"])),
        (
            "tx_prepare",
            json!({ "calls": transfer(), "sender": alice(), "nonce": "4" }),
            json!([transfer(), alice(), null, 4]),
        ),
    ];
    for (method, named, positional) in table {
        let by_name = call(address, method, named).await;
        assert!(by_name.get("error").is_none(), "{method}: {by_name}");
        assert_eq!(by_name, call(address, method, positional).await, "{method}");
    }
}

#[tokio::test]
async fn wrong_parameters_are_refused_with_what_is_wrong() {
    let served = serve(Config::default()).await;
    let table = [
        ("chain_getBlock", json!({}), "either height or hash"),
        ("chain_getBlock", json!({ "height": "1", "hash": "00".repeat(32) }), "either height or hash"),
        ("chain_getBlock", json!({ "height": "-1" }), "height"),
        ("chain_getBlock", json!({ "hight": "1" }), "unknown parameter \"hight\""),
        ("chain_getBlock", json!([1, null, 3]), "3 parameters given"),
        ("chain_status", json!([1]), "takes none"),
        ("chain_status", json!("text"), "object or an array"),
        ("account_get", json!({}), "\"address\" is missing"),
        ("account_get", json!({ "address": "wat1qqqq" }), "address"),
        ("account_history", json!({ "address": alice(), "limit": 0 }), "limit"),
        ("account_history", json!({ "address": alice(), "limit": 100_000 }), "limit"),
        ("account_getProof", json!({ "key": "abc" }), "hex"),
        ("tx_submit", json!({ "txHex": "ff" }), "txHex"),
        ("tx_submit", json!({ "txHex": "ff", "bodyHex": "ff" }), "either txHex"),
        ("tx_simulate", json!({ "txHex": "ff", "auths": [] }), "one of txHex"),
        ("tx_simulate", json!({ "bodyHex": "ff", "calls": [], "sender": alice() }), "one of txHex"),
        ("tx_status", json!({ "id": "12" }), "64 hex digits"),
        ("tx_prepare", json!({ "calls": [{ "module": "nope" }], "sender": alice() }), "nope"),
        ("event_list", json!({ "filter": { "types": ["nope"] } }), "nope"),
        ("event_list", json!({ "cursor": "x" }), "cursor"),
        ("search_query", json!({ "text": " " }), "empty"),
    ];
    for (method, params, part) in table {
        let response = call(served.server.address(), method, params.clone()).await;
        assert_eq!(response["error"]["code"], -32602, "{method} {params}: {response}");
        assert_eq!(response["error"]["data"]["code"], "invalid_params");
        let message = response["error"]["message"].as_str().unwrap();
        assert!(message.contains(part), "{method} {params}: {message}");
    }
}

#[tokio::test]
async fn a_prepared_transaction_signed_outside_is_submitted_twice_with_one_id() {
    let served = serve(Config::default()).await;
    let address = served.server.address();
    let prepared =
        call(address, "tx_prepare", json!({ "calls": transfer(), "sender": alice() })).await["result"]
            .clone();
    let message: Vec<u8> = (0..prepared["signingHex"].as_str().unwrap().len() / 2)
        .map(|i| u8::from_str_radix(&prepared["signingHex"].as_str().unwrap()[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    let auth = json!({ "key": secret().public(), "signature": secret().sign(&message) });
    let params = json!({ "bodyHex": prepared["bodyHex"], "auths": [auth] });
    for _ in 0..2 {
        let response = call(address, "tx_submit", params.clone()).await;
        assert_eq!(response["result"]["id"], prepared["id"], "{response}");
    }
    let status = call(address, "tx_status", json!([prepared["id"]])).await;
    assert_eq!(status["result"]["state"], "finalized");
    assert_eq!(status["result"]["receipt"]["code"], "insufficient_funds");
    let batch = call(address, "tx_submitBatch", json!({ "txs": [params, { "txHex": "00" }, params] })).await;
    let results = batch["result"]["results"].as_array().unwrap();
    assert_eq!(results[0]["id"], prepared["id"]);
    assert_eq!(results[1]["error"]["data"]["code"], "invalid_params");
    assert_eq!(results[2]["id"], prepared["id"]);
}

#[tokio::test]
async fn a_rejection_says_why_and_which() {
    let served = serve(Config::default()).await;
    let address = served.server.address();
    let params = json!({ "calls": transfer(), "sender": alice(), "nonce": "6" });
    let prepared = call(address, "tx_prepare", params).await["result"].clone();
    let submission = json!({ "bodyHex": prepared["bodyHex"], "auths": [] });
    let error = call(address, "tx_submit", submission.clone()).await["error"].clone();
    assert_eq!(error["code"], -32004);
    assert_eq!(error["data"], json!({ "code": "bad_nonce", "expected": "5", "id": prepared["id"] }));
    let batch = call(address, "tx_submitBatch", json!([[submission]])).await;
    let one = &batch["result"]["results"][0];
    assert_eq!((&one["id"], &one["error"]["data"]["code"]), (&prepared["id"], &json!("bad_nonce")));
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let served = serve(Config::default()).await;
    let unknown = "12".repeat(32);
    for (method, params) in [
        ("tx_status", json!([unknown])),
        ("tx_get", json!([unknown])),
        ("chain_getBlock", json!({ "height": "11" })),
        ("token_getAsset", json!([7])),
        ("search_query", json!(["nothing"])),
    ] {
        let response = call(served.server.address(), method, params).await;
        assert_eq!(response["error"]["code"], -32001, "{method}");
        assert_eq!(response["error"]["data"]["code"], "not_found", "{method}");
    }
}

#[tokio::test]
async fn large_numbers_are_decimal_strings() {
    let served = serve(Config::default()).await;
    let address = served.server.address();
    let account = call(address, "account_get", json!([alice()])).await["result"].clone();
    assert_eq!(account["balances"][0]["available"], u128::MAX.to_string());
    assert_eq!(account["nonce"]["0"], "5");
    assert_eq!((&account["height"], &account["finalized"]), (&json!(HEAD), &json!(true)));
    let meter = call(address, "energy_getMeter", json!([alice()])).await["result"].clone();
    assert_eq!(meter["seq"], u64::MAX.to_string());
}

#[tokio::test]
async fn batches_and_notifications() {
    let served = serve(Config::default()).await;
    let address = served.server.address();
    let body = r#"[{"jsonrpc":"2.0","id":"a","method":"chain_status"},{"jsonrpc":"2.0","method":"chain_status"},
        {"jsonrpc":"2.0","id":2,"method":"nope"}]"#;
    let answers = post_json(address, body).await.json();
    assert_eq!(answers.as_array().unwrap().len(), 2);
    assert_eq!((&answers[0]["id"], &answers[1]["id"]), (&json!("a"), &json!(2)));
    assert_eq!(answers[1]["error"]["data"]["code"], "method_not_found");
    assert_eq!(post_json(address, r#"{"jsonrpc":"2.0","method":"chain_status"}"#).await.status, 204);
}

#[tokio::test]
async fn health_readiness_metrics_and_the_pointer() {
    let served = serve(Config::default()).await;
    let address = served.server.address();
    let healthy = get(address, "/healthy").await;
    assert_eq!(
        (healthy.status, healthy.json()),
        (
            200,
            json!({
                "status": "degraded",
                "reasons": ["no_peers"],
                "liveness": {
                    "quorum": false,
                    "quorumPower": 3,
                    "totalPower": 4,
                    "missingPower": 2,
                    "validatorsMissing": [secret().public()],
                },
            })
        )
    );
    assert_eq!(get(address, "/ready").await.status, 200);
    *served.chain.ready.lock().unwrap() = false;
    let ready = get(address, "/ready").await;
    assert_eq!((ready.status, &ready.json()["reasons"]), (503, &json!(["behind"])));
    assert_eq!(ready.json()["lagMs"], "5");

    call(address, "chain_status", json!([])).await;
    call(address, "made_up", json!([])).await;
    served.metrics.quorum(wattle_rpc::metrics::QuorumOf::Finalize, 0.02);
    served.metrics.fsync(wattle_rpc::metrics::FsyncOf::Wal, 0.003);
    let page = get(address, "/metrics").await;
    assert_eq!(page.status, 200);
    for line in [
        "wattle_finalized_height 10",
        r#"wattle_rpc_requests_total{method="chain_status"} 1"#,
        r#"wattle_rpc_requests_total{method="unknown"} 1"#,
        r#"wattle_rpc_errors_total{method="unknown"} 1"#,
        r#"wattle_health_reason{reason="no_peers"} 1"#,
        r#"wattle_health_reason{reason="behind"} 1"#,
        r#"wattle_fsync_seconds_count{file="wal"} 1"#,
        r#"wattle_quorum_delay_seconds_count{kind="finalize"} 1"#,
        r#"wattle_peers{kind="light"} 3"#,
        "wattle_rpc_connections 1",
    ] {
        assert!(page.body.lines().any(|l| l == line), "{line} is not in\n{}", page.body);
    }
    assert!(page.body.contains("wattle_process_resident_memory_bytes"));
    assert_eq!(get(address, "/").await.json()["rpc"], "/rpc");
    assert_eq!(get(address, "/nothing").await.status, 404);
}

#[tokio::test]
async fn a_busy_port_is_an_error_or_falls_back() {
    let first = bind("127.0.0.1:0".parse().unwrap(), false).await.unwrap();
    let address = first.local_addr().unwrap();
    assert!(bind(address, false).await.is_err());
    let second = bind(address, true).await.unwrap();
    assert!(second.local_addr().unwrap().port() > address.port());
}
