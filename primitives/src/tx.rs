//! Transactions: a body of calls that take effect together or not at all, and the signatures that allow them.
//!
//! - Id = `H(tx, version ‖ body)`; each auth signs the id under its own tag, bound to the chain.
//! - Nonces are sequential per (sender, lane), so a client can send on parallel lanes without waiting.
//! - A transaction is void once a block's time reaches `expires_ms`: its fate is always known in the end.

use crate::{Address, Amount, BoundedVec, Call, Hash, Lane, Nonce, PublicKey, Signature, TimeMs, domain};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Lanes per account; valid lanes are `0..LANES_MAX`.
pub const LANES_MAX: u16 = 16;
/// Most calls in one transaction.
pub const CALLS_MAX: usize = 64;
/// Most signatures on one transaction.
pub const AUTHS_MAX: usize = 16;
/// Most bytes of an encoded transaction.
pub const TX_BYTES_MAX: usize = 64 * 1024;

/// The sender's request. In JSON with camelCase names.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TxBody {
    /// Genesis hash of the chain it is for.
    pub chain: Hash,
    /// Account that acts: it signs, and its nonce counts.
    pub sender: Address,
    /// The grant by which the calls act on its grantor's behalf; the sender is its grantee. Without one the sender acts
    /// for itself.
    #[serde(default)]
    pub grant: Option<Hash>,
    /// Nonce sequence used, below [`LANES_MAX`].
    pub lane: Lane,
    /// Next nonce of (sender, lane).
    pub nonce: Nonce,
    /// First block time, in ms UTC, at which it may no longer be included.
    pub expires_ms: TimeMs,
    /// Account that pays fee and deposits: the sender, or one that signs too or sponsors the sender.
    pub fee_payer: Address,
    /// Most it may cost, tip included, in native base units.
    pub max_fee: Amount,
    /// Extra for the proposer, in native base units; orders transactions when blocks are full.
    pub tip: Amount,
    /// Calls to execute, all or nothing, in order.
    pub calls: BoundedVec<Call, CALLS_MAX>,
}

/// One signature over the transaction id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Key of the sender or the fee payer.
    pub key: PublicKey,
    /// Signature over [`TxBody::signing_bytes`].
    pub signature: Signature,
}

/// A transaction as it travels and as it stands in a block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(tag = "version", rename_all = "camelCase", deny_unknown_fields)]
#[repr(u8)]
pub enum Tx {
    /// The first format.
    #[serde(rename = "1")]
    V1 {
        /// The sender's request.
        body: TxBody,
        /// Who allows it: sorted by key, no key twice, none superfluous.
        auths: BoundedVec<Auth, AUTHS_MAX>,
    } = 1,
}

impl TxBody {
    /// The transaction's id.
    #[must_use]
    pub fn id(&self) -> Hash {
        Hash::of(domain::TX, &[&[1], &crate::encode(self)])
    }

    /// The exact bytes that every auth signs.
    #[must_use]
    pub fn signing_bytes(&self) -> Vec<u8> {
        auth_bytes(&self.chain, &self.id())
    }
}

/// The bytes an auth signs for the transaction `id` on `chain`.
#[must_use]
pub fn auth_bytes(chain: &Hash, id: &Hash) -> Vec<u8> {
    domain::TX_AUTH.signing_bytes(chain, id.as_bytes())
}

impl Tx {
    /// Joins a body and its signatures, sorting them by key.
    ///
    /// # Errors
    /// [`crate::bounded::TooMany`] above [`AUTHS_MAX`].
    pub fn new(body: TxBody, mut auths: Vec<Auth>) -> Result<Self, crate::bounded::TooMany> {
        auths.sort_unstable();
        Ok(Self::V1 { body, auths: BoundedVec::new(auths)? })
    }

    /// The sender's request.
    #[must_use]
    pub const fn body(&self) -> &TxBody {
        let Self::V1 { body, .. } = self;
        body
    }

    /// Who allows it.
    #[must_use]
    pub const fn auths(&self) -> &BoundedVec<Auth, AUTHS_MAX> {
        let Self::V1 { auths, .. } = self;
        auths
    }

    /// The id, computed anew: keep it where it is needed often.
    #[must_use]
    pub fn id(&self) -> Hash {
        self.body().id()
    }

    /// The leaf of `txs_root`: covers the signatures too.
    #[must_use]
    pub fn leaf(&self) -> Hash {
        Hash::of_encoded(domain::TX_LEAF, self)
    }
}

crate::decodable! {
    Tx: TX_BYTES_MAX;
    TxBody: TX_BYTES_MAX;
}
