//! The JSON-RPC 2.0 envelope: single requests, notifications and batches.
//!
//! Requests of one message run one after the other, so that a message never occupies more than one place among the
//! bounded workers, and answers count together against [`RESPONSE_BYTES_MAX`].
//!
//! Source: <https://www.jsonrpc.org/specification>.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use wattle_rpc_types::RpcError;
use wattle_rpc_types::limits::{BATCH_CALLS_MAX, RESPONSE_BYTES_MAX};

/// A request as it came.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request<'a> {
    #[serde(borrow)]
    jsonrpc: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) method: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) params: Option<&'a RawValue>,
    /// Absent in a notification; present and null is a request.
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
}

/// Runs one method. HTTP and WebSocket differ in the methods they can serve.
pub(crate) trait Call {
    /// The result as JSON, or why there is none.
    fn call(
        &mut self,
        method: &str,
        params: Option<&RawValue>,
    ) -> impl Future<Output = Result<Box<RawValue>, RpcError>> + Send;

    /// Notes a refusal that no method gave.
    fn note(&mut self, error: &RpcError);

    /// Whether this node can hold an answer of so many bytes beside what it holds for other clients.
    fn has_room(&mut self, bytes: usize) -> bool;
}

/// When asking again makes sense while others' answers fill the memory set aside, in ms.
const ANSWERS_RETRY_MS: u64 = 1000;

/// Answers one message. `None` when it holds notifications only.
pub(crate) async fn answer<C: Call + Send>(message: &str, callee: &mut C) -> Option<String> {
    if !message.trim_start().starts_with('[') {
        return answer_one(message, callee, 0).await;
    }
    let calls: Vec<&RawValue> = match serde_json::from_str(message) {
        Ok(calls) => calls,
        Err(error) => return Some(failure("null", &RpcError::Parse { detail: error.to_string() })),
    };
    if calls.is_empty() {
        return Some(failure("null", &RpcError::InvalidRequest { detail: "the batch is empty".to_owned() }));
    }
    if calls.len() > BATCH_CALLS_MAX {
        let error = RpcError::limit("batch size in calls", BATCH_CALLS_MAX);
        callee.note(&error);
        return Some(failure("null", &error));
    }
    let mut answers = String::from("[");
    for call in calls {
        if let Some(one) = answer_one(call.get(), callee, answers.len()).await {
            if answers.len() > 1 {
                answers.push(',');
            }
            answers.push_str(&one);
        }
    }
    answers.push(']');
    (answers.len() > 2).then_some(answers)
}

/// Answers one call of a message whose answers have `bytes` so far.
async fn answer_one<C: Call + Send>(text: &str, callee: &mut C, bytes: usize) -> Option<String> {
    let request = match parse(text) {
        Ok(request) => request,
        Err(error) => return Some(failure(&id_of(text), &error)),
    };
    let result = if bytes >= RESPONSE_BYTES_MAX {
        Err(too_long())
    } else {
        callee.call(&request.method, request.params).await
    };
    let id = request.id?.get();
    Some(match result {
        Ok(result) if result.get().len().saturating_add(bytes) > RESPONSE_BYTES_MAX => {
            failure(id, &too_long())
        }
        Ok(result) if !callee.has_room(result.get().len().saturating_add(bytes)) => {
            let what = "the memory for long answers";
            failure(id, &RpcError::Busy { what, retry_after_ms: ANSWERS_RETRY_MS })
        }
        Ok(result) => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{}}}"#, result.get()),
        Err(error) => failure(id, &error),
    })
}

/// A response that carries an error. `id` is JSON.
pub(crate) fn failure(id: &str, error: &RpcError) -> String {
    let object = serde_json::to_string(&error.to_object()).unwrap_or_else(|_| {
        // A value made of strings and numbers always serializes; were it not so, the client still gets an answer.
        r#"{"code":-32603,"message":"internal error","data":{"code":"internal"}}"#.to_owned()
    });
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{object}}}"#)
}

fn parse(text: &str) -> Result<Request<'_>, RpcError> {
    let request: Request<'_> = serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => RpcError::InvalidRequest { detail: error.to_string() },
        _ => RpcError::Parse { detail: error.to_string() },
    })?;
    if request.jsonrpc != "2.0" {
        return Err(RpcError::InvalidRequest { detail: "jsonrpc must be \"2.0\"".to_owned() });
    }
    if request.id.is_some_and(|id| !is_id(id.get())) {
        return Err(RpcError::InvalidRequest { detail: "id must be a string, a number or null".to_owned() });
    }
    Ok(request)
}

/// The id of a message that is no request, so that its sender can match the error.
fn id_of(text: &str) -> String {
    #[derive(Deserialize)]
    struct WithId<'a> {
        #[serde(borrow)]
        id: &'a RawValue,
    }
    let id =
        serde_json::from_str::<WithId<'_>>(text).ok().map(|request| request.id.get()).filter(|id| is_id(id));
    id.unwrap_or("null").to_owned()
}

fn is_id(json: &str) -> bool {
    !json.starts_with(['{', '[', 't', 'f'])
}

fn too_long() -> RpcError {
    RpcError::limit("response size in bytes", RESPONSE_BYTES_MAX)
}

fn present<'de, D: Deserializer<'de>>(d: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(d).map(Some)
}

#[cfg(test)]
#[path = "wire_tests.rs"]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
