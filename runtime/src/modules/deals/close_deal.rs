use super::REPORT_KEYS;
use super::usage::{END_KEYS, charged_by_sender, count, end};
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::deals::{CloseDeal, DealEnd};
use wattle_primitives::{Reason, Weight};

/// Keys that closing touches: a report and the end.
const CLOSE_KEYS: u64 = REPORT_KEYS + END_KEYS;

impl Action for CloseDeal {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(CLOSE_KEYS)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    /// Closes a deal with its last figure.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let (id, cumulative_wh) = (&self.deal, self.cumulative_wh);
        let (mut deal, mut state) = charged_by_sender(ctx, id)?;
        count(ctx, &deal, &state, cumulative_wh)?;
        state.used_wh = cumulative_wh;
        deal.state = state.state();
        end(ctx, id, deal, DealEnd::Closed)
    }
}
