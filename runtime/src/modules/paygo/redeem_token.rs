use super::records::{Device, DeviceStatus, TokenRecord, TokenState};
use super::{CALL_KEYS, Value, count_add, credit, device, forget, sale, value, window};
use crate::keys;
use crate::modules::energy::prepaid;
use crate::modules::{Action, Ctx, Reach, SigSink, weights};
use wattle_primitives::call::paygo::{
    RedeemToken, RedeemedBy, Redemption, RedemptionProof, Token, TokenKind,
};
use wattle_primitives::event::{BurnCause, PaygoEvent};
use wattle_primitives::{Hash, Reason, TimeMs, Weight, planted};

/// How far a device's clock may be ahead of the block's time.
const CLOCK_AHEAD_MS_MAX: u64 = 60_000;

impl Action for RedeemToken {
    fn check(&self) -> Result<(), Reason> {
        self.redemption.token.check()
    }

    fn signatures(&self, chain: &Hash, sink: &mut dyn SigSink) {
        if let Some(proof) = &self.proof {
            sink.push(&proof.key, &self.redemption.signing_bytes(chain), &proof.signature);
        }
    }

    fn weight(&self) -> Weight {
        let signature = if self.proof.is_some() { weights::SIGNATURE } else { 0 };
        let keys = CALL_KEYS + super::DRAW_KEYS + prepaid::WAITING_KEYS;
        Weight(signature).saturating_add(weights::keys(keys))
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Redemption { device: ref id, token, ref nonce, time_ms } = self.redemption;
        let mut device = device(ctx, id)?;
        let by = reporter(ctx, &device, self.proof.as_ref())?;
        window::check_parity(&device, &token)?;
        let now = ctx.time_ms();
        if time_ms.0 > now.0.saturating_add(CLOCK_AHEAD_MS_MAX) {
            return Err(Reason::BadTime);
        }
        window::take(&mut device, &token)?;
        let operator = device.operator;
        let Some(committed) = ctx.state.read(keys::device_token(id, token.count)) else {
            if by == RedeemedBy::Owner {
                return Err(Reason::NotReserved); // it raises no alarm, nor moves the count
            }
            ctx.state.write(keys::device(id), &device);
            ctx.emit(PaygoEvent::UnknownRedemption { device: *id, operator, token, by });
            return Ok(());
        };
        check_commitment(id, &committed, &token, nonce, by)?;
        let time_ms = time_ms.min(now);
        apply(ctx, id, &mut device, &token, time_ms)?;
        spend(ctx, id, &mut device, &committed, &token)?;
        ctx.state.write(keys::device(id), &device);
        let active_until_ms = match value(&device, 0)? {
            Value::Energy(_) => None,
            Value::Time(_) => Some(device.active_until_ms),
        };
        ctx.emit(PaygoEvent::TokenRedeemed { device: *id, operator, token, by, time_ms, active_until_ms });
        Ok(())
    }
}

/// Whose word a redemption is.
fn reporter(
    ctx: &mut Ctx<'_>,
    device: &Device,
    proof: Option<&RedemptionProof>,
) -> Result<RedeemedBy, Reason> {
    if let Some(proof) = proof {
        if !ctx.next_verdict() {
            return Err(Reason::BadSignature);
        }
        let own = device.key == Some(proof.key) || planted!("redemption-by-any-key");
        return if own { Ok(RedeemedBy::Device) } else { Err(Reason::WrongDevice) };
    }
    let by = Some(ctx.on_behalf_of());
    if by == Some(device.operator) {
        Ok(RedeemedBy::Operator)
    } else if by == device.gateway {
        Ok(RedeemedBy::Gateway)
    } else if by == device.owner {
        Ok(RedeemedBy::Owner)
    } else {
        Err(Reason::NotAllowed)
    }
}

/// Checks that the token was committed to. The value of one that was only reserved is what the device shows: its
/// owner's word is not enough for that.
fn check_commitment(
    id: &Hash,
    committed: &TokenRecord,
    token: &Token,
    nonce: &Hash,
    by: RedeemedBy,
) -> Result<(), Reason> {
    let bound = Token { value: committed.most, ..*token };
    let known = bound.commitment(id, nonce) == committed.commitment || planted!("commitment-unchecked");
    if committed.kind != token.kind || !known {
        return Err(Reason::BadCommitment);
    }
    match committed.state {
        TokenState::Issued(sale) | TokenState::Voided(Some(sale)) => {
            if token.value == sale.value {
                Ok(())
            } else {
                Err(Reason::BadCommitment)
            }
        }
        TokenState::Reserved | TokenState::Voided(None) if by == RedeemedBy::Owner => {
            Err(Reason::NotReserved)
        }
        TokenState::Reserved | TokenState::Voided(None) => {
            if token.value <= committed.most {
                Ok(())
            } else {
                Err(Reason::ValueOutOfRange)
            }
        }
        TokenState::Taken(_) => Err(Reason::TokenUsed),
    }
}

/// Does what the device did.
fn apply(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    device: &mut Device,
    token: &Token,
    time_ms: TimeMs,
) -> Result<(), Reason> {
    let sets = match token.kind {
        TokenKind::Add => false,
        TokenKind::Set => true,
        TokenKind::Disable => {
            device.status = DeviceStatus::Unlocked;
            return Ok(());
        }
        TokenKind::Sync => return Ok(()),
    };
    // Whoever sets a device that is paid for takes it under control again.
    if sets && device.status == DeviceStatus::Unlocked {
        device.status = DeviceStatus::Active;
    }
    match value(device, token.value)? {
        Value::Energy(wh) => {
            if sets {
                set_to_nothing(ctx, id, device)?;
            }
            credit::mint(ctx, id, device, wh)
        }
        Value::Time(ms) => {
            let from = if sets { time_ms } else { device.active_until_ms.max(time_ms) };
            device.active_until_ms = from.checked_add(ms).ok_or(Reason::Overflow)?;
            Ok(())
        }
    }
}

/// Takes what is free of a device's credit. What its meter has imported before, as far as its readings are here, that
/// credit still pays.
fn set_to_nothing(ctx: &mut Ctx<'_>, id: &Hash, device: &mut Device) -> Result<(), Reason> {
    let free = credit::free(ctx, id, device);
    if let Some(meter) = device.meter.filter(|_| !planted!("set-forgets-use")) {
        let used = prepaid::waiting(ctx, &meter).saturating_sub(device.ahead_wh).min(free);
        device.ahead_wh = device.ahead_wh.saturating_add(used);
    }
    credit::burn(ctx, id, device, free, BurnCause::Set)
}

/// Notes that a token was redeemed: one whose sale was taken back is owed now, and one that was not sold yet waits for
/// its sale.
fn spend(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    device: &mut Device,
    committed: &TokenRecord,
    token: &Token,
) -> Result<(), Reason> {
    let Token { count, kind, value } = *token;
    match committed.state {
        TokenState::Voided(sale) => {
            if !planted!("voided-token-free") {
                sale::owe_for(ctx, id, device, count, value, sale)?;
            }
        }
        TokenState::Reserved => {
            count_add(device, kind, u32::saturating_sub);
            if value > 0 {
                let taken = TokenRecord { state: TokenState::Taken(value), ..*committed };
                ctx.state.write(keys::device_token(id, count), &taken);
                return Ok(());
            }
        }
        TokenState::Issued(_) | TokenState::Taken(_) => count_add(device, kind, u32::saturating_sub),
    }
    forget(ctx, id, count, committed)
}
