use crate::{Hash, WattHours};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Tells what has been charged so far; by the charging side or its meter. Sending a report again, or an older
/// one, changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReportUsage {
    /// The deal.
    pub deal: Hash,
    /// Counts up by at least one with each report.
    pub seq: u64,
    /// Charged since the deal began, Wh.
    pub cumulative_wh: WattHours,
}
