//! Errors of calls, and how they are said in JSON-RPC.
//!
//! Clients match on `error.data.code`, a stable snake_case string; the numeric code only groups errors, and the
//! message is for people and may change.

use serde::Serialize;
use serde_json::{Map, Value, json};
use wattle_primitives::{Hash, Height};

/// Result of every query.
pub type RpcResult<T> = Result<T, RpcError>;

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RpcError {
    /// The bytes are not JSON.
    #[error("the request is not valid JSON: {detail}")]
    Parse {
        /// The parser's complaint.
        detail: String,
    },
    /// JSON, but no JSON-RPC 2.0 request.
    #[error("not a JSON-RPC 2.0 request: {detail}")]
    InvalidRequest {
        /// The rule that is broken.
        detail: String,
    },
    /// No such method.
    #[error("no method {method:?}; call rpc.discover for the list")]
    MethodNotFound {
        /// The name asked for, cut to 80 characters.
        method: String,
    },
    /// Parameters are missing, unknown or malformed.
    #[error("{detail}")]
    InvalidParams {
        /// Which one, and what is wrong with it.
        detail: String,
    },
    /// This node does not know it. Another may.
    #[error("no {what} {id}")]
    NotFound {
        /// Kind of thing: `block`, `transaction`, `meter`, ...
        what: &'static str,
        /// The id asked for.
        id: String,
    },
    /// It existed, but this node keeps no history below `horizon`.
    #[error("history below height {horizon} is pruned on this node")]
    Pruned {
        /// Lowest height that is kept.
        horizon: Height,
    },
    /// This node does not keep the index that the answer needs.
    #[error("this node keeps no index of {what}")]
    NotIndexed {
        /// Subject of the missing index.
        what: &'static str,
    },
    /// A transaction was not admitted. It has had no effect and will have none unless it is sent again.
    #[error("transaction {id} rejected: {message}")]
    Rejected {
        /// The transaction's id.
        id: Hash,
        /// Why: a stable code.
        code: &'static str,
        /// Why, for people.
        message: String,
        /// Further fields for `data`: an object, or null.
        details: Value,
    },
    /// Too much at once: try again later.
    #[error("{what} is full")]
    Busy {
        /// The queue or table that is full.
        what: &'static str,
        /// When trying again makes sense, in ms.
        retry_after_ms: u64,
    },
    /// More than a named limit allows.
    #[error("{what} exceeds the limit of {max}")]
    LimitExceeded {
        /// The thing that is too large, with its unit.
        what: &'static str,
        /// The limit.
        max: u64,
    },
    /// The node cannot answer in its present state: starting, stopping or halted.
    #[error("not available: {reason}")]
    Unavailable {
        /// Its present state, in words.
        reason: String,
    },
    /// The work took longer than a message may take. What was submitted may still take effect: ask by its id.
    #[error("no answer within {limit_ms} ms")]
    Timeout {
        /// The limit in ms.
        limit_ms: u64,
    },
    /// A method for the node's operator: it is served on the admin socket alone.
    #[error("{method} is served on the node's admin socket only")]
    AdminOnly {
        /// The method.
        method: &'static str,
    },
    /// A fault of this node. Details are in its log.
    #[error("internal error: {detail}")]
    Internal {
        /// The part that failed, without secrets.
        detail: String,
    },
}

/// The `error` member of a response.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ErrorObject {
    /// Numeric code: the group.
    pub code: i32,
    /// For people.
    pub message: String,
    /// `{code, ...details}`.
    pub data: Value,
}

macro_rules! codes {
    ($($variant:ident: $number:literal, $code:literal;)*) => {
        impl RpcError {
            /// Every stable code that this crate itself uses; [`RpcError::Rejected`] adds the runtime's.
            pub const CODES: &'static [(i32, &'static str)] = &[$(($number, $code)),*];

            const fn codes(&self) -> (i32, &'static str) {
                match self {
                    $(Self::$variant { .. } => ($number, $code),)*
                }
            }
        }
    };
}

codes! {
    Parse: -32700, "parse_error";
    InvalidRequest: -32600, "invalid_request";
    MethodNotFound: -32601, "method_not_found";
    InvalidParams: -32602, "invalid_params";
    Internal: -32603, "internal";
    NotFound: -32001, "not_found";
    Pruned: -32002, "pruned";
    NotIndexed: -32003, "not_indexed";
    Rejected: -32004, "rejected";
    Busy: -32005, "busy";
    LimitExceeded: -32006, "limit_exceeded";
    Unavailable: -32007, "unavailable";
    Timeout: -32008, "timeout";
    AdminOnly: -32009, "admin_only";
}

impl RpcError {
    /// Parameters are wrong.
    #[must_use]
    pub fn params(detail: impl Into<String>) -> Self {
        Self::InvalidParams { detail: detail.into() }
    }

    /// There is more than `max` of something, named with its unit.
    #[must_use]
    pub const fn limit(what: &'static str, max: usize) -> Self {
        Self::LimitExceeded { what, max: max as u64 }
    }

    /// Something is not known here.
    #[must_use]
    pub fn not_found(what: &'static str, id: impl ToString) -> Self {
        Self::NotFound { what, id: id.to_string() }
    }

    /// A fault of this node.
    #[must_use]
    pub fn internal(detail: impl ToString) -> Self {
        Self::Internal { detail: detail.to_string() }
    }

    /// The numeric code.
    #[must_use]
    pub const fn number(&self) -> i32 {
        self.codes().0
    }

    /// The stable code, `error.data.code`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Rejected { code, .. } => code,
            _ => self.codes().1,
        }
    }

    /// The error as it is sent.
    #[must_use]
    pub fn to_object(&self) -> ErrorObject {
        let mut data = match self.details() {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        data.insert("code".to_owned(), self.code().into());
        ErrorObject { code: self.number(), message: self.to_string(), data: Value::Object(data) }
    }

    fn details(&self) -> Value {
        match self {
            Self::Parse { detail } | Self::InvalidRequest { detail } => json!({ "detail": detail }),
            Self::InvalidParams { detail } | Self::Internal { detail } => json!({ "detail": detail }),
            Self::MethodNotFound { method } => json!({ "method": method }),
            Self::NotFound { what, id } => json!({ "what": what, "id": id }),
            Self::Pruned { horizon } => json!({ "horizon": horizon }),
            Self::NotIndexed { what } => json!({ "what": what }),
            Self::Rejected { id, details, .. } => {
                let mut data = details.as_object().cloned().unwrap_or_default();
                data.insert("id".to_owned(), id.to_string().into());
                Value::Object(data)
            }
            Self::Busy { what, retry_after_ms } => {
                json!({ "what": what, "retryAfterMs": retry_after_ms.to_string() })
            }
            Self::LimitExceeded { what, max } => json!({ "what": what, "max": max.to_string() }),
            Self::Unavailable { reason } => json!({ "reason": reason }),
            Self::Timeout { limit_ms } => json!({ "limitMs": limit_ms.to_string() }),
            Self::AdminOnly { method } => json!({ "method": method }),
        }
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
