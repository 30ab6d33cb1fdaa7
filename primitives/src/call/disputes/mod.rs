//! Disputes: bills that are contested, and how that is decided.

mod decide_dispute;
mod open_dispute;
mod withdraw_dispute;

pub use decide_dispute::DecideDispute;
pub use open_dispute::OpenDispute;
pub use withdraw_dispute::WithdrawDispute;

use crate::call::ledger::SUPPLY_MAX;
use crate::{Address, Amount, Hash, TimeMs};

/// Most that a dispute can claim, base units.
pub const CLAIM_MAX: Amount = SUPPLY_MAX;
/// From so long after its opening on, ms, a dispute is not decided any more: 30 days.
pub const OPEN_MS: TimeMs = TimeMs(30 * 24 * 3600 * 1000);

calls! {
    /// Calls about disputes.
    Disputes(DisputesCall) {
        open_dispute: OpenDispute = 0,
        decide_dispute: DecideDispute = 1,
        withdraw_dispute: WithdrawDispute = 2,
    }
}

/// The id of the dispute that `sender` opens with `reference`.
#[must_use]
pub fn dispute_id(sender: &Address, reference: &Hash) -> Hash {
    Hash::of(crate::domain::DISPUTE, &[sender.as_bytes(), reference.as_bytes()])
}
