use super::operator;
use super::records::{Device, DeviceStatus};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, ledger, weights};
use wattle_primitives::call::paygo::{
    C_FIRMWARE_COUNT_MAX, CreditUnit, FirmwareProfile, RegisterDevice, device_id,
};
use wattle_primitives::event::PaygoEvent;
use wattle_primitives::{Address, Amount, BoundedVec, Reason, TimeMs, WattHours, Weight};

/// Largest unit, ms or Wh: with the highest value of a token it stays far below 2^63.
const UNIT_MAX: u64 = 1 << 40;

impl Action for RegisterDevice {
    /// A raw unit is a whole number, so that nothing is ever rounded.
    fn check(&self) -> Result<(), Reason> {
        let size = match self.unit {
            CreditUnit::WattHours { per_unit } => per_unit.0,
            CreditUnit::Time { per_unit } => per_unit.0,
        };
        let whole = size > 0 && size <= UNIT_MAX && size.checked_rem(self.divider.into()) == Some(0);
        if !whole {
            return Err(Reason::OutOfRange);
        }
        let c_firmware = self.profile == FirmwareProfile::CFirmware;
        if c_firmware && self.count > C_FIRMWARE_COUNT_MAX { Err(Reason::ProfileLimit) } else { Ok(()) }
    }

    fn weight(&self) -> Weight {
        weights::keys(10)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    /// Registers a device with its wallet, so that nothing which credits it later has to pay for a key.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { reference, unit, divider, profile, extended, count } = *self;
        let account = ctx.on_behalf_of();
        let mut operator = operator(ctx, &account)?;
        let id = device_id(&account, &reference);
        if ctx.state.contains(keys::device(&id)) {
            return Err(Reason::AlreadyExists);
        }
        ledger::deposit(ctx)?;
        ledger::open_wallet(ctx, Address::of_device(&id), operator.energy)?;
        let device = Device {
            operator: account,
            index: operator.devices,
            owner: None,
            gateway: None,
            key: None,
            meter: None,
            asset: operator.energy,
            unit,
            divider,
            profile,
            extended,
            status: DeviceStatus::Active,
            last_count: count,
            count,
            used: u16::MAX,
            active_until_ms: TimeMs::ZERO,
            ahead_wh: WattHours::ZERO,
            debt: Amount::ZERO,
            contract: None,
            day: 0,
            issued: 0,
            adds: 0,
            authorisations: BoundedVec::default(),
        };
        ctx.state.write(keys::device(&id), &device);
        ctx.state.write(keys::device_index(&account, operator.devices), &id);
        operator.devices = operator.devices.checked_add(1).ok_or(Reason::Overflow)?;
        ctx.state.write(keys::paygo_operator(&account), &operator);
        ctx.emit(PaygoEvent::DeviceRegistered { device: id, operator: account });
        Ok(())
    }
}
