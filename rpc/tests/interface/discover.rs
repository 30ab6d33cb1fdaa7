//! The methods described, served and documented are the same.
//!
//! The shapes are made by one library from the types that are served, and checked by another against what comes.

use crate::backend::alice;
use crate::client::{call, serve};
use crate::shapes::{DRAFT, Described};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use wattle_primitives::{BookId, Hash};
use wattle_rpc::Config;

/// Something of the shape of a parameter, as far as the sample chain knows it.
fn sample(shape: &Value) -> Value {
    match shape["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        Some("Address") => json!(alice()),
        Some("Hash") => json!(Hash([5; 32])),
        Some("AccountId") => json!({ "kind": "wallet", "owner": alice() }),
        Some("BookId") => json!(BookId([1; 16])),
        Some("AssetId" | "TimeMs") => json!("0"),
        Some(_) => json!("3"),
        None if shape["type"] == "integer" => json!(0),
        None if shape["type"] == "string" => json!("7"),
        None if shape["items"]["$ref"].as_str().unwrap().ends_with("/Submission") => {
            json!([{ "txHex": "00" }])
        }
        None => {
            let args = json!({ "to": alice(), "asset": "0", "amount": "5" });
            json!([{ "module": "token", "call": "transfer", "args": args }])
        }
    }
}

/// Parameters with which the sample chain answers each method: all that are required, and one of a choice.
fn samples(method: &Value) -> Value {
    let chosen: &[&str] = match method["name"].as_str().unwrap() {
        "chain_getBlock" => &["height"],
        "account_getProof" => &["address"],
        "tx_simulate" => &["calls", "sender"],
        "energy_getTerms" => &["interval"],
        "energy_bill" => &["fromMs"],
        "identity_listGrants" => &["grantor"],
        "identity_listSponsorships" => &["sponsor"],
        _ => &[],
    };
    let params = method["params"].as_array().unwrap().iter();
    let given = params.filter(|p| p["required"] == true || chosen.contains(&p["name"].as_str().unwrap()));
    given
        .map(|p| (p["name"].as_str().unwrap().to_owned(), sample(&p["schema"])))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[tokio::test]
async fn every_described_method_is_served_as_described() {
    let served = serve(Config::default()).await;
    served.chain.seen.lock().unwrap().push(Hash([5; 32]));
    let address = served.server.address();
    let described = Described::new(call(address, "rpc.discover", json!([])).await["result"].clone());
    let names: BTreeSet<&str> = described.methods().iter().map(|m| m["name"].as_str().unwrap()).collect();
    assert_eq!(names, wattle_rpc::method_names().collect());
    for method in described.methods() {
        let name = method["name"].as_str().unwrap();
        let params = samples(method);
        for param in method["params"].as_array().unwrap() {
            if let Some(value) = params.get(param["name"].as_str().unwrap()) {
                described.check(value, &param["schema"], &format!("{name}.params"));
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
                described.check(&response["result"], &method["result"]["schema"], name);
            }
        }
    }
}

/// Goal: the check above is worth something: it finds what is missing, undeclared, or of another form.
#[tokio::test]
async fn a_reply_of_another_shape_is_found() {
    let served = serve(Config::default()).await;
    let address = served.server.address();
    let described = Described::new(call(address, "rpc.discover", json!([])).await["result"].clone());
    let shape = &described.method("chain_status")["result"]["schema"];
    let reply = call(address, "chain_status", json!([])).await["result"].clone();
    let spoilt = |spoil: &dyn Fn(&mut Value)| {
        let mut reply = reply.clone();
        spoil(&mut reply);
        std::panic::catch_unwind(|| described.check(&reply, shape, "spoilt")).is_err()
    };
    assert!(!spoilt(&|_| {}));
    assert!(spoilt(&|reply| reply["surprise"] = json!(1)));
    assert!(spoilt(&|reply| reply["height"] = json!(3)));
    assert!(spoilt(&|reply| reply["hash"] = json!("abc")));
    assert!(spoilt(&|reply| drop(reply.as_object_mut().unwrap().remove("peers"))));
}

/// The description as others read it: by the meta-schema of OpenRPC itself, see `tests/openrpc/README.md`.
#[tokio::test]
async fn the_description_is_valid_openrpc() {
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let mut meta = parse(include_str!("../openrpc/meta-schema.json"));
    let mut shapes = parse(include_str!("../openrpc/json-schema.json"));
    // Both name themselves as their own draft; it is the seventh.
    (meta["$schema"], shapes["$schema"]) = (json!(DRAFT), json!(DRAFT));
    let registry = jsonschema::Registry::new()
        .add("https://meta.json-schema.tools", shapes.clone())
        .and_then(|registry| registry.add("https://meta.json-schema.tools/", shapes))
        .and_then(|registry| registry.prepare())
        .unwrap();
    let validator = jsonschema::draft7::options().with_registry(&registry).build(&meta).unwrap();
    let served = serve(Config::default()).await;
    let document = call(served.server.address(), "rpc.discover", json!([])).await["result"].clone();
    let errors: Vec<String> =
        validator.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    for broken in ["methods", "openrpc", "info"] {
        let mut document = document.clone();
        document.as_object_mut().unwrap().remove(broken);
        assert!(!validator.is_valid(&document), "valid without {broken}");
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
    for name in wattle_rpc::admin_names() {
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
