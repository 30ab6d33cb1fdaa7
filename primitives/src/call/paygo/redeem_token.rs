use super::Token;
use crate::{Hash, PublicKey, Signature, TimeMs, domain};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// A token that a device has taken.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Redemption {
    /// The device.
    pub device: Hash,
    /// The token.
    pub token: Token,
    /// Nonce of its commitment.
    pub nonce: Hash,
    /// When, by the device's clock.
    pub time_ms: TimeMs,
}

impl Redemption {
    /// The bytes that the device signs.
    #[must_use]
    pub fn signing_bytes(&self, chain: &Hash) -> Vec<u8> {
        domain::PAYGO_REDEMPTION.signing_bytes(chain, &crate::encode(self))
    }
}

/// The device's word for a redemption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RedemptionProof {
    /// Its redemption key.
    pub key: PublicKey,
    /// Signature over the redemption.
    pub signature: Signature,
}

/// Whose word a redemption is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum RedeemedBy {
    /// The device's, by its key.
    Device = 0,
    /// The operator's: by what the device's data show, say.
    Operator = 1,
    /// The gateway's.
    Gateway = 2,
    /// The owner's.
    Owner = 3,
}

/// Reports a redemption: with the device's signature by anybody, without it by its operator, gateway or owner.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RedeemToken {
    /// The redemption.
    pub redemption: Redemption,
    /// The device's signature, where it can sign.
    pub proof: Option<RedemptionProof>,
}
