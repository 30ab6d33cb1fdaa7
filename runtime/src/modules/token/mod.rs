//! Assets: who may create units, and moving them.

mod burn;
pub(crate) mod invariants;
mod issue;
mod mint;
mod transfer;

use wattle_primitives::call::TokenCall;
use wattle_primitives::{Amount, Reason};

actions! { TokenCall { Issue, Mint, Burn, Transfer } }

/// Refuses to move nothing.
fn check_amount(amount: Amount) -> Result<(), Reason> {
    if amount == Amount::ZERO { Err(Reason::ZeroAmount) } else { Ok(()) }
}
