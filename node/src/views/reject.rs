//! Why a transaction was refused, as clients read it.

use crate::driver::SubmitError;
use crate::mempool::InsertError;
use serde_json::{Value, json};
use wattle_primitives::Hash;
use wattle_rpc_types::RpcError;
use wattle_runtime::TxError;

/// When offering again makes sense while the checkers are busy, in ms: they take a few hundred a second at worst.
const CHECKERS_RETRY_MS: u64 = 250;
/// When offering again makes sense while the mempool is full, in ms: about a block.
const MEMPOOL_RETRY_MS: u64 = 1000;

/// A refusal by content or state.
pub(super) fn by_runtime(id: Hash, error: &TxError) -> RpcError {
    RpcError::Rejected { id, code: error.code(), message: error.to_string(), details: details(error) }
}

/// A refusal of something that was offered.
pub(super) fn by_driver(id: Hash, error: &SubmitError) -> RpcError {
    match error {
        SubmitError::Tx(error) => by_runtime(id, error),
        SubmitError::Pool(InsertError::Full) => {
            RpcError::Busy { what: "the mempool", retry_after_ms: MEMPOOL_RETRY_MS }
        }
        SubmitError::Pool(InsertError::AccountFull) => {
            RpcError::Busy { what: "the sender's room in the mempool", retry_after_ms: MEMPOOL_RETRY_MS }
        }
        SubmitError::Pool(error) => RpcError::Rejected {
            id,
            code: error.code(),
            message: error.to_string(),
            details: pool_details(error),
        },
        SubmitError::Busy => {
            RpcError::Busy { what: "the queue of transactions to check", retry_after_ms: CHECKERS_RETRY_MS }
        }
        SubmitError::LowSpace => RpcError::Unavailable { reason: "the node is low on disk space".to_owned() },
        SubmitError::Stopping => RpcError::Unavailable { reason: "the node is stopping".to_owned() },
    }
}

fn details(error: &TxError) -> Value {
    match error {
        TxError::TooLarge { max, got } => json!({ "max": max, "got": got }),
        TxError::NoCalls | TxError::Auths | TxError::WrongChain => Value::Null,
        TxError::Lane { lane } => json!({ "lane": lane }),
        TxError::Call { index, reason } => json!({ "index": index, "reason": reason.code() }),
        TxError::Signature { key, .. } | TxError::Superfluous { key } => json!({ "key": key }),
        TxError::TooHeavy { weight, max } => json!({ "weight": weight, "max": max }),
        TxError::FeeCap { fee, max_fee } => json!({ "fee": fee, "maxFee": max_fee }),
        TxError::Expired { expires_ms, time_ms } => json!({ "expiresMs": expires_ms, "timeMs": time_ms }),
        TxError::Nonce { lane, expected, got } => json!({ "lane": lane, "expected": expected, "got": got }),
        TxError::UnknownAccount { account } => json!({ "account": account }),
        TxError::Authority { account, got, threshold } => {
            json!({ "account": account, "got": got, "threshold": threshold })
        }
        TxError::Sponsorship { payer, reason } => json!({ "payer": payer, "reason": reason.code() }),
        TxError::Funds { payer, available, needed } => {
            json!({ "payer": payer, "available": available, "needed": needed })
        }
        TxError::Bandwidth { retry_ms } => json!({ "retryAfterMs": retry_ms }),
    }
}

fn pool_details(error: &InsertError) -> Value {
    match error {
        InsertError::NonceUsed { next, got } | InsertError::NonceAhead { next, got } => {
            json!({ "expected": next, "got": got })
        }
        InsertError::Expired { expires_ms, now_ms } => json!({ "expiresMs": expires_ms, "timeMs": now_ms }),
        InsertError::Underpriced { tip_min } => json!({ "tipMin": tip_min }),
        InsertError::Finalized | InsertError::Rejected | InsertError::AccountFull | InsertError::Full => {
            Value::Null
        }
    }
}
