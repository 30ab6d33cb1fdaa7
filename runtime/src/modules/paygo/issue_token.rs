use super::records::{Device, Sale, TokenRecord, TokenState};
use super::sale::{self, PAY_KEYS};
use super::{CALL_KEYS, active, commit, device, forget, operator, window};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::ledger::SUPPLY_MAX;
use wattle_primitives::call::paygo::{IssueToken, Payment, TokenKind};
use wattle_primitives::event::PaygoEvent;
use wattle_primitives::{Amount, Reason, Weight};

impl Action for IssueToken {
    fn check(&self) -> Result<(), Reason> {
        self.token.check()?;
        let priced = match self.token.kind {
            TokenKind::Add | TokenKind::Set => true,
            TokenKind::Disable | TokenKind::Sync => false,
        };
        if !priced && self.payment != Payment::Free {
            return Err(Reason::WrongPrice);
        }
        check_payment(&self.payment)
    }

    fn weight(&self) -> Weight {
        weights::keys(CALL_KEYS + super::DRAW_KEYS + PAY_KEYS)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { device: ref id, token, commitment, payment } = *self;
        let mut device = device(ctx, id)?;
        let record = operator(ctx, &device.operator)?;
        let by = ctx.on_behalf_of();
        let reserved = ctx.state.read(keys::device_token(id, token.count));
        if by != device.operator && (reserved.is_none() || device.contract.is_none()) {
            return Err(Reason::NotReserved);
        }
        let paid = sale::receive(ctx, &device, &record, &payment)?;
        let sale = sale::price(ctx, id, &mut device, &token, paid)?;
        match reserved {
            Some(reserved) => sell(ctx, self, &device, reserved, sale)?,
            None => {
                let issued = (&token, commitment, TokenState::Issued(sale));
                commit(ctx, id, &mut device, &record, issued)?;
            }
        }
        ctx.state.write(keys::device(id), &device);
        let (operator, paid) = (device.operator, sale.price);
        ctx.emit(PaygoEvent::TokenIssued { device: *id, operator, by, token, commitment, paid });
        Ok(())
    }
}

/// Checks an amount of money.
pub(super) fn check_payment(payment: &Payment) -> Result<(), Reason> {
    match *payment {
        Payment::Hold { amount, .. } | Payment::Wallet { amount } | Payment::Cash { amount } => {
            if amount == Amount::ZERO {
                return Err(Reason::ZeroAmount);
            }
            if amount <= SUPPLY_MAX { Ok(()) } else { Err(Reason::OutOfRange) }
        }
        Payment::Free | Payment::Postpaid => Ok(()),
    }
}

/// Sells a token that was reserved; perhaps it is redeemed already.
fn sell(
    ctx: &mut Ctx<'_>,
    call: &IssueToken,
    device: &Device,
    token: TokenRecord,
    sale: Sale,
) -> Result<(), Reason> {
    let (id, count) = (&call.device, call.token.count);
    if token.kind != call.token.kind || token.commitment != call.commitment {
        return Err(Reason::BadCommitment);
    }
    match token.state {
        TokenState::Issued(_) | TokenState::Voided(_) => Err(Reason::TokenUsed),
        TokenState::Taken(value) if value != sale.value => Err(Reason::ValueOutOfRange),
        TokenState::Taken(_) => forget(ctx, id, count, &token),
        TokenState::Reserved if sale.value > token.most => Err(Reason::ValueOutOfRange),
        TokenState::Reserved if window::is_over(device, count, token.kind) => Err(Reason::TokenUsed),
        TokenState::Reserved => {
            active(device, token.kind)?;
            let token = TokenRecord { state: TokenState::Issued(sale), ..token };
            ctx.state.write(keys::device_token(id, count), &token);
            Ok(())
        }
    }
}
