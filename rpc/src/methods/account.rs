//! `account_*` and `search_query`.

use super::{CURSOR, LIMIT, Method, opt, query, req};
use crate::params::Params;
use wattle_primitives::Address;
use wattle_rpc_types::limits::{SEARCH_BYTES_MAX, STATE_KEY_BYTES_MAX};
use wattle_rpc_types::{Hex, ProofTarget, RpcError, RpcResult};

pub(super) static METHODS: &[Method] = &[
    query!("account_get", "Nonces, balances and keys of an account.", [req::<Address>("address")], |b, p| b
        .account(p.get("address")?)),
    query!(
        "account_getProof",
        "A state value, or its absence, with its proof; by account address or state key.",
        [opt::<Address>("address"), opt::<Hex>("key")],
        |b, p| b.account_proof(proof_target(&p)?)
    ),
    query!(
        "account_history",
        "Finalized transactions that touched an account, newest first.",
        [req::<Address>("address"), CURSOR, LIMIT],
        |b, p| b.account_history(p.get("address")?, p.page()?)
    ),
    query!(
        "search_query",
        "What a text may mean: height, hash, address, key, symbol.",
        [req::<String>("text")],
        |b, p| b.search(search_text(&p.get::<String>("text")?)?)
    ),
];

fn proof_target(params: &Params) -> RpcResult<ProofTarget> {
    match (params.find("address")?, params.find::<Hex>("key")?) {
        (Some(address), None) => Ok(ProofTarget::Address(address)),
        (None, Some(key)) if key.0.len() > STATE_KEY_BYTES_MAX => {
            Err(RpcError::LimitExceeded { what: "state key in bytes", max: STATE_KEY_BYTES_MAX as u64 })
        }
        (None, Some(key)) => Ok(ProofTarget::Key(key.0)),
        _ => Err(RpcError::params("give either address or key")),
    }
}

fn search_text(text: &str) -> RpcResult<&str> {
    match text.trim() {
        "" => Err(RpcError::params("parameter \"text\" is empty")),
        text if text.len() > SEARCH_BYTES_MAX => {
            Err(RpcError::LimitExceeded { what: "search text in bytes", max: SEARCH_BYTES_MAX as u64 })
        }
        text => Ok(text),
    }
}
