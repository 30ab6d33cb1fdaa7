//! What calls do.
//!
//! A module owns its keys in state; only the ledger writes balances. Modules call each other's functions directly. A
//! call takes effect as a whole: [`Ctx`] journals every write, and whoever runs the call rolls back on failure.
//!
//! # Deposits
//! Whatever leaves a key in state costs its creator `account_deposit` native base units, moved to
//! [`SystemAccount::Deposits`]: an account, the first balance in a further asset, an asset, a book, a book's account, the
//! account of a due, a microgrid, a meter, a sponsorship, a hold, an order, a deal's request, an acceptance.
//! What goes away again (from the sponsorship on) gives its deposit back to whoever paid it.
//!
//! [`SystemAccount::Deposits`]: wattle_primitives::call::ledger::SystemAccount::Deposits

pub mod ctx;
pub mod energy;
pub mod identity;
pub mod invariants;
pub mod ledger;
pub mod records;
pub mod token;
pub mod weights;

pub use ctx::Ctx;
pub use invariants::{Violation, invariants};

use records::Due;
use wattle_primitives::{Call, Hash, PublicKey, Reason, Signature, Weight};

/// Takes the signatures that are embedded in calls.
pub trait SigSink {
    /// One signature; its verdict is handed to the call in the order of these.
    fn push(&mut self, key: &PublicKey, message: &[u8], signature: &Signature);
}

/// A part of the state machine with its own calls.
pub trait Module {
    /// Its calls.
    type Call;

    /// Checks what needs no state.
    ///
    /// # Errors
    /// The [`Reason`] for which no state could make the call succeed.
    fn check(call: &Self::Call) -> Result<(), Reason>;

    /// Hands out the signatures inside the call, to be verified in the same batch as everything else.
    fn signatures(_call: &Self::Call, _chain: &Hash, _sink: &mut dyn SigSink) {}

    /// How many signatures [`Module::signatures`] hands out.
    fn signature_count(_call: &Self::Call) -> usize {
        0
    }

    /// Upper bound of what the call may cost, known before it runs.
    fn weight(call: &Self::Call) -> Weight;

    /// Runs the call for `ctx.sender()`.
    ///
    /// # Errors
    /// The [`Reason`]; the caller rolls the state back.
    fn execute(ctx: &mut Ctx<'_>, call: &Self::Call) -> Result<(), Reason>;
}

macro_rules! dispatch {
    ($call:expr, $inner:ident, $module:ident => $run:expr) => {
        match $call {
            Call::Ledger($inner) => {
                type $module = ledger::Ledger;
                $run
            }
            Call::Token($inner) => {
                type $module = token::Token;
                $run
            }
            Call::Identity($inner) => {
                type $module = identity::Identity;
                $run
            }
            Call::Energy($inner) => {
                type $module = energy::Energy;
                $run
            }
        }
    };
}

/// [`Module::check`] of whichever module the call is for.
///
/// # Errors
/// As the module's.
pub fn check(call: &Call) -> Result<(), Reason> {
    dispatch!(call, inner, M => M::check(inner))
}

/// [`Module::signatures`] of whichever module the call is for.
pub fn signatures(call: &Call, chain: &Hash, sink: &mut dyn SigSink) {
    dispatch!(call, inner, M => M::signatures(inner, chain, sink));
}

/// [`Module::signature_count`] of whichever module the call is for.
#[must_use]
pub fn signature_count(call: &Call) -> usize {
    dispatch!(call, inner, M => M::signature_count(inner))
}

/// [`Module::weight`] of whichever module the call is for.
#[must_use]
pub fn weight(call: &Call) -> Weight {
    dispatch!(call, inner, M => M::weight(inner))
}

/// [`Module::execute`] of whichever module the call is for.
///
/// # Errors
/// As the module's.
pub fn execute(ctx: &mut Ctx<'_>, call: &Call) -> Result<(), Reason> {
    dispatch!(call, inner, M => M::execute(ctx, inner))
}

/// Least weight of anything that falls due.
const DUE_MIN: u64 = 8 * weights::KEY;

/// What is due in any module, before a block's transactions: soonest first, within `budget`; the rest waits for the
/// next block. A microgrid takes at most half of what is left, so that none holds up the others.
pub fn on_block(ctx: &mut Ctx<'_>, budget: Weight) -> Weight {
    let room = budget.0.checked_div(DUE_MIN).unwrap_or(0).max(1);
    let mut used = Weight::ZERO;
    for (key, due) in ctx.state.due(ctx.time_ms(), usize::try_from(room).unwrap_or(usize::MAX)) {
        if !ctx.state.contains(key) {
            continue; // gone with what came before it
        }
        let left = budget.saturating_sub(used);
        if left.0 < DUE_MIN && used > Weight::ZERO {
            break;
        }
        let took = match due {
            Due::Hold(id) => ledger::release_due(ctx, key, &id),
            Due::Microgrid(id) => energy::advance(ctx, key, &id, Weight(left.0 / 2)),
            Due::Deal(id) => energy::expire_deal(ctx, key, &id),
            Due::Order(id) => energy::expire_order(ctx, key, &id),
        };
        used = used.saturating_add(took);
        ctx.state.keep();
    }
    used
}
