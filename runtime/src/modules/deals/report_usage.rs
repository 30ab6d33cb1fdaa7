use super::REPORT_KEYS;
use super::usage::{charged_by_sender, count};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::deals::ReportUsage;
use wattle_primitives::event::DealsEvent;
use wattle_primitives::{Reason, WattHours, Weight};

impl Action for ReportUsage {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(REPORT_KEYS)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    /// Takes a report and answers with what is left. An old report changes nothing and is answered as the newest was.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { deal: ref id, seq, cumulative_wh } = *self;
        let (mut deal, mut state) = charged_by_sender(ctx, id)?;
        if seq > state.seq {
            count(ctx, &deal, &state, cumulative_wh)?;
            (state.seq, state.used_wh) = (seq, cumulative_wh);
            deal.state = state.state();
            ctx.state.write(keys::deal(id), &deal);
        }
        let (seq, cumulative_wh) = (state.seq, state.used_wh);
        let remaining_wh = deal.wh.saturating_sub(cumulative_wh);
        let stop = remaining_wh == WattHours::ZERO;
        ctx.emit(DealsEvent::DealUsage { deal: *id, seq, cumulative_wh, remaining_wh, stop });
        Ok(())
    }
}
