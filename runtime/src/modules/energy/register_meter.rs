use super::records::{LastReading, Meter, Microgrid};
use super::{mandate, operated, readings, tab};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, SigSink, identity, ledger, weights};
use wattle_primitives::call::energy::{MeterBinding, RegisterMeter};
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::reading::{MeterRole, RegisterEncoding, Registers};
use wattle_primitives::{Address, Hash, PublicKey, Reason, WattHours, Weight};

/// A meter's properties, apart from its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MeterKind {
    /// How its registers are encoded.
    pub(crate) encoding: RegisterEncoding,
    /// Where it stands.
    pub(crate) role: MeterRole,
    /// Most power, W.
    pub(crate) power_max_w: u32,
}

impl Action for RegisterMeter {
    fn check(&self) -> Result<(), Reason> {
        check_meter(&self.key, kind(self))?;
        readings::first_counters(self.encoding, &self.opening.import, &self.opening.export).map(drop)
    }

    fn signatures(&self, chain: &Hash, sink: &mut dyn SigSink) {
        let opening = (*self.opening).clone();
        let place = MeterBinding::Connection { microgrid: self.microgrid, owner: self.owner, opening };
        sink.push(&self.key, &place.signing_bytes(chain), &self.binding);
    }

    fn weight(&self) -> Weight {
        Weight(weights::SIGNATURE.saturating_add(weights::keys(26).0))
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        if !ctx.next_verdict() {
            return Err(Reason::BadSignature);
        }
        let Registers { import, export, time_ms } = &*self.opening;
        let counters = readings::first_counters(self.encoding, import, export)?;
        let opening = readings::opening(counters, *time_ms, ctx.time_ms());
        admit_meter(ctx, &self.microgrid, &self.key, self.owner, kind(self), Some(opening))
    }
}

const fn kind(call: &RegisterMeter) -> MeterKind {
    MeterKind { encoding: call.encoding, role: call.role, power_max_w: call.power_max_w }
}

/// Checks a meter's key, encoding and power.
pub(crate) fn check_meter(key: &PublicKey, kind: MeterKind) -> Result<(), Reason> {
    if key.is_small_order() {
        return Err(Reason::BadAuthority);
    }
    if kind.power_max_w == 0 || !kind.encoding.is_valid() { Err(Reason::OutOfRange) } else { Ok(()) }
}

/// Registers a meter that its key binds to its owner, who lets the operator do so.
pub(crate) fn admit_meter(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    key: &PublicKey,
    owner: Address,
    kind: MeterKind,
    opening: Option<LastReading>,
) -> Result<(), Reason> {
    let mut grid = operated(ctx, id)?;
    if !ctx.state.contains(keys::account(&owner)) {
        return Err(Reason::UnknownAccount);
    }
    mandate::require(ctx, id, &owner)?;
    tab::join(ctx, id, &mut grid, owner, None)?;
    add_meter(ctx, id, &mut grid, key, owner, kind, opening)?;
    ctx.state.write(keys::microgrid(id), &grid);
    Ok(())
}

/// Adds a member's meter to `grid`, which the caller writes. Creates the meter's account if there is none. The payer
/// pays.
pub(super) fn add_meter(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &mut Microgrid,
    key: &PublicKey,
    owner: Address,
    kind: MeterKind,
    opening: Option<LastReading>,
) -> Result<Address, Reason> {
    let address = Address::of_key(key);
    if ctx.state.contains(keys::meter(&address)) {
        return Err(Reason::AlreadyExists);
    }
    ledger::deposit(ctx)?;
    if !ctx.state.contains(keys::account(&address)) {
        identity::create(ctx, address)?;
    }
    ctx.state.write(keys::meter_index(id, grid.meters), &address);
    grid.meters = grid.meters.checked_add(1).ok_or(Reason::Overflow)?;
    let mut member = tab::member(ctx, id, &owner)?;
    member.meters = member.meters.checked_add(1).ok_or(Reason::Overflow)?;
    ctx.state.write(keys::member(id, &owner), &member);
    let MeterKind { encoding, role, power_max_w } = kind;
    let meter = Meter {
        microgrid: *id,
        owner,
        encoding,
        role,
        power_max_w,
        registered_ms: ctx.time_ms(),
        replaced_by: None,
        retired_ms: None,
        suspended_ms: None,
        dealt_wh: WattHours::ZERO,
        last: opening,
    };
    ctx.state.write(keys::meter(&address), &meter);
    let LastReading { import_wh, export_wh, .. } = opening.unwrap_or_default();
    ctx.emit(EnergyEvent::MeterRegistered { meter: address, microgrid: *id, owner, import_wh, export_wh });
    Ok(address)
}
