use super::{mandate, meter, operated, readings};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::energy::RateMeter;
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::{Reason, Weight, planted};

impl Action for RateMeter {
    fn check(&self) -> Result<(), Reason> {
        if self.power_max_w > 0 { Ok(()) } else { Err(Reason::OutOfRange) }
    }

    fn weight(&self) -> Weight {
        weights::keys(6)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    /// Rates a meter from now on: what can have flowed since its last reading stays as much as it was.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let (address, power_max_w) = (self.meter, self.power_max_w);
        let mut meter = meter(ctx, &address)?;
        let (microgrid, owner) = (meter.microgrid, meter.owner);
        operated(ctx, &microgrid)?;
        mandate::require(ctx, &microgrid, &owner)?;
        if let Some(last) = &mut meter.last
            && !planted!("rated-backwards")
        {
            last.flow_ms = readings::rated(last.flow_ms, [meter.power_max_w, power_max_w], ctx.time_ms());
        }
        meter.power_max_w = power_max_w;
        ctx.state.write(keys::meter(&address), &meter);
        ctx.emit(EnergyEvent::MeterRated { microgrid, meter: address, owner, power_max_w });
        Ok(())
    }
}
