//! A client's message, from its text to every method's parameters.

use crate::heap;
use serde_json::Value;
use std::sync::{Arc, LazyLock};
use tokio::runtime::Runtime;
use wattle_rpc::{Local, Metrics};
use wattle_rpc_types::limits::{BATCH_CALLS_MAX, RESPONSE_BYTES_MAX};
use wattle_rpc_types::{Admin, NodeInfo, RpcError, RpcResult};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime"));
static LOCAL: LazyLock<Local> = LazyLock::new(|| {
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    Local::new(Arc::new(backend::Chain::new()), Some(Arc::new(Idle)), metrics)
        .expect("the description is written")
});

/// A request, a notification or a batch.
pub fn rpc(bytes: &[u8]) {
    let Ok(message) = std::str::from_utf8(bytes) else { return };
    let local = &*LOCAL;
    let discover = message.contains("discover"); // the one long answer
    let room = if discover { 256 << 20 } else { bytes.len().saturating_mul(600) + (4 << 20) };
    let answer = heap::bounded(room, || RUNTIME.block_on(local.answer(message)));
    let parsed = serde_json::from_str::<Value>(message);
    let Some(text) = answer else {
        let notification = |value: &Value| value.is_object() && value.get("id").is_none();
        let silent = match &parsed {
            Ok(Value::Array(calls)) => calls.iter().all(notification),
            Ok(value) => notification(value),
            // A number too large for a `Value` is still JSON.
            Err(_) => true,
        };
        assert!(silent, "no answer to {message}");
        return;
    };
    assert!(text.len() <= RESPONSE_BYTES_MAX + BATCH_CALLS_MAX * 4096 + bytes.len());
    let Ok(answer) = serde_json::from_str::<Value>(&text) else {
        // The id is given back as it came: only there can a number be too large for a `Value`.
        assert!(parsed.is_err(), "{text} is no JSON");
        return;
    };
    let answers = answer.as_array().map_or(std::slice::from_ref(&answer), Vec::as_slice);
    for answer in answers {
        assert_eq!(answer["jsonrpc"], "2.0");
        assert!(
            answer.get("id").is_some() && answer.get("result").is_some() != answer.get("error").is_some()
        );
        assert!(answer["error"].is_null() || answer["error"]["data"]["code"].is_string(), "{text}");
    }
}

/// The sample chain of the interface's own tests.
#[path = "../../rpc/tests/interface/backend.rs"]
#[expect(dead_code, reason = "those tests also move it on")]
mod backend;

/// An operator's node that does nothing.
struct Idle;

impl Admin for Idle {
    fn node_info(&self) -> RpcResult<NodeInfo> {
        Err(RpcError::not_found("node", "here"))
    }

    fn add_peer(&self, _: &str) -> RpcResult<()> {
        Ok(())
    }

    fn remove_peer(&self, _: &str) -> RpcResult<()> {
        Ok(())
    }

    fn ban_peer(&self, _: &str, _: std::time::Duration) -> RpcResult<()> {
        Ok(())
    }

    fn unban_peer(&self, _: &str) -> RpcResult<()> {
        Ok(())
    }

    fn set_log_filter(&self, filter: &str) -> RpcResult<String> {
        Ok(filter.to_owned())
    }

    fn stop(&self) -> RpcResult<()> {
        Ok(())
    }
}
