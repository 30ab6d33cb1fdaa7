//! Whether a bill is true, and whether it is whole.
//!
//! True: each line is an event under the receipts root of a final header. Two lines are never one event.
//!
//! Whole: a tab's two sums only grow, and a line that moves money adds to one of them. So when the lines add up to both
//! sums of the proven tab, none of these was left out. What went between the tab and the member's accounts of estimates
//! and escrow is no line, and is taken out of both sums first. That holds for all lines there are, not for those of a
//! period, and not for the operator, whose tab is the counterpart of everybody's.

use super::lines::{Figures, Grid, Grids, figures};
use super::{BillArgs, CliError, PAGE_ITEMS};
use crate::client::Client;
use crate::proof::{Finality, check, check_state, finality};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::receipt::Receipt;
use wattle_primitives::state_key::{
    self, BalanceRecord, MemberRecord, MicrogridRecord, escrow_of, estimates_of,
};
use wattle_primitives::{Address, Event, Hash, Height, ValidatorSet, domain};
use wattle_rpc_types::{EventItem, EventPosition, EventProof, ProofReply, ReadingItem};

/// How often a tab is compared anew: between the matching of an order and its payment the two differ for some blocks.
const TRIES: usize = 20;
/// Time between two of them.
const PAUSE: Duration = Duration::from_millis(250);

/// The proofs of a bill that is true.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) lines: Vec<EventProof>,
    pub(super) readings: Vec<EventProof>,
    tabs: Vec<(Hash, Tab)>,
    anchored: bool,
}

/// Whether the lines of a microgrid are all there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tab {
    /// They add up to the tab at this height.
    Whole(Height),
    /// Not compared, and why.
    Open(&'static str),
}

impl Verified {
    /// As JSON.
    pub(super) fn summary(&self) -> Value {
        let complete = self.tabs.iter().map(|(microgrid, tab)| match tab {
            Tab::Whole(height) => json!({ "microgrid": microgrid, "complete": true, "height": height }),
            Tab::Open(why) => json!({ "microgrid": microgrid, "complete": false, "why": why }),
        });
        json!({
            "lines": self.lines.len(),
            "readings": self.readings.len(),
            "complete": complete.collect::<Vec<_>>(),
            "trust": if self.anchored { "anchored" } else { "validators_from_node" },
        })
    }

    /// In words.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = vec![format!(
            "verified: {} lines and {} readings stand on the chain as shown",
            self.lines.len(),
            self.readings.len()
        )];
        notes.extend(self.tabs.iter().map(|(microgrid, tab)| match tab {
            Tab::Whole(height) => format!(
                "verified: no line of microgrid {} is missing, they add up to its tab at height {height}",
                microgrid.short()
            ),
            Tab::Open(why) => {
                format!(
                    "not verified: whether lines of microgrid {} were left out ({why})",
                    microgrid.short()
                )
            }
        }));
        if !self.anchored {
            let trust =
                "The validator set is this node's word; --validators-hash checks it against one you trust.";
            notes.push(trust.into());
        }
        notes
    }
}

/// Proves everything that the bill shows.
///
/// # Errors
/// `proof` when anything does not hold.
pub(super) async fn all(
    client: &Client,
    account: Address,
    args: &BillArgs,
    items: &[EventItem],
    readings: &[ReadingItem],
    grids: &Grids,
) -> Result<Verified, CliError> {
    let chain = client.chain_status().await?.genesis_hash;
    let mut prover = Prover {
        client,
        chain,
        trusted: args.validators_hash,
        sets: BTreeMap::new(),
        headers: BTreeSet::new(),
    };
    let lines = prover.events(items.iter().map(|item| (item.position, item.event.clone()))).await?;
    let readings =
        prover.events(readings.iter().map(|reading| (reading.position, accepted(reading)))).await?;
    let mut tabs = Vec::new();
    let partial = args.from.is_some() || args.to.is_some();
    for grid in grids.values() {
        let tab = match (grid.operator == account, partial) {
            (true, _) => Tab::Open("an operator's tab has all members' lines as well"),
            (false, true) => Tab::Open("only a bill without --from and --to is compared with the tab"),
            (false, false) => Tab::Whole(prover.whole(&account, grid, items).await?),
        };
        tabs.push((grid.id, tab));
    }
    Ok(Verified { lines, readings, tabs, anchored: args.validators_hash.is_some() })
}

