//! What is described, served and documented is the same.

use crate::backend::alice;
use crate::client::{call, serve};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use wattle_primitives::Hash;
use wattle_rpc::Config;

/// Parameters with which the sample chain answers each method.
fn sample(method: &str) -> Value {
    let (address, hash) = (alice().to_string(), Hash([5; 32]).to_string());
    let calls = json!([{ "module": "token", "call": "transfer", "args": { "to": address, "asset": "0", "amount": "5" } }]);
    match method {
        "chain_getBlock" => json!({ "height": "3" }),
        "account_get" | "account_getProof" | "account_history" | "energy_getMeter" => {
            json!({ "address": address })
        }
        "tx_prepare" | "tx_simulate" => json!({ "calls": calls, "sender": address }),
        "tx_status" | "tx_get" | "energy_getMicrogrid" | "ledger_getHold" => json!({ "id": hash }),
        "search_query" => json!({ "text": "7" }),
        "energy_listReadings" => json!({ "meter": address }),
        "energy_getTerms" | "energy_getInterval" | "energy_listTrades" | "energy_orderBook"
        | "energy_listOrders" => {
            json!({ "microgrid": hash, "interval": "4" })
        }
        "energy_listMembers" | "energy_listIntervals" | "energy_listDeals" => json!({ "microgrid": hash }),
        "energy_getOrder" => json!({ "order": hash }),
        "energy_getDeal" => json!({ "deal": hash }),
        "energy_getDispute" => json!({ "dispute": hash }),
        "energy_bill" => json!({ "account": address, "fromMs": "0" }),
        "chain_getEventProof" => json!({ "height": "3", "index": 0 }),
        "ledger_getAccount" => json!({ "account": { "kind": "wallet", "owner": address } }),
        "token_getAsset" => json!({ "asset": "0" }),
        "tx_submitBatch" => json!({ "txs": [{ "txHex": "00" }] }),
        _ => json!({}),
    }
}

/// Checks `value` against the part of JSON Schema that the document uses. Members that are not declared are errors.
pub(crate) fn check(value: &Value, schema: &Value, document: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        let target = &document["components"]["schemas"][name];
        assert!(target.is_object(), "{at}: {name} is not declared");
        return check(value, target, document, at);
    }
    if let Some(options) = schema["anyOf"].as_array() {
        let chosen = options.iter().find(|o| (o["type"] == "null") == value.is_null()).unwrap();
        return check(value, chosen, document, at);
    }
    match schema["type"].as_str().unwrap_or_else(|| panic!("{at}: no type in {schema}")) {
        "null" => assert!(value.is_null(), "{at}"),
        "boolean" => assert!(value.is_boolean(), "{at}: {value}"),
        "integer" => assert!(value.is_i64() || value.is_u64(), "{at}: {value}"),
        "string" => check_text(value, schema, at),
        "array" => {
            for item in value.as_array().unwrap_or_else(|| panic!("{at}: {value}")) {
                check(item, &schema["items"], document, at);
            }
        }
        _ => check_object(value, schema, document, at),
    }
}

fn check_text(value: &Value, schema: &Value, at: &str) {
    let text = value.as_str().unwrap_or_else(|| panic!("{at}: {value} is no string"));
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{at}: {text}");
    }
    match schema["pattern"].as_str() {
        Some("^[0-9]+$") => {
            assert!(text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty(), "{at}: {text}")
        }
        Some(p) if p.contains("{64}") => assert_eq!(text.len(), 64, "{at}: {text}"),
        Some(p) if p.contains("{128}") => assert_eq!(text.len(), 128, "{at}: {text}"),
        Some(p) if p.starts_with("^wat1") => assert!(text.starts_with("wat1"), "{at}: {text}"),
        _ => {}
    }
}

fn check_object(value: &Value, schema: &Value, document: &Value, at: &str) {
    let object = value.as_object().unwrap_or_else(|| panic!("{at}: {value} is no object"));
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(object.contains_key(name.as_str().unwrap()), "{at}: {name} is missing in {value}");
    }
    let is_event = schema["properties"]["type"]["enum"].is_array(); // its members depend on its type
    for (name, member) in object {
        let below = format!("{at}.{name}");
        match (schema["properties"].get(name), schema.get("additionalProperties")) {
            (Some(declared), _) => check(member, declared, document, &below),
            (None, Some(rest)) => check(member, rest, document, &below),
            (None, None) => {
                assert!(is_event || schema.get("properties").is_none(), "{below} is not declared")
            }
        }
    }
}

