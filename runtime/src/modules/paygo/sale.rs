//! Money for tokens: where it comes from, where it goes, and what it buys.
//!
//! Money for a device whose meter is in a microgrid goes to its operator's tab there: what the operator owes for energy
//! that others deliver is paid from it before the operator is. Any other goes to the operator's wallet.
//!
//! A debt of a device stands in its record alone. It is not put on its owner's tab: that is collected by a mandate, and
//! what a mandate is for is said by terms and meters, not by an operator's word on a token.

use super::records::{Device, Operator, PaidFrom, Sale};
use crate::keys;
use crate::modules::Ctx;
use crate::modules::energy::records::Microgrid;
use crate::modules::energy::{self, tab};
use crate::modules::ledger::{self, wallet};
use wattle_primitives::call::ledger::{AccountId, Entry};
use wattle_primitives::call::paygo::{Payment, Token};
use wattle_primitives::event::{EnergyEvent, PaygoEvent};
use wattle_primitives::{Amount, Hash, Reason, planted};

/// Keys that a payment touches: hold, queue, its deposit's payer and the deposits; the payer's account, its book's due
/// and cash, its record; the operator, meter, microgrid; the tab with its record, due and cash, or the wallet with its
/// account, asset and place in the list.
pub(super) const PAY_KEYS: u64 = 20;

/// The microgrid of a device's meter.
fn microgrid_of(ctx: &mut Ctx<'_>, device: &Device) -> Result<Option<(Hash, Microgrid)>, Reason> {
    let Some(meter) = device.meter.filter(|_| !planted!("prepaid-money-to-operator")) else {
        return Ok(None);
    };
    let id = ctx.state.read(keys::meter(&meter)).ok_or(Reason::UnknownMeter)?.microgrid;
    Ok(Some((id, energy::microgrid(ctx, &id)?)))
}

/// Takes money for a device, and says how much came from where. `Free` and `Postpaid` are none.
pub(super) fn receive(
    ctx: &mut Ctx<'_>,
    device: &Device,
    operator: &Operator,
    payment: &Payment,
) -> Result<(Amount, PaidFrom), Reason> {
    let (by, asset) = (ctx.on_behalf_of(), operator.asset);
    let by_operator = by == device.operator;
    let (amount, from) = match *payment {
        Payment::Wallet { amount } if !by_operator => (amount, Some(wallet(by))),
        Payment::Hold { amount, .. } if by_operator => (amount, None),
        Payment::Cash { amount } if by_operator => return Ok((amount, PaidFrom::Hand)),
        Payment::Free if by_operator => return Ok((Amount::ZERO, PaidFrom::Hand)),
        Payment::Postpaid if by_operator => return Ok((Amount::ZERO, PaidFrom::Debt)),
        Payment::Wallet { .. }
        | Payment::Hold { .. }
        | Payment::Cash { .. }
        | Payment::Free
        | Payment::Postpaid => return Err(Reason::NotAllowed),
    };
    let grid = microgrid_of(ctx, device)?;
    let to = grid.as_ref().map_or(wallet(device.operator), |(_, grid)| grid.account(tab::OPERATOR));
    let from = match (from, payment) {
        (None, Payment::Hold { hold, .. }) => {
            ledger::redirect_hold(ctx, hold, device.operator, asset, amount, to)?
        }
        (from, _) => {
            let debit: AccountId = from.ok_or(Reason::NotAllowed)?;
            ledger::post_entry(ctx, &Entry::new(debit, to, asset, amount))?;
            debit
        }
    };
    if let Some((microgrid, _)) = grid {
        ctx.emit(EnergyEvent::TabPaid { microgrid, account: device.operator, amount, by_member: true });
    }
    Ok((amount, PaidFrom::Account(from)))
}

