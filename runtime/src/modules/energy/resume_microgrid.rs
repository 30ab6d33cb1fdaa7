use super::records::Pause;
use super::{microgrid, schedule, upkeep};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, weights};
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

    fn reach(&self) -> Reach {
        Reach::Any
    }

    /// Puts a paused microgrid back to work where it stopped, if there is money for that; or has its operator pay again
    /// for one that another resumed.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let (id, by) = (&self.microgrid, ctx.on_behalf_of());
        let mut grid = microgrid(ctx, id)?;
        let own_wallet = by != grid.operator;
        let (pause, agenda) = grid.pause.zip(grid.agenda).ok_or(Reason::NotPaused)?;
        let (paused, takes_over) = (grid.is_paused(), pause.own_wallet && !own_wallet);
        if !paused && !takes_over {
            return Err(Reason::NotPaused);
        }
        let until_ms = pause.until_ms.unwrap_or(ctx.time_ms());
        grid.pause = Some(Pause { until_ms: Some(until_ms), own_wallet, ..pause });
        if !upkeep::is_payable(ctx, id, &grid) {
            return Err(Reason::InsufficientFunds);
        }
        if paused {
            schedule::enqueue(ctx, id, &mut grid, agenda);
        }
        ctx.state.write(keys::microgrid(id), &grid);
        ctx.emit(EnergyEvent::MicrogridResumed { microgrid: *id, operator: grid.operator, by });
        Ok(())
    }
}
