use super::records::Microgrid;
use super::{DAY_MS, tab};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, ledger, weights};
use wattle_primitives::call::energy::{RegisterMicrogrid, microgrid_id};
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Call, Reason, Weight};

/// Shortest settlement interval.
const INTERVAL_MS_MIN: u64 = 60 * 1000;

impl Action for RegisterMicrogrid {
    /// The interval divides a day.
    fn check(&self) -> Result<(), Reason> {
        let interval_ms = self.interval_ms.0;
        if interval_ms >= INTERVAL_MS_MIN && DAY_MS.checked_rem(interval_ms) == Some(0) {
            Ok(())
        } else {
            Err(Reason::OutOfRange)
        }
    }

    fn weight(&self) -> Weight {
        weights::keys(40)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    /// Registers a microgrid of the sender's, with its book and the operator's accounts. Where the chain has a
    /// registrar, it does so itself, or whom it sponsors for this call by name.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { reference, asset, interval_ms } = *self;
        let operator = ctx.on_behalf_of();
        let id = microgrid_id(&operator, &reference);
        if let Some(registrar) = ctx.env().params.registrar.filter(|registrar| *registrar != operator) {
            let leave = ctx.state.read(keys::sponsorship(&registrar, &operator));
            let kind = Call::from(self.clone()).kind();
            if !leave.is_some_and(|leave| leave.allowance.names(kind, ctx.time_ms())) {
                return Err(Reason::RegistrarRequired);
            }
        }
        if !ctx.state.contains(keys::asset(asset)) {
            return Err(Reason::UnknownAsset);
        }
        if ctx.state.contains(keys::microgrid(&id)) {
            return Err(Reason::AlreadyExists);
        }
        ledger::deposit(ctx)?;
        let mut counters = ctx.counters();
        ctx.state.write(keys::microgrid_index(counters.microgrids), &id);
        counters.microgrids = counters.microgrids.checked_add(1).ok_or(Reason::Overflow)?;
        ctx.state.write(keys::counters(), &counters);
        ctx.emit(EnergyEvent::MicrogridRegistered { microgrid: id, operator });
        let book = tab::open_book(ctx, &id, asset)?;
        let mut grid = Microgrid {
            operator,
            asset,
            interval_ms,
            meters: 0,
            book,
            members: 0,
            ordered: IntervalId(0),
            terms: 0,
            agenda: None,
            pause: None,
            left: 0,
            month: 0,
        };
        tab::join(ctx, &id, &mut grid, operator, None)?;
        ctx.state.write(keys::microgrid(&id), &grid);
        Ok(())
    }
}
