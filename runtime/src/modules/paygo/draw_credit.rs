use super::records::{Authorisation, Device};
use super::{CALL_KEYS, credit, device};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, ledger, weights};
use wattle_primitives::call::paygo::DrawCredit;
use wattle_primitives::event::{BurnCause, PaygoEvent};
use wattle_primitives::{Address, Amount, BoundedVec, Hash, Reason, WattHours, Weight};

/// Keys that a report touches, or an end: the device, its wallet, what was issued, the hold, the queue, deposits.
pub(super) const REPORT_KEYS: u64 = CALL_KEYS + super::DRAW_KEYS + 4;

impl Action for DrawCredit {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(REPORT_KEYS)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    /// Takes a report and answers with what is left. An old report changes nothing and is answered as the newest was.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { device: ref id, ref authorisation, seq, cumulative_wh } = *self;
        let (mut device, mut of) = reported(ctx, id, authorisation)?;
        if seq > of.seq {
            let wh = used(&of, cumulative_wh)?;
            if wh > WattHours::ZERO {
                let captor = Address::of_device(id);
                ledger::capture_part(ctx, authorisation, captor, Amount(wh.0.into()))?;
            }
            (of.seq, of.used_wh) = (seq, of.used_wh.saturating_add(wh));
            note(ctx, id, &mut device, wh);
            put(&mut device, authorisation, Some(of))?;
            ctx.state.write(keys::device(id), &device);
        }
        let remaining_wh = of.wh.saturating_sub(of.used_wh);
        ctx.emit(PaygoEvent::CreditUsed {
            device: *id,
            authorisation: *authorisation,
            seq: of.seq,
            cumulative_wh: of.used_wh,
            remaining_wh,
            stop: remaining_wh == WattHours::ZERO,
        });
        Ok(())
    }
}

/// A device and one of its authorisations, of which the sender reports.
pub(super) fn reported(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    authorisation: &Hash,
) -> Result<(Device, Authorisation), Reason> {
    let device = device(ctx, id)?;
    let found = device.authorisations.iter().find(|of| of.hold == *authorisation).copied();
    let of = found.ok_or(Reason::UnknownHold)?;
    if of.gateway == ctx.on_behalf_of() { Ok((device, of)) } else { Err(Reason::NotAllowed) }
}

/// Energy to be drawn for a report: no more than was set aside.
pub(super) fn used(of: &Authorisation, cumulative: WattHours) -> Result<WattHours, Reason> {
    if cumulative < of.used_wh {
        return Err(Reason::RegisterDecreased);
    }
    Ok(cumulative.min(of.wh).saturating_sub(of.used_wh))
}

/// Notes that reported use was paid: the meter, if there is one, will show it again.
pub(super) fn note(ctx: &mut Ctx<'_>, id: &Hash, device: &mut Device, wh: WattHours) {
    credit::note_burned(ctx, id, device, wh, BurnCause::Use);
    if device.meter.is_some() {
        device.ahead_wh = device.ahead_wh.saturating_add(wh);
    }
}

/// Replaces an authorisation in the device's record, or takes it out.
pub(super) fn put(
    device: &mut Device,
    authorisation: &Hash,
    by: Option<Authorisation>,
) -> Result<(), Reason> {
    let others = device.authorisations.iter().filter(|of| of.hold != *authorisation);
    device.authorisations =
        BoundedVec::new(others.copied().chain(by).collect()).map_err(|_| Reason::BookFull)?;
    Ok(())
}
