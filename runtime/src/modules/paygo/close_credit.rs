use super::draw_credit::{REPORT_KEYS, note, put, reported, used};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, ledger, weights};
use wattle_primitives::call::paygo::CloseCredit;
use wattle_primitives::event::PaygoEvent;
use wattle_primitives::{Address, Amount, Reason, Weight};

impl Action for CloseCredit {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(REPORT_KEYS)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { device: ref id, ref authorisation, cumulative_wh } = *self;
        let (mut device, of) = reported(ctx, id, authorisation)?;
        let wh = used(&of, cumulative_wh)?;
        // One that was used up has no hold any more.
        if of.used_wh < of.wh {
            ledger::close_hold(ctx, authorisation, Address::of_device(id), Amount(wh.0.into()))?;
        }
        note(ctx, id, &mut device, wh);
        put(&mut device, authorisation, None)?;
        ctx.state.write(keys::device(id), &device);
        let used_wh = of.used_wh.saturating_add(wh);
        let released_wh = of.wh.saturating_sub(used_wh);
        ctx.emit(PaygoEvent::CreditClosed {
            device: *id,
            authorisation: *authorisation,
            used_wh,
            released_wh,
        });
        Ok(())
    }
}
