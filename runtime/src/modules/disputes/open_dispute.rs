use super::LIST;
use super::records::Dispute;
use crate::keys;
use crate::modules::energy::{self, TERMS_KEYS, push_reading, terms};
use crate::modules::{Action, Ctx, Reach, SigSink, ledger, weights};
use wattle_primitives::call::disputes::{CLAIM_MAX, OPEN_MS, OpenDispute, dispute_id};
use wattle_primitives::call::energy::DISPUTE_VOTES_MAX;
use wattle_primitives::event::DisputesEvent;
use wattle_primitives::reading::{Reading, RegisterEncoding, SignedReading};
use wattle_primitives::{Address, Amount, Hash, Reason, WattHours, Weight};

impl Action for OpenDispute {
    fn check(&self) -> Result<(), Reason> {
        if self.claim == Amount::ZERO {
            return Err(Reason::ZeroAmount);
        }
        if self.claim > CLAIM_MAX {
            return Err(Reason::OutOfRange);
        }
        let of_meter = |signed: &SignedReading| Address::of_key(&signed.key) == signed.reading.meter;
        let (first, second) = (&self.first.reading, &self.second.reading);
        let one = first.meter == second.meter && first.seq < second.seq;
        if one && of_meter(&self.first) && of_meter(&self.second) { Ok(()) } else { Err(Reason::BadEvidence) }
    }

    fn signatures(&self, chain: &Hash, sink: &mut dyn SigSink) {
        push_reading(&self.first, chain, sink);
        push_reading(&self.second, chain, sink);
    }

    fn weight(&self) -> Weight {
        Weight((2 * weights::SIGNATURE).saturating_add(weights::keys(9 + TERMS_KEYS).0))
    }

    fn reach(&self) -> Reach {
        Reach::Any
    }

    /// Opens the dispute for the sender, who owns the meter, or did until it was handed over.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let genuine = [ctx.next_verdict(), ctx.next_verdict()];
        if genuine != [true, true] {
            return Err(Reason::BadSignature);
        }
        let account = ctx.on_behalf_of();
        let address = self.first.reading.meter;
        let meter = ctx.state.read(keys::meter(&address)).ok_or(Reason::UnknownMeter)?;
        let owned = meter.owner == account || before(ctx, &address) == Some(account);
        if meter.microgrid != self.microgrid || !owned {
            return Err(Reason::NotAllowed);
        }
        let dispute = dispute_id(&account, &self.reference);
        let key = keys::dispute(&dispute);
        if ctx.state.contains(key) {
            return Err(Reason::AlreadyExists);
        }
        let (import_wh, export_wh) = between(meter.encoding, &self.first.reading, &self.second.reading)?;
        let (microgrid, claim) = (self.microgrid, self.claim);
        let grid = energy::microgrid(ctx, &microgrid)?;
        let terms = terms::at(ctx, &microgrid, &grid, grid.interval_at(ctx.time_ms()));
        let needed = terms.map_or(0, |terms| terms.dispute_votes.min(DISPUTE_VOTES_MAX));
        let deposit = ledger::deposit(ctx)?;
        let (note, voters) = (self.note, Vec::new());
        let record = Dispute {
            microgrid,
            index: LIST.add(ctx, &microgrid, &dispute)?,
            account,
            meter: address,
            claim,
            note,
            needed,
            electorate: grid.members,
            expires_ms: ctx.time_ms().saturating_add(OPEN_MS),
            upheld: 0,
            rejected: 0,
            voters,
            deposit,
        };
        ctx.state.write(key, &record);
        ctx.emit(DisputesEvent::DisputeOpened {
            dispute,
            microgrid,
            account,
            meter: address,
            import_wh,
            export_wh,
            claim,
        });
        Ok(())
    }
}

/// Whose a meter was before its last change of owner.
fn before(ctx: &mut Ctx<'_>, meter: &Address) -> Option<Address> {
    ctx.state.read(keys::settled_meter(meter))?.handed.map(|handed| handed.from)
}

/// Energy between two readings of a meter, roll-overs counted on.
fn between(
    encoding: RegisterEncoding,
    first: &Reading,
    second: &Reading,
) -> Result<(WattHours, WattHours), Reason> {
    let wh = |first: &[u16], second: &[u16]| {
        let from = encoding.count(first).map_err(|_| Reason::BadEvidence)?;
        let to = encoding.next_count(from, second).map_err(|_| Reason::BadEvidence)?;
        let energy = |count| encoding.energy_of(count).map_err(|_| Reason::BadEvidence);
        Ok(energy(to.ok_or(Reason::BadEvidence)?)?.saturating_sub(energy(from)?))
    };
    Ok((wh(&first.import, &second.import)?, wh(&first.export, &second.export)?))
}
