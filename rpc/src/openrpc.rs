//! `rpc.discover`: the OpenRPC description, made from the tables that serve the methods and the types that they return.
//!
//! Source: <https://spec.open-rpc.org>, version 1.3.2.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use wattle_rpc_types::RpcError;
use wattle_rpc_types::method::{self, Method};

/// The whole document: of the methods for everybody, or of all that the admin socket serves.
pub(crate) fn document(admin: bool) -> Value {
    let mut shapes = shapes();
    let more = admin.then(method::admin).into_iter().flatten();
    let methods: Vec<Value> = method::all().chain(more).map(|method| describe(method, &mut shapes)).collect();
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "Wattle",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "JSON-RPC 2.0 over HTTP (POST) and WebSocket at /rpc. Parameters by name or by position. \
                Integers of 64 bits and more are decimal strings; bytes are hex. Match on error.data.code.",
        },
        "methods": methods,
        "components": { "schemas": shapes.take_definitions(true), "errors": errors() },
    })
}

/// Makes JSON Schema of draft 7, as replies are written, with one definition for each named type.
pub(crate) fn shapes() -> SchemaGenerator {
    let settings = SchemaSettings::draft07().for_serialize();
    settings.with(|settings| settings.definitions_path = "/components/schemas".into()).into_generator()
}

fn describe(method: &Method, shapes: &mut SchemaGenerator) -> Value {
    let params: Vec<Value> = method
        .params
        .iter()
        .map(|p| json!({ "name": p.name, "required": p.required, "schema": (p.shape)(shapes) }))
        .collect();
    json!({
        "name": method.name,
        "summary": method.summary,
        "paramStructure": "either",
        "params": params,
        "result": { "name": "result", "schema": method.result(shapes) },
    })
}

fn errors() -> Map<String, Value> {
    let error = |(number, code): &(i32, &str)| {
        ((*code).to_owned(), json!({ "code": number, "message": code, "data": { "code": code } }))
    };
    RpcError::CODES.iter().map(error).collect()
}
