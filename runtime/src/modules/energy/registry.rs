//! Microgrids, members and meters.

use super::records::Microgrid;
use super::{MeterKind, tab};
use crate::keys;
use crate::modules::records::Meter;
use crate::modules::{Ctx, identity, ledger};
use wattle_primitives::call::energy::microgrid_id;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, AssetId, Event, Hash, PublicKey, Reason, TimeMs};

/// A settlement interval divides a day.
pub(super) const DAY_MS: u64 = 24 * 3600 * 1000;
/// Shortest settlement interval.
const INTERVAL_MS_MIN: u64 = 60 * 1000;

/// Checks a settlement interval.
pub(crate) fn check_interval(interval_ms: TimeMs) -> Result<(), Reason> {
    if interval_ms.0 >= INTERVAL_MS_MIN && DAY_MS.checked_rem(interval_ms.0) == Some(0) {
        Ok(())
    } else {
        Err(Reason::OutOfRange)
    }
}

/// Checks a meter's key, encoding and power.
pub(crate) fn check_meter(key: &PublicKey, kind: MeterKind) -> Result<(), Reason> {
    if key.is_small_order() {
        return Err(Reason::BadAuthority);
    }
    if kind.power_max_w == 0 || !kind.encoding.is_valid() { Err(Reason::OutOfRange) } else { Ok(()) }
}

/// The microgrid's record.
pub(super) fn microgrid(ctx: &mut Ctx<'_>, id: &Hash) -> Result<Microgrid, Reason> {
    ctx.state.read(keys::microgrid(id)).ok_or(Reason::UnknownMicrogrid)
}

/// The microgrid's record, if the sender operates it.
pub(super) fn operated(ctx: &mut Ctx<'_>, id: &Hash) -> Result<Microgrid, Reason> {
    let grid = microgrid(ctx, id)?;
    if grid.operator == ctx.sender() { Ok(grid) } else { Err(Reason::NotAllowed) }
}

/// Registers a microgrid of the sender's, with its book and the operator's tab.
pub(crate) fn register_microgrid(
    ctx: &mut Ctx<'_>,
    reference: &Hash,
    asset: AssetId,
    interval_ms: TimeMs,
) -> Result<(), Reason> {
    let operator = ctx.sender();
    let id = microgrid_id(&operator, reference);
    if !ctx.state.contains(keys::asset(asset)) {
        return Err(Reason::UnknownAsset);
    }
    if ctx.state.contains(keys::microgrid(&id)) {
        return Err(Reason::AlreadyExists);
    }
    ledger::deposit(ctx, operator)?;
    let mut counters = ctx.counters();
    ctx.state.write(keys::microgrid_index(counters.microgrids), &id);
    counters.microgrids = counters.microgrids.checked_add(1).ok_or(Reason::Overflow)?;
    ctx.state.write(keys::counters(), &counters);
    ctx.emit(Event::MicrogridRegistered { microgrid: id, operator });
    let book = tab::open_book(ctx, &id, asset)?;
    let mut grid = Microgrid {
        operator,
        asset,
        interval_ms,
        meters: 0,
        book,
        members: 0,
        ordered: IntervalId(0),
        terms: 0,
        agenda: None,
    };
    tab::join(ctx, &id, &mut grid, operator, None)?;
    ctx.state.write(keys::microgrid(&id), &grid);
    Ok(())
}

/// Makes an account a member, or changes its limit.
pub(super) fn set_member(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    account: Address,
    credit_limit: Option<Amount>,
) -> Result<(), Reason> {
    let mut grid = operated(ctx, id)?;
    if !ctx.state.contains(keys::account(&account)) {
        return Err(Reason::UnknownAccount);
    }
    let mut member = tab::join(ctx, id, &mut grid, account, credit_limit)?;
    ctx.state.write(keys::microgrid(id), &grid);
    if member.credit_limit != credit_limit {
        member.credit_limit = credit_limit;
        ctx.state.write(keys::member(id, &account), &member);
        ctx.emit(Event::MemberSet { microgrid: *id, account, code: member.code, credit_limit });
    }
    Ok(())
}

/// Lets settlement debit a member's wallet, or no longer.
pub(crate) fn set_collection(ctx: &mut Ctx<'_>, id: &Hash, account: Address, on: bool) -> Result<(), Reason> {
    microgrid(ctx, id)?;
    let mut member = tab::member(ctx, id, &account)?;
    if member.collect != on {
        member.collect = on;
        ctx.state.write(keys::member(id, &account), &member);
        ctx.emit(Event::CollectionSet { microgrid: *id, account, on });
    }
    Ok(())
}

/// Registers a meter in a microgrid that the sender operates, if the meter's key has signed its binding.
pub(super) fn register_meter(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    key: &PublicKey,
    owner: Address,
    kind: MeterKind,
) -> Result<(), Reason> {
    if ctx.next_verdict() { admit_meter(ctx, id, key, owner, kind) } else { Err(Reason::BadSignature) }
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

/// Adds a meter to `grid`, which the caller writes. Creates the meter's account if there is none. The sender pays.
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
    let payer = ctx.sender();
    ledger::deposit(ctx, payer)?;
    if !ctx.state.contains(keys::account(&address)) {
        identity::create(ctx, address, payer)?;
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
    ctx.emit(Event::MeterRegistered { meter: address, microgrid: *id, owner });
    Ok(address)
}
