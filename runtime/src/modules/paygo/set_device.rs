use super::records::{Contract, Device, DeviceStatus};
use super::{operated, operator};
use crate::keys;
use crate::modules::energy::prepaid;
use crate::modules::{Action, Ctx, Reach, energy, weights};
use wattle_primitives::call::energy::PRICE_MAX;
use wattle_primitives::call::ledger::SUPPLY_MAX;
use wattle_primitives::call::paygo::SetDevice;
use wattle_primitives::event::PaygoEvent;
use wattle_primitives::reading::MeterRole;
use wattle_primitives::{Address, Amount, Hash, Reason, Weight};

impl Action for SetDevice {
    fn check(&self) -> Result<(), Reason> {
        if self.key.is_some_and(|key| key.is_small_order()) {
            return Err(Reason::BadAuthority);
        }
        let sound = self.contract.as_ref().is_none_or(|contract| {
            let priced = contract.price > Amount::ZERO && contract.price <= PRICE_MAX;
            priced && contract.deposit.max(contract.total) <= SUPPLY_MAX
        });
        if sound { Ok(()) } else { Err(Reason::OutOfRange) }
    }

    fn weight(&self) -> Weight {
        weights::keys(6)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { device: id, owner, gateway, key, meter, suspended, ref contract } = *self;
        let mut device = operated(ctx, &id)?;
        (device.owner, device.gateway, device.key) = (owner, gateway, key);
        device.status = match device.status {
            DeviceStatus::Unlocked => DeviceStatus::Unlocked, // no token is taken but one that sets it
            DeviceStatus::Active | DeviceStatus::Suspended if suspended => DeviceStatus::Suspended,
            DeviceStatus::Active | DeviceStatus::Suspended => DeviceStatus::Active,
        };
        device.contract = contract.as_ref().map(|terms| {
            let new = Contract { terms: **terms, begun: false, paid: Amount::ZERO, rest: Amount::ZERO };
            device.contract.map_or(new, |before| Contract { terms: **terms, ..before })
        });
        if let Some(before) = device.meter.filter(|before| meter != Some(*before)) {
            prepaid::set_device(ctx, &before, None);
        }
        if let Some(meter) = meter {
            link(ctx, &id, &device, &meter)?;
        }
        device.meter = meter;
        ctx.state.write(keys::device(&id), &device);
        let operator = device.operator;
        ctx.emit(PaygoEvent::DeviceSet { device: id, operator, owner, gateway, meter, suspended });
        Ok(())
    }
}

/// Has a meter's import paid by the device's credit: a member's meter in a microgrid of its operator's, which settles
/// in what the operator is paid in.
fn link(ctx: &mut Ctx<'_>, id: &Hash, device: &Device, address: &Address) -> Result<(), Reason> {
    let meter = energy::meter(ctx, address)?;
    let grid = energy::microgrid(ctx, &meter.microgrid)?;
    if grid.operator != device.operator || device.owner != Some(meter.owner) || meter.role != MeterRole::Sub {
        return Err(Reason::WrongDevice);
    }
    if grid.asset != operator(ctx, &device.operator)?.asset {
        return Err(Reason::AssetMismatch);
    }
    if meter.device.is_some_and(|other| other != *id) {
        return Err(Reason::AlreadyExists);
    }
    prepaid::set_device(ctx, address, Some(*id));
    Ok(())
}
