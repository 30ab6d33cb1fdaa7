use crate::{Hash, WattHours};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Ends a deal with the charging side's last figure; by the charging side or its meter.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloseDeal {
    /// The deal.
    pub deal: Hash,
    /// Charged in all, Wh.
    pub cumulative_wh: WattHours,
}