/// The sale of a token for which `money` came in, or which is on account. Under a contract the value must be what the
/// money buys with what was left over before, and what is left over now counts with the next sale.
pub(super) fn price(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    device: &mut Device,
    token: &Token,
    (money, from): (Amount, PaidFrom),
) -> Result<Sale, Reason> {
    let value = token.value;
    let price = match (from, device.contract.as_mut()) {
        (PaidFrom::Debt, None) => return Err(Reason::NotAllowed),
        (PaidFrom::Debt, Some(contract)) => {
            if !contract.terms.postpaid {
                return Err(Reason::NotAllowed);
            }
            let price = worth(contract.terms.price, value)?;
            owe(ctx, id, device, token.count, price)?;
            price
        }
        (PaidFrom::Hand | PaidFrom::Account(_), Some(contract)) if money > Amount::ZERO => {
            let before = contract.rest;
            let mut left = before.checked_add(money).ok_or(Reason::Overflow)?;
            let mut units = 0;
            if !contract.begun {
                left = left.checked_sub(contract.terms.deposit).ok_or(Reason::WrongPrice)?;
                (units, contract.begun) = (u128::from(contract.terms.included), true);
            }
            let bought = left.0.checked_div(contract.terms.price.0).ok_or(Reason::WrongPrice)?;
            contract.rest = Amount(left.0.checked_rem(contract.terms.price.0).ok_or(Reason::WrongPrice)?);
            if units.checked_add(bought) != Some(value.into()) {
                return Err(Reason::WrongPrice);
            }
            let price = before.saturating_add(money).saturating_sub(contract.rest);
            count_paid(ctx, id, device, money)?;
            price
        }
        (PaidFrom::Hand | PaidFrom::Account(_), _) => money,
    };
    Ok(Sale { value, price, from })
}

/// The cost of so many raw units.
pub(super) fn worth(price: Amount, value: u32) -> Result<Amount, Reason> {
    price.0.checked_mul(value.into()).map(Amount).ok_or(Reason::Overflow)
}

/// Counts money as paid for the device, and says so when it is paid off.
pub(super) fn count_paid(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    device: &mut Device,
    money: Amount,
) -> Result<(), Reason> {
    let Some(contract) = &mut device.contract else { return Ok(()) };
    let before = contract.is_paid();
    contract.paid = contract.paid.checked_add(money).ok_or(Reason::Overflow)?;
    if contract.is_paid() && !before {
        let paid = contract.paid;
        ctx.emit(PaygoEvent::ContractPaid { device: *id, operator: device.operator, paid });
    }
    Ok(())
}

/// Notes a debt of the device.
pub(super) fn owe(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    device: &mut Device,
    count: u32,
    amount: Amount,
) -> Result<(), Reason> {
    if amount == Amount::ZERO {
        return Ok(());
    }
    device.debt = device.debt.checked_add(amount).ok_or(Reason::Overflow)?;
    let Device { operator, owner, .. } = *device;
    ctx.emit(PaygoEvent::DeviceOwes { device: *id, operator, owner, count, amount });
    Ok(())
}

/// Notes as a debt what a token was worth that was redeemed without a sale: what that was, or the contract's price.
pub(super) fn owe_for(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    device: &mut Device,
    count: u32,
    value: u32,
    sale: Option<Sale>,
) -> Result<(), Reason> {
    let price = device.contract.map_or(Amount::ZERO, |contract| contract.terms.price);
    let amount = match sale {
        Some(sale) => sale.price,
        None => worth(price, value)?,
    };
    owe(ctx, id, device, count, amount)
}

/// Pays a sale back: from the operator's wallet, where its money came by the ledger. Returns how much.
pub(super) fn refund(
    ctx: &mut Ctx<'_>,
    device: &mut Device,
    operator: &Operator,
    sale: &Sale,
) -> Result<Amount, Reason> {
    let Sale { price: amount, from, .. } = *sale;
    if amount == Amount::ZERO {
        return Ok(amount);
    }
    match from {
        PaidFrom::Debt => {
            let left = device.debt.saturating_sub(amount);
            return Ok(std::mem::replace(&mut device.debt, left).saturating_sub(left));
        }
        PaidFrom::Hand => {}
        PaidFrom::Account(credit) => {
            let entry = Entry::new(wallet(device.operator), credit, operator.asset, amount);
            ledger::post_entry(ctx, &entry)?;
        }
    }
    if let Some(contract) = &mut device.contract {
        contract.paid = contract.paid.saturating_sub(amount);
    }
    Ok(amount)
}
