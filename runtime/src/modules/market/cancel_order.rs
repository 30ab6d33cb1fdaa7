use super::{END_KEYS, clear, is_over, open, unmatched};
use crate::keys;
use crate::modules::energy::{self, terms};
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::market::{CancelOrder, OrderEnd};
use wattle_primitives::{Reason, Weight, planted};

/// Keys that cancelling touches: the end of an order, microgrid and terms.
const CANCEL_KEYS: u64 = END_KEYS + 16;

impl Action for CancelOrder {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(CANCEL_KEYS)
    }

    fn reach(&self) -> Reach {
        Reach::Any
    }

    /// Takes an order of the sender's back.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let id = &self.order;
        let order = ctx.state.read(keys::order(id)).ok_or(Reason::UnknownOrder)?;
        let grid = energy::microgrid(ctx, &order.microgrid)?;
        let over = is_over(ctx, &grid, &order);
        if over && order.expires_ms.is_some() {
            return Err(Reason::UnknownOrder);
        }
        if order.account != ctx.on_behalf_of() {
            return Err(Reason::NotAllowed);
        }
        let terms = terms::at(ctx, &order.microgrid, &grid, order.interval).ok_or(Reason::NoTerms)?;
        // Nobody's money is locked in by work that waits: what can no longer be matched can be taken back.
        let opened = if over {
            unmatched(ctx, &order.microgrid, &grid, order.interval)
        } else {
            open(ctx, &order.microgrid, &grid, &terms, order.interval)
        };
        if let Err(reason) = opened
            && !planted!("order-cancelled-late")
        {
            return Err(reason);
        }
        clear::end(ctx, &grid, id, &order, OrderEnd::Cancelled)
    }
}
