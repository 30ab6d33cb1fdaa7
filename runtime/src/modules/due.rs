//! Work that falls due in a block, before its transactions.
//!
//! Each kind of work has a share of the weight that a block leaves for it all: [`ledger::DUE_SHARE`] and its sisters,
//! in thousandths. So a pile of one kind, which anybody can heap up, keeps no other kind waiting for more than its
//! turn. What a kind does not use goes round to the others. Within a kind it is soonest first; a microgrid takes at
//! most half of what is left, so that none holds up the others.
//!
//! Nothing is forgotten: what cannot be done stays as it is and is tried again after [`RETRY_MS`]. A thing that is not
//! over when its turn comes (another of the same name, made since) is left alone.

use super::{Ctx, agenda, deals, ledger, weights};
use crate::State;
use crate::keys;
use crate::records::{Due, DueKind, RETRY_MS};
use wattle_primitives::{TimeMs, Weight, planted};

/// Least weight of anything that falls due.
const DUE_MIN: u64 = 6 * weights::KEY;
/// Thousandths of a whole.
const PERMILLE: u64 = 1000;

/// Every kind with its share, in the order in which a block turns to them; what is left over goes round the other way.
const SHARES: [(DueKind, u64); DueKind::ALL.len()] = [
    (DueKind::Hold, ledger::DUE_SHARE),
    (DueKind::Deal, deals::DUE_SHARE),
    (DueKind::Microgrid, agenda::MICROGRIDS_SHARE),
    (DueKind::Order, agenda::ORDERS_SHARE), // clearing has ended some
];
const _: () = assert!(
    ledger::DUE_SHARE + agenda::ORDERS_SHARE + deals::DUE_SHARE + agenda::MICROGRIDS_SHARE == PERMILLE,
    "shares make a whole"
);

/// Whether work of any kind is due at `time_ms`.
#[must_use]
pub fn has_due(state: &State, time_ms: TimeMs) -> bool {
    state.due_ms().is_some_and(|due| due <= time_ms)
}

/// Does what is due, within `budget`; the rest waits for the next block. Of each kind at least one thing is done,
/// whatever it weighs.
pub fn on_block(ctx: &mut Ctx<'_>, budget: Weight) -> Weight {
    let mut used = Weight::ZERO;
    for (kind, share) in SHARES {
        let own = Weight(budget.0.saturating_mul(share).checked_div(PERMILLE).unwrap_or(0));
        let own = if planted!("due-share-not-kept") { budget.saturating_sub(used) } else { own };
        used = used.saturating_add(run(ctx, kind, own));
    }
    for (kind, _) in SHARES.into_iter().rev() {
        let left = budget.saturating_sub(used);
        if left.0 >= DUE_MIN {
            used = used.saturating_add(run(ctx, kind, left));
        }
    }
    used
}

/// Does what is due of a kind, soonest first, within `budget`.
fn run(ctx: &mut Ctx<'_>, kind: DueKind, budget: Weight) -> Weight {
    let room = budget.0.checked_div(DUE_MIN).unwrap_or(0).max(1);
    let mut used = Weight::ZERO;
    for (key, due) in ctx.state.due(kind, ctx.time_ms(), usize::try_from(room).unwrap_or(usize::MAX)) {
        let left = budget.saturating_sub(used);
        if left.0 < DUE_MIN && used > Weight::ZERO {
            break;
        }
        ctx.state.remove(key);
        let before = ctx.savepoint();
        let (took, done) = match due {
            Due::Hold(id) => ledger::release_due(ctx, &id),
            Due::Microgrid(id) => agenda::advance(ctx, &id, Weight(left.0 / 2)),
            Due::Deal(id) => deals::expire(ctx, &id),
            Due::Order(id) => agenda::expire_order(ctx, &id),
        };
        if done.is_err() {
            ctx.rollback(before);
            if !planted!("failed-due-forgotten") {
                let again = ctx.time_ms().saturating_add(TimeMs(RETRY_MS));
                ctx.state.write(keys::queue(again, &due), &due);
                if let Due::Microgrid(id) = due {
                    agenda::note_retry(ctx, &id, again);
                }
            }
        }
        used = used.saturating_add(took);
        ctx.state.keep();
    }
    used
}
