//! Pay-as-you-go: operators, devices, tokens, and the credit that tokens give.
//!
//! A token is nine digits that an issuer makes and a device takes, neither asking anybody. The chain learns of it
//! twice: by a commitment, before it is shown to a customer; and when it was redeemed, by the nonce of that commitment.
//! It never sees a token, or what makes one.
//!
//! | a token is | who may do what |
//! |---|---|
//! | reserved | the operator sells or voids it; anybody buys it at the contract's price, from its own wallet |
//! | issued | the operator voids it; device, gateway, owner or operator redeem it |
//! | voided | it is redeemed all the same where the device takes it: then its price is a debt |
//! | taken | it was redeemed before its sale was told: the operator tells that, or voids it |
//!
//! # Invariants
//! - A count is used once, and no device is credited for a token that nobody committed to.
//! - What a key holder can mint here is bounded by its operator's cap for each device and day.
//! - Energy of an operator's devices is in their wallets and nowhere else; nobody's key moves it.
//! - What a device's credit has paid is not billed to its owner.
//!
//! # For the modules below
//! Energy pays for measured import by [`draw`], and tells devices by [`change`] when their meters change.

mod authorise_credit;
mod close_credit;
mod credit;
mod draw_credit;
mod invariants;
mod issue_token;
pub mod keys;
mod pay_device;
pub mod query;
pub mod records;
mod redeem_token;
mod register_device;
mod reserve_tokens;
mod sale;
mod set_device;
mod set_paygo_operator;
mod void_token;
mod window;

pub(crate) use credit::{DRAW_KEYS, change, draw};
pub(super) use invariants::Rules;
pub use window::is_over;

use super::{Ctx, ledger};
use records::{Device, DeviceStatus, Operator, TokenRecord, TokenState};
use wattle_primitives::call::PaygoCall;
use wattle_primitives::call::paygo::{CreditUnit, Token, TokenKind};
use wattle_primitives::event::PaygoEvent;
use wattle_primitives::{Address, Hash, Reason, TimeMs, WattHours, planted};

actions! {
    PaygoCall {
        SetPaygoOperator, RegisterDevice, SetDevice, ReserveTokens, IssueToken, VoidToken, RedeemToken, PayDevice,
        AuthoriseCredit, DrawCredit, CloseCredit,
    }
}

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 3600 * 1000;
/// Keys that nearly every call touches: the device, its operator, the token, the payer's wallet, the deposits, the
/// depositor's wallet.
const CALL_KEYS: u64 = 6;

/// A device's record.
fn device(ctx: &mut Ctx<'_>, id: &Hash) -> Result<Device, Reason> {
    ctx.state.read(crate::keys::device(id)).ok_or(Reason::UnknownDevice)
}

/// The record of a device of the sender's.
fn operated(ctx: &mut Ctx<'_>, id: &Hash) -> Result<Device, Reason> {
    let device = device(ctx, id)?;
    if device.operator == ctx.on_behalf_of() { Ok(device) } else { Err(Reason::NotAllowed) }
}

/// An operator's record.
fn operator(ctx: &mut Ctx<'_>, account: &Address) -> Result<Operator, Reason> {
    ctx.state.read(crate::keys::paygo_operator(account)).ok_or(Reason::UnknownOperator)
}

/// Worth of raw units of a device.
enum Value {
    Energy(WattHours),
    Time(TimeMs),
}

fn value(device: &Device, raw: u32) -> Result<Value, Reason> {
    let of = |per_unit: u64| {
        let one = per_unit.checked_div(device.divider.into()).ok_or(Reason::OutOfRange)?;
        one.checked_mul(raw.into()).ok_or(Reason::Overflow)
    };
    match device.unit {
        CreditUnit::WattHours { per_unit } => of(per_unit.0).map(|wh| Value::Energy(WattHours(wh))),
        CreditUnit::Time { per_unit } => of(per_unit.0).map(|ms| Value::Time(TimeMs(ms))),
    }
}

/// Refuses to issue for a device that is suspended, or unlocked: but for a token that sets it, which locks it again.
const fn active(device: &Device, kind: TokenKind) -> Result<(), Reason> {
    match device.status {
        DeviceStatus::Active => Ok(()),
        DeviceStatus::Unlocked if matches!(kind, TokenKind::Set) => Ok(()),
        DeviceStatus::Suspended | DeviceStatus::Unlocked => Err(Reason::DeviceInactive),
    }
}

/// Commits to a token of a device that it can take; the payer pays the deposit. Its value counts against the cap of the
/// day. The caller writes `device`.
fn commit(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    device: &mut Device,
    operator: &Operator,
    (token, commitment, state): (&Token, Hash, TokenState),
) -> Result<(), Reason> {
    active(device, token.kind)?;
    window::admit(device, token)?;
    if token.kind == TokenKind::Disable && device.contract.is_some_and(|contract| !contract.is_paid()) {
        return Err(Reason::ContractUnpaid);
    }
    let today = u32::try_from(ctx.time_ms().0 / DAY_MS).map_err(|_| Reason::BadTime)?;
    if device.day != today {
        (device.day, device.issued) = (today, 0);
    }
    device.issued = device.issued.checked_add(token.value.into()).ok_or(Reason::Overflow)?;
    if device.issued > operator.daily_cap.into() && !planted!("issuance-uncapped") {
        return Err(Reason::IssuanceCapped);
    }
    warn(ctx, id, device, token);
    device.last_count = token.count;
    count_add(device, token.kind, u32::saturating_add);
    let (kind, most, deposit) = (token.kind, token.value, ledger::deposit(ctx)?);
    let record = TokenRecord { commitment, kind, most, state, deposit };
    ctx.state.write(crate::keys::device_token(id, token.count), &record);
    Ok(())
}

/// Says what a token will make worthless that is not an add token: these, and by a set token the credit there is.
fn warn(ctx: &mut Ctx<'_>, id: &Hash, device: &Device, token: &Token) {
    let wh = match token.kind {
        TokenKind::Add => return,
        TokenKind::Set => credit::free(ctx, id, device),
        TokenKind::Disable | TokenKind::Sync => WattHours::ZERO,
    };
    let (adds, operator) = (device.adds, device.operator);
    if adds > 0 || wh > WattHours::ZERO {
        ctx.emit(PaygoEvent::CreditAtRisk { device: *id, operator, token: *token, adds, wh });
    }
}

fn count_add(device: &mut Device, kind: TokenKind, change: impl FnOnce(u32, u32) -> u32) {
    if kind == TokenKind::Add {
        device.adds = change(device.adds, 1);
    }
}

/// Forgets a token, and gives its deposit back.
fn forget(ctx: &mut Ctx<'_>, id: &Hash, count: u32, token: &TokenRecord) -> Result<(), Reason> {
    ctx.state.remove(crate::keys::device_token(id, count));
    ledger::refund(ctx, &token.deposit)
}
