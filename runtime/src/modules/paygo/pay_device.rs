use super::issue_token::check_payment;
use super::sale::{self, PAY_KEYS};
use super::{CALL_KEYS, device, operator};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::paygo::PayDevice;
use wattle_primitives::event::PaygoEvent;
use wattle_primitives::{Amount, Reason, Weight};

impl Action for PayDevice {
    fn check(&self) -> Result<(), Reason> {
        check_payment(&self.payment)
    }

    fn weight(&self) -> Weight {
        weights::keys(CALL_KEYS + PAY_KEYS)
    }

    fn reach(&self) -> Reach {
        Reach::Any
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let id = &self.device;
        let mut device = device(ctx, id)?;
        let record = operator(ctx, &device.operator)?;
        let (amount, _) = sale::receive(ctx, &device, &record, &self.payment)?;
        if amount == Amount::ZERO {
            return Err(Reason::ZeroAmount);
        }
        device.debt = device.debt.checked_sub(amount).ok_or(Reason::LimitExceeded)?;
        sale::count_paid(ctx, id, &mut device, amount)?;
        ctx.state.write(keys::device(id), &device);
        ctx.emit(PaygoEvent::DevicePaid { device: *id, operator: device.operator, amount });
        Ok(())
    }
}
