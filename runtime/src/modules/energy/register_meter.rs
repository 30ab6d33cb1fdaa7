use super::records::{Meter, Microgrid};
use super::{operated, tab};
use crate::keys;
use crate::modules::{Action, Ctx, SigSink, identity, ledger, weights};
use wattle_primitives::call::energy::{MeterBinding, RegisterMeter};
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::reading::{MeterRole, RegisterEncoding};
use wattle_primitives::{Address, Hash, PublicKey, Reason, Weight};

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
        check_meter(&self.key, kind(self))
    }

    fn signatures(&self, chain: &Hash, sink: &mut dyn SigSink) {
        let place = MeterBinding::Connection { microgrid: self.microgrid, owner: self.owner };
        sink.push(&self.key, &place.signing_bytes(chain), &self.binding);
    }

    fn weight(&self) -> Weight {
        Weight(weights::SIGNATURE.saturating_add(weights::keys(20).0))
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        if !ctx.next_verdict() {
            return Err(Reason::BadSignature);
        }
        admit_meter(ctx, &self.microgrid, &self.key, self.owner, kind(self))
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

/// Registers a meter whose key is known to be its owner's.
pub(crate) fn admit_meter(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    key: &PublicKey,
    owner: Address,
    kind: MeterKind,
) -> Result<(), Reason> {
    let mut grid = operated(ctx, id)?;
    if !ctx.state.contains(keys::account(&owner)) {
        return Err(Reason::UnknownAccount);
    }
    tab::join(ctx, id, &mut grid, owner, None)?;
    add_meter(ctx, id, &mut grid, key, owner, kind)?;
    ctx.state.write(keys::microgrid(id), &grid);
    Ok(())
}

/// Adds a meter to `grid`, which the caller writes. Creates the meter's account if there is none. The payer pays.
pub(super) fn add_meter(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &mut Microgrid,
    key: &PublicKey,
    owner: Address,
    kind: MeterKind,
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
    let MeterKind { encoding, role, power_max_w } = kind;
    let meter = Meter {
        microgrid: *id,
        owner,
        encoding,
        role,
        power_max_w,
        registered_ms: ctx.time_ms(),
        replaced_by: None,
        last: None,
    };
    ctx.state.write(keys::meter(&address), &meter);
    ctx.emit(EnergyEvent::MeterRegistered { meter: address, microgrid: *id, owner });
    Ok(address)
}
