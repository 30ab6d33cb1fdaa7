use super::Token;
use crate::{Amount, Hash};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// How a token is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase", deny_unknown_fields)]
#[repr(u8)]
pub enum Payment {
    /// By a hold in favour of the operator's wallet, which is captured now.
    Hold {
        /// The hold.
        hold: Hash,
        /// Base units of it.
        amount: Amount,
    } = 0,
    /// From the sender's wallet: of a customer or an agent.
    Wallet {
        /// Base units.
        amount: Amount,
    } = 1,
    /// In the operator's hand.
    Cash {
        /// Base units.
        amount: Amount,
    } = 2,
    /// Not at all: for maintenance, or in place of another.
    Free = 3,
    /// Later, at the contract's price: a debt of the device.
    Postpaid = 4,
}

/// Sells or gives a token: by the device's operator; or, of a reserved one, by whoever pays from its own wallet.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssueToken {
    /// The device.
    pub device: Hash,
    /// The token. Under a contract its value is what the money buys, with what was left over before.
    pub token: Token,
    /// Commitment to it; of a reserved one that with which it was reserved.
    pub commitment: Hash,
    /// How it is paid.
    pub payment: Payment,
}
