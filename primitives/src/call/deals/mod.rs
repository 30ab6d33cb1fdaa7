//! Bilateral deals between two storage units, as the Autonomous Power Interchange System knows them: a request,
//! acceptances, one of them confirmed; then the charging side authorises, reports its use and closes.

mod abort_deal;
mod accept_deal;
mod authorise_deal;
mod close_deal;
mod confirm_deal;
mod report_usage;
mod request_deal;

pub use abort_deal::AbortDeal;
pub use accept_deal::AcceptDeal;
pub use authorise_deal::AuthoriseDeal;
pub use close_deal::CloseDeal;
pub use confirm_deal::ConfirmDeal;
pub use report_usage::ReportUsage;
pub use request_deal::RequestDeal;

use crate::{Address, Hash};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// A deal's margin is at most one part in so many of the agreed energy.
pub const MARGIN_PART: u64 = 10;
/// Most energy of one deal in Wh.
pub const DEAL_WH_MAX: u64 = 1_000_000_000;
/// Most acceptances that a request takes.
pub const ACCEPTANCES_MAX: usize = 32;
/// Longest a request stands, in ms: 1 day.
pub const REQUEST_MS_MAX: u64 = 24 * 3600 * 1000;
/// How long after its confirmation a deal can be authorised, in ms: 1 hour.
pub const CONFIRMED_MS: u64 = 3600 * 1000;
/// Longest an authorisation stands, in ms: 7 days.
pub const AUTHORISATION_MS_MAX: u64 = 7 * 24 * 3600 * 1000;

/// The source of the money that backs a deal's authorisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Funding {
    /// The wallet: the price of the whole amount is held.
    Balance = 0,
    /// The microgrid's credit: the price counts against the member's limit.
    Credit = 1,
}

/// How a deal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[derive(BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum DealEnd {
    /// Closed by the charging side: what was used is paid.
    Closed = 0,
    /// Aborted by either side: what was reported so far is paid.
    Aborted = 1,
    /// The authorisation ran out: what was reported so far is paid.
    Expired = 2,
}

calls! {
    /// Calls about deals.
    Deals(DealsCall) {
        request_deal: RequestDeal = 0,
        accept_deal: AcceptDeal = 1,
        confirm_deal: ConfirmDeal = 2,
        authorise_deal: AuthoriseDeal = 3,
        report_usage: ReportUsage = 4,
        close_deal: CloseDeal = 5,
        abort_deal: AbortDeal = 6,
    }
}

/// The id of the deal that `sender` requests with `reference`.
#[must_use]
pub fn deal_id(sender: &Address, reference: &Hash) -> Hash {
    Hash::of(crate::domain::DEAL, &[sender.as_bytes(), reference.as_bytes()])
}
