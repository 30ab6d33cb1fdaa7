use super::LineKind;
use crate::{Address, Amount, Hash};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Charges a member or gives it something, by the microgrid's operator: `connection`, `credit`, `write_off`, `refund`;
/// or notes, on the operator's own tab, taxes that it has paid: `tax_paid`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChargeLine {
    /// The microgrid.
    pub microgrid: Hash,
    /// The member; the operator itself for taxes paid.
    pub account: Address,
    /// Kind of line.
    pub kind: LineKind,
    /// Base units of the settlement asset, taxes not included.
    pub amount: Amount,
    /// Hash of the reason, which lies elsewhere: a letter, a receipt.
    pub reason: Hash,
}
