//! `rpc.discover`: the OpenRPC description, made from the tables that serve the methods.
//!
//! Source: <https://spec.open-rpc.org>, version 1.3.2.

use crate::admin::ADMIN_METHODS;
use crate::methods::{METHODS, Method};
use crate::schema;
use serde_json::{Value, json};
use wattle_rpc_types::RpcError;

/// The whole document: of the methods for everybody, or of all that the admin socket serves.
pub(crate) fn document(admin: bool) -> Value {
    let more = if admin { ADMIN_METHODS } else { &[] };
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "Wattle",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "JSON-RPC 2.0 over HTTP (POST) and WebSocket at /rpc. Parameters by name or by position. \
                Integers of 64 bits and more are decimal strings; bytes are hex. Match on error.data.code.",
        },
        "methods": METHODS.iter().chain(more).map(describe).collect::<Vec<_>>(),
        "components": { "schemas": schema::components(), "errors": errors() },
    })
}

fn describe(method: &Method) -> Value {
    let params: Vec<Value> = method
        .params
        .iter()
        .map(|p| json!({ "name": p.name, "required": p.required, "schema": p.ty.to_schema() }))
        .collect();
    json!({
        "name": method.name,
        "summary": method.summary,
        "paramStructure": "either",
        "params": params,
        "result": { "name": "result", "schema": method.result.to_schema() },
    })
}

fn errors() -> Value {
    RpcError::CODES
        .iter()
        .map(|(number, code)| {
            ((*code).to_owned(), json!({ "code": number, "message": code, "data": { "code": code } }))
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}