#[tokio::test]
async fn every_described_method_is_served_as_described() {
    let served = serve(Config::default()).await;
    served.chain.seen.lock().unwrap().push(Hash([5; 32]));
    let address = served.server.address();
    let document = call(address, "rpc.discover", json!([])).await["result"].clone();
    let methods = document["methods"].as_array().unwrap();
    let described: BTreeSet<&str> = methods.iter().map(|m| m["name"].as_str().unwrap()).collect();
    assert_eq!(described, wattle_rpc::method_names().collect());
    for method in methods {
        let name = method["name"].as_str().unwrap();
        let params = sample(name);
        for param in method["params"].as_array().unwrap() {
            match params.get(param["name"].as_str().unwrap()) {
                Some(value) => check(value, &param["schema"], &document, &format!("{name}.params")),
                None => assert_eq!(
                    param["required"],
                    json!(matches!(name, "event_unsubscribe")),
                    "{name}: {param}"
                ),
            }
        }
        let response = call(address, name, params).await;
        match name {
            "tx_submit" => assert_eq!(response["error"]["data"]["code"], "invalid_params"),
            "event_subscribe" | "event_unsubscribe" => {
                assert_eq!(response["error"]["data"]["code"], "invalid_request", "needs a WebSocket");
            }
            _ => {
                assert!(response.get("error").is_none(), "{name}: {response}");
                check(&response["result"], &method["result"]["schema"], &document, name);
            }
        }
    }
}

#[tokio::test]
async fn every_reference_in_the_description_leads_somewhere() {
    let served = serve(Config::default()).await;
    let document = call(served.server.address(), "rpc.discover", json!([])).await["result"].clone();
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name}");
    }
}

#[test]
fn the_documentation_lists_exactly_the_served_methods() {
    let page = include_str!("../../../docs/rpc.md");
    let documented: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    assert_eq!(documented, wattle_rpc::method_names().collect());
    for (number, code) in wattle_rpc_types::RpcError::CODES {
        assert!(page.contains(&format!("| {number} | `{code}` |")), "{code} is not documented");
    }
}

#[test]
fn the_documentation_lists_every_order() {
    let page = include_str!("../../../docs/operations.md");
    for name in wattle_rpc::admin::names() {
        assert!(page.contains(&format!("| `{name}` |")), "{name} is not documented");
    }
}

/// The members of a described result, and of the objects in its lists.
fn members(schema: &Value, document: &Value, into: &mut BTreeSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return members(&document["components"]["schemas"][name], document, into);
    }
    members_of_items(&schema["items"], document, into);
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        into.insert(name.clone());
        members_of_items(&member["items"], document, into);
    }
}

fn members_of_items(items: &Value, document: &Value, into: &mut BTreeSet<String>) {
    if !items.is_null() {
        members(items, document, into);
    }
}

#[tokio::test]
async fn the_documentation_of_peers_names_every_member() {
    let served = serve(Config::default()).await;
    let document = call(served.server.address(), "rpc.discover", json!([])).await["result"].clone();
    let page = include_str!("../../../docs/rpc.md");
    let section = page.split("### `node_peers`").nth(1).unwrap().split("```").next().unwrap();
    let words: BTreeSet<&str> = section.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let methods = document["methods"].as_array().unwrap();
    let method = methods.iter().find(|m| m["name"] == "node_peers").unwrap();
    let mut described = BTreeSet::new();
    members(&method["result"]["schema"], &document, &mut described);
    members(&json!({ "$ref": "#/components/schemas/PeerBan" }), &document, &mut described);
    assert!(described.contains("penalties") && described.contains("remainingMs"), "{described:?}");
    let anchor = ["finalized"];
    for name in described.iter().filter(|name| !anchor.contains(&name.as_str())) {
        assert!(words.contains(name.as_str()), "{name} is described, but not documented");
    }
}
