//! The chain's loop, credit and prices: proves what each meter's owner can spend and what energy costs.

use super::chain::{Chain, a_peer};
use crate::board::{Credit, ProvenTariff};
use crate::follow::FollowError;
use crate::peers::Peers;
use crate::relay::Input;
use crate::submit::SubmitError;
use std::collections::BTreeMap;
use wattle_p2p::PeerId;
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::state_key::{self, MeterRecord};
use wattle_primitives::{Address, AssetId, Hash};

impl Chain {
    /// Proves the credit of each meter's owner, and the prices of energy.
    pub(super) async fn look_at_credit(&mut self, net: &impl Peers) {
        let asset = self.config.credit.asset;
        let mut tariffs = BTreeMap::new();
        for index in 0..self.lanes.len() {
            let Some((meter, address)) = self.lanes.get(index).map(|lane| (lane.meter, lane.address)) else {
                return;
            };
            let (mut credit, mut tariff) = (None, None);
            if let Some(peer) = a_peer(net) {
                match self.prove_credit(net, peer, address, asset).await {
                    Ok(Some((proven, microgrid))) => {
                        credit = Some(proven);
                        tariff = self.tariff(net, peer, microgrid, &mut tariffs).await;
                    }
                    Ok(None) => {}
                    Err(source) => self.note(net, &SubmitError::Peer { peer, source }),
                }
            }
            let counts = credit.filter(|_| self.is_current());
            let tariff = tariff.filter(|_| self.is_current());
            let doubted = self.follower.doubt().is_some();
            self.board.update_meter(meter, |facts| {
                facts.credit = credit.or(facts.credit);
                facts.tariff = tariff.or(facts.tariff).filter(|_| !doubted);
            });
            if let Some((_, relay)) = self.relay.as_ref().filter(|(lane, _)| *lane == index) {
                // When the relay has no room for it, the next look will do.
                let _ = relay.try_send(Input::Balance(counts.map(|credit| credit.available)));
            }
        }
    }

    /// Whether the last proof is new enough to act on.
    fn is_current(&self) -> bool {
        let fresh = self.follower.head_age_ms().is_some_and(|age| age <= self.config.credit.age_ms_max);
        fresh && self.follower.doubt().is_none()
    }

    /// The prices of a microgrid, asked for once in a round. They are shown for as long as a balance would count.
    async fn tariff(
        &mut self,
        net: &impl Peers,
        peer: PeerId,
        microgrid: Hash,
        known: &mut BTreeMap<Hash, Option<ProvenTariff>>,
    ) -> Option<ProvenTariff> {
        if let Some(tariff) = known.get(&microgrid) {
            return *tariff;
        }
        let tariff = match self.follower.prove_tariff(net, peer, microgrid).await {
            Ok(tariff) => tariff?,
            Err(source) => {
                self.note(net, &SubmitError::Peer { peer, source });
                return None; // the next meter asks another peer
            }
        };
        let age_ms = self.follower.head_age_ms().unwrap_or(u64::MAX);
        let left_ms = self.config.credit.age_ms_max.saturating_sub(age_ms);
        let until_ms = self.clock.uptime_ms().saturating_add(left_ms);
        let tariff = Some(ProvenTariff { tariff, until_ms });
        known.insert(microgrid, tariff);
        tariff
    }

    /// The credit of the meter's owner, and the meter's microgrid. `None` when the chain does not know the meter.
    async fn prove_credit(
        &mut self,
        net: &impl Peers,
        peer: PeerId,
        meter: Address,
        asset: AssetId,
    ) -> Result<Option<(Credit, Hash)>, FollowError> {
        let record = self.follower.prove_record(net, peer, state_key::meter(&meter)).await?;
        let Some(MeterRecord { owner, microgrid, .. }) = record else { return Ok(None) };
        let key = state_key::balance(&AccountId::Wallet { owner }, asset);
        let balance = self.follower.prove_record(net, peer, key).await?.unwrap_or_default();
        let head = self.follower.head();
        let (height, time_ms) = (head.height, head.time_ms);
        self.cross_check(net, peer).await?;
        Ok(Some((Credit { owner, asset, available: balance.available(), height, time_ms }, microgrid)))
    }
}
