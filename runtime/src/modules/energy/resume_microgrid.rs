use super::records::Pause;
use super::{microgrid, schedule, upkeep};
use crate::keys;
use crate::modules::{Action, Ctx, weights};
use wattle_primitives::call::energy::ResumeMicrogrid;
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::{Reason, Weight};

impl Action for ResumeMicrogrid {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    /// Waking it is paid for here: the money may be gone when it wakes.
    fn weight(&self) -> Weight {
        weights::keys(upkeep::WAKE_KEYS.saturating_mul(2))
    }

    /// Puts a paused microgrid back to work where it stopped, if there is money for that.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let id = &self.microgrid;
        let mut grid = microgrid(ctx, id)?;
        let paused = grid.pause.filter(|_| grid.is_paused());
        let (pause, agenda) = paused.zip(grid.agenda).ok_or(Reason::NotPaused)?;
        if !upkeep::is_payable(ctx, id, &grid) {
            return Err(Reason::InsufficientFunds);
        }
        grid.pause = Some(Pause { until_ms: Some(ctx.time_ms()), ..pause });
        schedule::enqueue(ctx, id, &mut grid, agenda);
        ctx.state.write(keys::microgrid(id), &grid);
        let (operator, by) = (grid.operator, ctx.on_behalf_of());
        ctx.emit(EnergyEvent::MicrogridResumed { microgrid: *id, operator, by });
        Ok(())
    }
}