/// The event that a reading's acceptance is.
const fn accepted(reading: &ReadingItem) -> Event {
    let ReadingItem { meter, seq, import_wh, export_wh, time_ms, manual, .. } = *reading;
    Event::Energy(EnergyEvent::ReadingAccepted { meter, seq, import_wh, export_wh, time_ms, manual })
}

/// Asks for proofs and checks them; remembers what it has checked.
struct Prover<'a> {
    client: &'a Client,
    chain: Hash,
    trusted: Option<Hash>,
    /// Validator sets by hash.
    sets: BTreeMap<Hash, ValidatorSet>,
    /// Headers that are final.
    headers: BTreeSet<Hash>,
}

impl Prover<'_> {
    async fn events(
        &mut self,
        events: impl Iterator<Item = (EventPosition, Event)>,
    ) -> Result<Vec<EventProof>, CliError> {
        let (mut proofs, mut places) = (Vec::new(), BTreeSet::new());
        for (position, event) in events {
            let params = json!({ "height": position.height, "index": position.index });
            let proof: EventProof = self.client.call("chain_getEventProof", params).await?;
            check_event(&proof, position.height, &event)?;
            check(
                places.insert((position.height, proof.proof.index, proof.place)),
                "two lines are one event",
            )?;
            let EventProof { header, path, finalization, .. } = &proof;
            self.finality(&Finality { header, path, finalization: finalization.as_ref() }).await?;
            proofs.push(proof);
        }
        Ok(proofs)
    }

    async fn finality(&mut self, finality: &Finality<'_>) -> Result<(), CliError> {
        if self.headers.contains(&finality.header.hash()) {
            return Ok(());
        }
        if finality.header.height == Height::ZERO {
            return check(finality.header.hash() == self.chain, "the header of height 0 is not the genesis");
        }
        let certified = finality.certified()?;
        if !self.sets.contains_key(&certified.validators_hash) {
            let set = self.client.light_block(certified.height).await?.validators;
            self.sets.insert(set.hash(), set);
        }
        let set = self.sets.get(&certified.validators_hash);
        let set = set.ok_or_else(|| CliError::Proof { detail: "the validators are others".into() })?;
        finality.check(certified, set, &self.chain, self.trusted)?;
        self.headers.insert(finality.header.hash());
        Ok(())
    }

    /// A proven state value, or its absence, and the height of the state.
    async fn value(&mut self, key: &[u8]) -> Result<(Option<Vec<u8>>, Height), CliError> {
        let reply: ProofReply = self.client.proof(json!({ "key": hex::encode(key) })).await?;
        check_state(&reply, key)?;
        self.finality(&finality(&reply)).await?;
        Ok((reply.value, reply.header.height))
    }

    /// The proven counters of an account, and the height of the state. Those of one that nothing was ever booked on are
    /// not there.
    async fn balance(&mut self, key: &[u8]) -> Result<(BalanceRecord, Height), CliError> {
        let (raw, height) = self.value(key).await?;
        let decoded = raw.map(|raw| wattle_primitives::decode(&raw)).transpose();
        Ok((decoded.map_err(|e| CliError::input("balance", e))?.unwrap_or_default(), height))
    }

    /// Compares all lines of a microgrid with the member's tab there. Returns the height at which they agree.
    async fn whole(
        &mut self,
        account: &Address,
        grid: &Grid,
        items: &[EventItem],
    ) -> Result<Height, CliError> {
        let missing = |what| CliError::Proof { detail: format!("the {what} is not in the state") };
        let raw = self.value(&state_key::microgrid(&grid.id)).await?.0.ok_or_else(|| missing("microgrid"))?;
        let record: MicrogridRecord =
            wattle_primitives::decode(&raw).map_err(|e| CliError::input("microgrid record", e))?;
        let raw = self.value(&state_key::member(&grid.id, account)).await?.0;
        let member: MemberRecord = wattle_primitives::decode(&raw.ok_or_else(|| missing("membership"))?)
            .map_err(|e| CliError::input("membership", e))?;
        let code = member.code;
        let key = |code| state_key::balance(&record.account(code), record.asset);
        let [tab, estimates, escrow] = [code, estimates_of(code), escrow_of(code)].map(key);
        let mut known: Vec<EventItem> =
            items.iter().filter(|item| item.event.concerns().microgrid == Some(grid.id)).cloned().collect();
        for tried in 1.. {
            let before = [self.balance(&estimates).await?, self.balance(&escrow).await?];
            let (tab, height) = self.balance(&tab).await?;
            let after = [self.balance(&estimates).await?, self.balance(&escrow).await?];
            // Counters only grow: what is the same below and above a height was so at it.
            let same = |(was, is): (&(BalanceRecord, Height), &(BalanceRecord, Height))| {
                was.0 == is.0 && was.1 <= height && height <= is.1
            };
            if !before.iter().zip(&after).all(same) && tried < TRIES {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            // Lines that were booked since the bill was fetched.
            let params = json!({ "account": account, "microgrid": grid.id, "limit": PAGE_ITEMS });
            let fresh: Vec<EventItem> = self.client.list("energy_bill", params).await?;
            let new: Vec<EventItem> = fresh.into_iter().filter(|item| !known.contains(item)).collect();
            self.events(new.iter().map(|item| (item.position, item.event.clone()))).await?;
            known.extend(new);
            let lines = known.iter().filter(|item| item.position.height <= height).map(|item| &item.event);
            match add_up(lines, account, &tab, &after.map(|(balance, _)| balance)) {
                Ok(()) => return Ok(height),
                Err(error) if tried >= TRIES => return Err(error),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
        unreachable!("the loop returns")
    }
}

/// Checks that the lines add up to both sums of the tab. What went from there to `others`, and came back, is no line.
fn add_up<'a>(
    lines: impl Iterator<Item = &'a Event>,
    account: &Address,
    tab: &BalanceRecord,
    others: &[BalanceRecord],
) -> Result<(), CliError> {
    let own =
        |sum: u128, of: fn(&BalanceRecord) -> u128| others.iter().map(of).fold(sum, u128::saturating_sub);
    let tab =
        (own(tab.debits_posted, |of| of.credits_posted), own(tab.credits_posted, |of| of.debits_posted));
    let mut sum = Figures::default();
    lines.for_each(|event| sum.add(&figures(event, account)));
    let debits = sum.debit.saturating_add(sum.received);
    let credits = sum.credit.saturating_add(sum.paid);
    if (debits, credits) == tab {
        return Ok(());
    }
    let detail = format!(
        "lines are missing: they come to {debits} and {credits} base units, the tab has {} and {}",
        tab.0, tab.1
    );
    Err(CliError::Proof { detail })
}

/// Checks that the leaf holds the event and stands under the header's receipts root.
fn check_event(proof: &EventProof, height: Height, event: &Event) -> Result<(), CliError> {
    check(proof.header.height == height, "it is about another block")?;
    let leaf = Hash::of(domain::RECEIPT_LEAF, &[&proof.leaf]);
    check(proof.proof.verify(&proof.header.receipts_root, &leaf), "the leaf is not under the receipts root")?;
    let events =
        leaf_events(proof).ok_or_else(|| CliError::Proof { detail: "the leaf does not decode".into() })?;
    let place = usize::try_from(proof.place).unwrap_or(usize::MAX);
    check(events.get(place) == Some(event), "the leaf does not hold the line's event")
}

fn leaf_events(proof: &EventProof) -> Option<Vec<Event>> {
    if proof.proof.index == 0 {
        borsh::from_slice(&proof.leaf).ok()
    } else {
        borsh::from_slice::<Receipt>(&proof.leaf).ok().map(|receipt| receipt.events)
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
