//! `account_*`: records, proofs, history.

use crate::{At, Page, PageRequest, RpcResult, hex_bytes, hex_bytes_opt};
#[cfg(feature = "schema")]
use crate::{Hex, RpcError, limits::STATE_KEY_BYTES_MAX};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use wattle_primitives::call::identity::Authority;
use wattle_primitives::call::token::Symbol;
use wattle_primitives::trie::TrieProof;
use wattle_primitives::{
    Address, Amount, AssetId, Certificate, Event, Hash, Header, Height, Lane, Nonce, TimeMs, Weight,
};

/// Queries about accounts.
pub trait AccountQueries {
    /// An account; one that was never used is an answer, not an error.
    fn account(&self, address: Address) -> RpcResult<AccountReply>;

    /// An account's balances, in the order in which it came to the assets; the native one first.
    fn account_balances(&self, address: Address, page: PageRequest) -> RpcResult<Page<Balance>>;

    /// A state value, or its absence, with its proof.
    fn account_proof(&self, target: ProofTarget) -> RpcResult<ProofReply>;

    /// Finalized transactions that touched an account, newest first.
    fn account_history(&self, address: Address, page: PageRequest) -> RpcResult<Page<HistoryItem>>;
}

methods![
    query!("account_get", "Nonces, balances and keys of an account.", account(req::<Address>("address"))),
    list!(
        "account_listBalances",
        "Balances of an account, the native one first.",
        account_balances(req::<Address>("address"))
    ),
    query!(
        "account_getProof",
        "A state value, or its absence, with its proof; by account address or state key.",
        [opt::<Address>("address"), opt::<Hex>("key")],
        |node, params| match (params.opt("address")?, params.opt::<Hex>("key")?) {
            (Some(address), None) => node.account_proof(ProofTarget::Address(address)),
            (None, Some(key)) if key.0.len() > STATE_KEY_BYTES_MAX => {
                Err(RpcError::limit("state key in bytes", STATE_KEY_BYTES_MAX))
            }
            (None, Some(key)) => node.account_proof(ProofTarget::Key(key.0)),
            _ => Err(RpcError::params("give either address or key")),
        }
    ),
    list!(
        "account_history",
        "Finalized transactions that touched an account, newest first.",
        account_history(req::<Address>("address"))
    ),
];

/// `account_get`. An address that was never used is no error: `exists` is false and all else empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AccountReply {
    /// Which state.
    #[serde(flatten)]
    pub at: At,
    /// The account.
    pub address: Address,
    /// Whether it is on chain.
    pub exists: bool,
    /// Next nonce by lane, `{"0": "5"}`; lanes never used are left out, but for lane 0.
    pub nonce: BTreeMap<Lane, Nonce>,
    /// Assets it holds or has held, the first of them.
    pub balances: Vec<Balance>,
    /// Pass as `cursor` to `account_listBalances` to get those beyond; absent when these are all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balances_cursor: Option<String>,
    /// Who can act for it; absent when it does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<Authority>,
    /// Weight units it can spend now without waiting.
    pub bandwidth: Weight,
}

/// An account's holdings in one asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Balance {
    /// The asset.
    pub asset: AssetId,
    /// Its symbol.
    pub symbol: Symbol,
    /// Its decimal places.
    pub scale: u8,
    /// Free to spend now, base units.
    pub available: Amount,
    /// Reserved by holds for others, base units; not part of `available`.
    pub pending: Amount,
    /// Reserved by holds for this account, base units; not part of `available`.
    pub incoming: Amount,
}

/// Subject of `account_getProof`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProofTarget {
    /// The account's record.
    Address(Address),
    /// Any state key, as bytes.
    Key(Vec<u8>),
}

/// `account_getProof`: a state value, or its absence, with everything needed to check it.
///
/// Check, in this order: `finalization` against the validator set; `path` from `header` to the certified one;
/// `proof` of `key` and `value` under `header.stateRoot`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ProofReply {
    /// Which state: the header's.
    #[serde(flatten)]
    pub at: At,
    /// The state key.
    #[serde(with = "hex_bytes")]
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Hex"))]
    pub key: Vec<u8>,
    /// The encoded value; null when the proof shows that there is none.
    #[serde(with = "hex_bytes_opt", default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<wattle_primitives::schema::Hex>"))]
    pub value: Option<Vec<u8>>,
    /// The proof.
    pub proof: TrieProof,
    /// Header whose state root it is.
    pub header: Header,
    /// Certificate of the last header of `path`, or of `header` when `path` is empty; absent for genesis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finalization: Option<Certificate>,
    /// Headers above `header` up to the certified one.
    pub path: Vec<Header>,
}

/// One transaction of `account_history`, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HistoryItem {
    /// Height of its block.
    pub height: Height,
    /// Its position in the block.
    pub index: u32,
    /// Its id.
    pub id: Hash,
    /// Time of its block, ms UTC.
    pub time_ms: TimeMs,
    /// Who sent it.
    pub sender: Address,
    /// Its calls by name, in order: `module.call`.
    pub calls: Vec<String>,
    /// `success`, or the reason it failed.
    pub code: String,
    /// Fee taken, native base units; paid by the transaction's fee payer.
    pub fee: Amount,
    /// Its events that touch the account: [`crate::event::touches`].
    pub events: Vec<Event>,
}
