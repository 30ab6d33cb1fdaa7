//! `search_query`: finds things by a text.

use crate::{At, RpcResult};
#[cfg(feature = "schema")]
use crate::{RpcError, limits::SEARCH_BYTES_MAX};
use serde::{Deserialize, Serialize};

/// The query of the search field.
pub trait SearchQueries {
    /// Things that `text` may name; exact matches and bounded scans only.
    fn search(&self, text: &str) -> RpcResult<SearchReply>;
}

methods![query!(
    "search_query",
    "What a text may mean: height, hash, address, key, symbol.",
    [req::<String>("text")],
    |node, params| match params.req::<String>("text")?.trim() {
        "" => Err(RpcError::params("parameter \"text\" is empty")),
        text if text.len() > SEARCH_BYTES_MAX => {
            Err(RpcError::limit("search text in bytes", SEARCH_BYTES_MAX))
        }
        text => node.search(text),
    }
)];

/// Kinds of things a search finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SearchKind {
    /// A block; the target is its height.
    Block,
    /// A transaction; the target is its id.
    Tx,
    /// An account; the target is its address.
    Account,
    /// A meter; the target is its address.
    Meter,
    /// A microgrid; the target is its id.
    Microgrid,
    /// An open hold; the target is its id.
    Hold,
    /// An asset; the target is its id.
    Asset,
    /// A validator; the target is its key.
    Validator,
}

/// One thing found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SearchHit {
    /// Its kind.
    pub kind: SearchKind,
    /// How it is asked for.
    pub target: String,
}

/// `search_query`. Nothing found is the error `not_found`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SearchReply {
    /// Which state.
    #[serde(flatten)]
    pub at: At,
    /// The best match.
    #[serde(flatten)]
    pub best: SearchHit,
    /// Others that the text may mean.
    pub also: Vec<SearchHit>,
    /// Whether there are more than are listed.
    pub truncated: bool,
}
