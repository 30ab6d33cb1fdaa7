//! Work that falls due in a block, before its transactions.

use super::{Ctx, agenda, deals, ledger, market, weights};
use crate::records::Due;
use wattle_primitives::Weight;

/// Least weight of anything that falls due.
const DUE_MIN: u64 = 6 * weights::KEY;

/// Does what is due in any module: soonest first, within `budget`; the rest waits for the next block. A microgrid takes
/// at most half of what is left, so that none holds up the others.
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
            Due::Microgrid(id) => agenda::advance(ctx, key, &id, Weight(left.0 / 2)),
            Due::Deal(id) => deals::expire(ctx, key, &id),
            Due::Order(id) => market::expire(ctx, key, &id),
        };
        used = used.saturating_add(took);
        ctx.state.keep();
    }
    used
}
