use super::credit::account;
use super::records::Authorisation;
use super::{CALL_KEYS, Value, device, value};
use crate::keys;
use crate::modules::ledger::posting::ISSUANCE;
use crate::modules::{Action, Ctx, Reach, ledger, weights};
use wattle_primitives::call::ledger::{Entry, HOLD_MS_MAX, hold_id};
use wattle_primitives::call::paygo::{AUTHORISATIONS_MAX, AuthoriseCredit};
use wattle_primitives::event::PaygoEvent;
use wattle_primitives::{Address, Amount, BoundedVec, Reason, WattHours, Weight};

impl Action for AuthoriseCredit {
    fn check(&self) -> Result<(), Reason> {
        if self.wh == WattHours::ZERO { Err(Reason::ZeroAmount) } else { Ok(()) }
    }

    fn weight(&self) -> Weight {
        // Whoever makes it pays for its end as well: that comes by itself.
        weights::keys(CALL_KEYS + super::DRAW_KEYS + AUTHORISATIONS_MAX as u64 + 12)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    /// Sets credit aside in a hold of the device's own: nobody else can capture it.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { device: id, reference, wh, expires_ms } = *self;
        let mut device = device(ctx, &id)?;
        let gateway = ctx.on_behalf_of();
        if device.gateway != Some(gateway) {
            return Err(Reason::NotAllowed);
        }
        match value(&device, 0)? {
            Value::Energy(_) => {}
            Value::Time(_) => return Err(Reason::WrongDevice),
        }
        let last = ctx.time_ms().0.saturating_add(HOLD_MS_MAX);
        if expires_ms <= ctx.time_ms() || expires_ms.0 > last {
            return Err(Reason::BadTime);
        }
        let captor = Address::of_device(&id);
        let hold = hold_id(&captor, &reference);
        let mut standing = std::mem::take(&mut device.authorisations).into_inner();
        standing.retain(|other| ctx.state.contains(keys::hold(&other.hold)));
        let (asset, amount) = (device.asset, Amount(wh.0.into()));
        let entry = Entry::new(account(&id), ISSUANCE, asset, amount);
        ledger::reserve_until(ctx, &hold, &entry, captor, expires_ms)?;
        standing.push(Authorisation { hold, gateway, wh, seq: 0, used_wh: WattHours::ZERO });
        device.authorisations = BoundedVec::new(standing).map_err(|_| Reason::BookFull)?;
        ctx.state.write(keys::device(&id), &device);
        ctx.emit(PaygoEvent::CreditAuthorised { device: id, gateway, authorisation: hold, wh, expires_ms });
        Ok(())
    }
}
