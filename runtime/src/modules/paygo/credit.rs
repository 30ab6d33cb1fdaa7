//! A device's credit of energy: the wallet that no key has, in its operator's energy.
//!
//! Only this module issues that asset, when a token is redeemed, and takes it out of the world again: for what the
//! device's meter imports, for use that its gateway reports, and when a token sets the credit. What a gateway has set
//! aside is a hold; settlement leaves it alone.
//!
//! Use that was reported under an authorisation is paid when it is reported; when the meter shows it, it is not paid
//! again (`ahead_wh`).

use super::records::Device;
use crate::keys;
use crate::modules::Ctx;
use crate::modules::ledger::posting::ISSUANCE;
use crate::modules::ledger::{self, wallet};
use wattle_primitives::call::ledger::{AccountId, Entry};
use wattle_primitives::event::{BurnCause, PaygoEvent};
use wattle_primitives::{Address, Amount, Hash, Reason, WattHours, planted};

/// Keys that taking from a device's credit touches: the device, its wallet, what was issued.
pub(crate) const DRAW_KEYS: u64 = 3;

/// The account that a device's credit stands on.
pub(super) const fn account(device: &Hash) -> AccountId {
    wallet(Address::of_device(device))
}

/// Energy that is not set aside.
pub(super) fn free(ctx: &mut Ctx<'_>, id: &Hash, device: &Device) -> WattHours {
    let free = ledger::available(&mut ctx.state, Address::of_device(id), device.asset);
    WattHours(u64::try_from(free.0).unwrap_or(u64::MAX))
}

/// Credits a device with energy.
pub(super) fn mint(ctx: &mut Ctx<'_>, id: &Hash, device: &Device, wh: WattHours) -> Result<(), Reason> {
    if wh == WattHours::ZERO {
        return Ok(());
    }
    let (asset, amount) = (device.asset, Amount(wh.0.into()));
    ledger::post_entry(ctx, &Entry::new(ISSUANCE, account(id), asset, amount))?;
    ctx.emit(PaygoEvent::CreditMinted { device: *id, asset, wh });
    Ok(())
}

/// Takes energy from a device's credit.
pub(super) fn burn(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    device: &Device,
    wh: WattHours,
    cause: BurnCause,
) -> Result<(), Reason> {
    if wh == WattHours::ZERO {
        return Ok(());
    }
    let (asset, amount) = (device.asset, Amount(wh.0.into()));
    ledger::post_entry(ctx, &Entry::new(account(id), ISSUANCE, asset, amount))?;
    note_burned(ctx, id, device, wh, cause);
    Ok(())
}

/// Says that energy was taken from a device's credit.
pub(super) fn note_burned(ctx: &mut Ctx<'_>, id: &Hash, device: &Device, wh: WattHours, cause: BurnCause) {
    if wh > WattHours::ZERO {
        ctx.emit(PaygoEvent::CreditBurned { device: *id, asset: device.asset, wh, cause });
    }
}

/// Pays for measured import from a device's credit, as far as it goes. Returns how much is paid: so much is billed to
/// nobody. It cannot fail.
pub(crate) fn draw(ctx: &mut Ctx<'_>, id: &Hash, import: WattHours) -> WattHours {
    let key = keys::device(id);
    let Some(mut device) = ctx.state.read(key).filter(|_| import > WattHours::ZERO) else {
        return WattHours::ZERO;
    };
    let again = planted!("reported-use-drawn-again", device.ahead_wh > WattHours::ZERO);
    let ahead = if again { WattHours::ZERO } else { device.ahead_wh.min(import) };
    if ahead > WattHours::ZERO {
        device.ahead_wh = device.ahead_wh.saturating_sub(ahead);
        ctx.state.write(key, &device);
    }
    let wh = free(ctx, id, &device).min(import.saturating_sub(ahead));
    let burned = ctx.attempt(|ctx| burn(ctx, id, &device, wh, BurnCause::Import)).is_some();
    if burned { ahead.saturating_add(wh) } else { ahead }
}

/// Changes a device's record, as energy does when its meter changes hands or is replaced.
pub(crate) fn change(ctx: &mut Ctx<'_>, id: Option<&Hash>, change: impl FnOnce(&mut Device)) {
    let Some(key) = id.map(keys::device) else { return };
    if let Some(mut device) = ctx.state.read(key) {
        change(&mut device);
        ctx.state.write(key, &device);
    }
}
