use super::records::{TokenRecord, TokenState};
use super::{CALL_KEYS, count_add, forget, operated, operator, sale, window};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::paygo::VoidToken;
use wattle_primitives::event::PaygoEvent;
use wattle_primitives::{Amount, Reason, Weight};

impl Action for VoidToken {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(CALL_KEYS + sale::PAY_KEYS)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { device: ref id, count, refund } = *self;
        let mut device = operated(ctx, id)?;
        let record = operator(ctx, &device.operator)?;
        let key = keys::device_token(id, count);
        let token: TokenRecord = ctx.state.read(key).ok_or(Reason::NotReserved)?;
        let over = window::is_over(&device, count, token.kind);
        let mut refunded = Amount::ZERO;
        let sold = match token.state {
            TokenState::Reserved => Some(None),
            TokenState::Issued(sale) => {
                if refund {
                    refunded = sale::refund(ctx, &mut device, &record, &sale)?;
                }
                Some(Some(sale))
            }
            TokenState::Voided(_) if over => None,
            TokenState::Voided(_) => return Err(Reason::NotReserved),
            TokenState::Taken(value) => {
                sale::owe_for(ctx, id, &mut device, count, value, None)?;
                None
            }
        };
        if sold.is_some() {
            count_add(&mut device, token.kind, u32::saturating_sub);
        }
        match sold {
            Some(sale) if !over => {
                ctx.state.write(key, &TokenRecord { state: TokenState::Voided(sale), ..token });
            }
            Some(_) | None => forget(ctx, id, count, &token)?,
        }
        ctx.state.write(keys::device(id), &device);
        let operator = device.operator;
        ctx.emit(PaygoEvent::TokenVoided { device: *id, operator, count, refunded });
        Ok(())
    }
}
