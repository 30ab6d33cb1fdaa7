use super::records::TokenState;
use super::{CALL_KEYS, commit, operated, operator};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::paygo::ReserveTokens;
use wattle_primitives::event::PaygoEvent;
use wattle_primitives::{Reason, Weight};

impl Action for ReserveTokens {
    fn check(&self) -> Result<(), Reason> {
        if self.tokens.is_empty() {
            return Err(Reason::OutOfRange);
        }
        self.tokens.iter().try_for_each(|reserved| reserved.token.check())
    }

    fn weight(&self) -> Weight {
        let tokens = u64::try_from(self.tokens.len()).unwrap_or(u64::MAX);
        weights::keys(CALL_KEYS.saturating_add(tokens))
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let id = &self.device;
        let mut device = operated(ctx, id)?;
        let record = operator(ctx, &device.operator)?;
        for reserved in &self.tokens {
            let (token, commitment) = (reserved.token, reserved.commitment);
            if ctx.state.contains(keys::device_token(id, token.count)) {
                return Err(Reason::CountReserved);
            }
            commit(ctx, id, &mut device, &record, (&token, commitment, TokenState::Reserved))?;
            let operator = device.operator;
            ctx.emit(PaygoEvent::TokenReserved { device: *id, operator, token, commitment });
        }
        ctx.state.write(keys::device(id), &device);
        Ok(())
    }
}
