use super::retire_meter::reinstate;
use super::submit_readings::accepted_event;
use super::{METER, READING, TERMS_KEYS, WH_MAX, meter, metering, microgrid, readings, terms};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::energy::ReadMeter;
use wattle_primitives::{Reason, Weight};

impl Action for ReadMeter {
    fn check(&self) -> Result<(), Reason> {
        let most = self.import_wh.max(self.export_wh);
        if most < WH_MAX { Ok(()) } else { Err(Reason::OutOfRange) }
    }

    fn weight(&self) -> Weight {
        Weight((METER + READING).saturating_add(weights::keys(TERMS_KEYS).0))
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    /// Enters what the sender has read: whoever bills for it, or reads meters for who does, but not its own. The
    /// owner's word would be a way round estimates.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let (sender, mut meter) = (ctx.on_behalf_of(), meter(ctx, &self.meter)?);
        let grid = microgrid(ctx, &meter.microgrid)?;
        let installs =
            terms::installer(ctx, &meter.microgrid, &grid) == Some(sender) && meter.owner != sender;
        if grid.operator != sender && !installs {
            return Err(Reason::NotAllowed);
        }
        let next = readings::manual(&meter, self, ctx.time_ms())?;
        metering::take(ctx, &self.meter, &meter, &next, true)?;
        meter.last = Some(next);
        reinstate(ctx, &mut meter)?;
        ctx.state.write(keys::meter(&self.meter), &meter);
        ctx.emit(accepted_event(self.meter, &next, Some(sender)));
        Ok(())
    }
}
