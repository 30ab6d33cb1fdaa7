use super::MeterSwap;
use crate::{PublicKey, Signature};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Puts a new meter in the place of an old one; by its owner, or by the operator with the owner's mandate; signed by
/// the installer and the new meter's key as well.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SwapMeter {
    /// The swap, as the installer signs it.
    pub swap: Box<MeterSwap>,
    /// The installer's key: of the account that the terms name, or the operator's own when they name none or the owner
    /// sends the swap.
    pub key: PublicKey,
    /// The installer's signature over [`MeterSwap::signing_bytes`].
    pub signature: Signature,
    /// The new meter key's signature over its [`MeterBinding`](super::MeterBinding) to the old meter's place.
    pub binding: Signature,
}
