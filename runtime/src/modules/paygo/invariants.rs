//! The rules of pay-as-you-go: energy is in devices' wallets and nowhere else, what a record says of tokens, meters and
//! authorisations is so, and devices are listed.

use super::records::{Device, Operator, TokenRecord, TokenState};
use crate::State;
use crate::keys::{self, tag};
use crate::modules::energy::records::Meter;
use crate::modules::invariants::{self, Entry, Sums, Violation, require};
use crate::modules::ledger::posting::ISSUANCE;
use crate::modules::ledger::records::{Balance, Hold};
use std::collections::BTreeMap;
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::call::paygo::TokenKind;
use wattle_primitives::{Address, AssetId, Hash};

#[derive(Default)]
pub(crate) struct Rules {
    /// Operators by the asset of their energy.
    operators: BTreeMap<AssetId, Address>,
    /// Who holds how much of an asset that may be energy: the other side is what was issued of it.
    held: BTreeMap<AssetId, Vec<(AccountId, i128)>>,
    /// Add tokens that devices can be given: as their records say, and as there are.
    adds: BTreeMap<Hash, (u32, u32)>,
}

impl invariants::Rules for Rules {
    fn take(&mut self, entry: &Entry<'_>, sums: &mut Sums) -> Result<(), Violation> {
        let state = entry.state;
        match entry.tag() {
            tag::PAYGO_OPERATOR => {
                let (account, operator): (Address, Operator) = (entry.name(), entry.record());
                self.operators.insert(operator.energy, account);
                for list in ["devices", "device index"] {
                    sums.expect(list, operator.devices.into());
                }
                Ok(())
            }
            tag::DEVICE_INDEX => {
                sums.found("device index");
                Ok(())
            }
            tag::DEVICE => {
                sums.found("devices");
                self.take_device(state, entry.name(), &entry.record())
            }
            tag::DEVICE_TOKEN => {
                let (id, count): (Hash, u32) = entry.name();
                let token: TokenRecord = entry.record();
                sums.owe(&token.deposit);
                let open = match token.state {
                    TokenState::Reserved | TokenState::Issued(_) => token.kind == TokenKind::Add,
                    TokenState::Voided(_) | TokenState::Taken(_) => false,
                };
                let of = &mut self.adds.entry(id).or_default().1;
                *of = of.saturating_add(u32::from(open));
                let known = state.read(keys::device(&id)).is_some_and(|device| count <= device.last_count);
                require(known, id, "token is beyond its device's last count")
            }
            tag::METER => {
                let (address, meter): (Address, Meter) = (entry.name(), entry.record());
                let Some(id) = meter.device.filter(|_| meter.closed().is_none()) else { return Ok(()) };
                let linked = state
                    .read(keys::device(&id))
                    .is_some_and(|device| device.meter == Some(address) && device.owner == Some(meter.owner));
                require(linked, id, "meter draws on a device that does not know it")
            }
            tag::HOLD => {
                let (id, hold): (Hash, Hold) = (entry.name(), entry.record());
                let device = Hash(hold.captor.0);
                let Some(record) = state.read(keys::device(&device)) else { return Ok(()) };
                let listed = record.authorisations.iter().find(|of| of.hold == id);
                let left = listed.map(|of| u128::from(of.wh.saturating_sub(of.used_wh).0));
                require(left == Some(hold.entry.amount.0), device, "hold is not what is authorised")
            }
            tag::BALANCE => {
                let (account, asset): (AccountId, AssetId) = entry.name();
                let Balance { debits_posted, credits_posted, .. } = entry.record();
                let net = credits_posted.wrapping_sub(debits_posted).cast_signed();
                if asset != AssetId::NATIVE && net != 0 {
                    self.held.entry(asset).or_default().push((account, net));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn check(self, state: &State) -> Result<(), Violation> {
        let apart = self.adds.iter().find(|(_, (says, found))| says != found);
        if let Some((id, _)) = apart {
            return require(false, *id, "device's add tokens are not as many as it says");
        }
        for (asset, operator) in self.operators {
            let held = self.held.get(&asset).map_or(&[][..], Vec::as_slice);
            let mut sum = 0i128;
            for (account, net) in held {
                sum = sum.saturating_add(*net);
                let of_device = |owner: &Address| {
                    let device = state.read(keys::device(&Hash(owner.0)));
                    device.is_some_and(|device| device.operator == operator && device.asset == asset)
                };
                let own = *account == ISSUANCE || account.wallet_owner().as_ref().is_some_and(of_device);
                require(own, Hash(operator.0), "somebody but a device holds energy")?;
            }
            require(sum == 0, Hash(operator.0), "energy of devices is not what was issued")?;
        }
        Ok(())
    }
}

impl Rules {
    fn take_device(&mut self, state: &State, id: Hash, device: &Device) -> Result<(), Violation> {
        self.adds.entry(id).or_default().0 = device.adds;
        let listed = state.read(keys::device_index(&device.operator, device.index)) == Some(id);
        require(
            listed && device.count <= device.last_count,
            id,
            "device is not listed, or behind its tokens",
        )?;
        let metered = device.meter.is_none_or(|address| {
            let meter = state.read(keys::meter(&address));
            meter.is_some_and(|meter| meter.device == Some(id) && meter.closed().is_none())
        });
        require(metered, id, "device's meter does not draw on it")?;
        let rest = device.contract.is_none_or(|contract| contract.rest <= contract.paid);
        require(rest, id, "more is left over than was paid")
    }
}
