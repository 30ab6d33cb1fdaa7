//! Which key a meter's address is the hash of.
//!
//! State keeps the address only. The key stands in genesis or in the call that registered the meter, and in every
//! reading since; whichever is found proves itself, since its hash must be the address.

use super::{NodeBackend, storage};
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};
use wattle_primitives::call::EnergyCall;
use wattle_primitives::call::energy::{RegisterMeter, SubmitReadings, SwapMeter};
use wattle_primitives::{Address, Call, Genesis, PublicKey, Tx};
use wattle_rpc_types::{RpcError, RpcResult};
use wattle_runtime::store::HistoryItem;

/// Most keys remembered beyond those of genesis; what does not fit is looked up each time.
const KEYS_MAX: usize = 65_536;
/// History rows looked at for a key, at first and at most.
const ROWS: [usize; 2] = [8, 1000];
/// Most blocks read for a key.
const BLOCKS_MAX: usize = 16;

/// Keys found so far.
#[derive(Debug)]
pub(super) struct MeterKeys {
    found: RwLock<BTreeMap<Address, PublicKey>>,
    max: usize,
}

impl MeterKeys {
    /// The keys of the meters that exist from the start.
    pub(super) fn of_genesis(genesis: &Genesis) -> Self {
        let meters = genesis.microgrids.iter().flat_map(|grid| &grid.meters);
        let found: BTreeMap<_, _> = meters.map(|meter| (Address::of_key(&meter.key), meter.key)).collect();
        let max = found.len().saturating_add(KEYS_MAX);
        Self { found: RwLock::new(found), max }
    }

    /// The key of a registered meter.
    pub(super) fn of(&self, node: &NodeBackend, meter: &Address) -> RpcResult<PublicKey> {
        if let Some(key) = self.found.read().unwrap_or_else(PoisonError::into_inner).get(meter) {
            return Ok(*key);
        }
        let key = look_up(node, meter)?
            .ok_or(RpcError::NotIndexed { what: "keys of meters that have long been silent" })?;
        let mut found = self.found.write().unwrap_or_else(PoisonError::into_inner);
        if found.len() < self.max {
            found.insert(*meter, key);
        }
        Ok(key)
    }
}

fn look_up(node: &NodeBackend, meter: &Address) -> RpcResult<Option<PublicKey>> {
    let store = &node.shared.store;
    for rows in ROWS {
        let page = store.history(meter, None, rows).map_err(storage)?;
        // Payments to the meter do not name its key; skipping them keeps a flood of them from hiding it.
        let signed = |row: &&HistoryItem| matches!(row.kind.0.as_str(), "energy" | "deals");
        for row in page.items.iter().filter(signed).take(BLOCKS_MAX) {
            if let Some(key) = node.tx_at(row.at)?.and_then(|tx| named_in(&tx, meter)) {
                return Ok(Some(key));
            }
        }
        if page.next.is_none() {
            break;
        }
    }
    Ok(None)
}

fn named_in(tx: &Tx, meter: &Address) -> Option<PublicKey> {
    let is_its = |key: &PublicKey| Address::of_key(key) == *meter;
    let called = tx.body().calls.iter().find_map(|call| {
        if let Call::Energy(EnergyCall::RegisterMeter(RegisterMeter { key, .. })) = call {
            Some(*key).filter(is_its)
        } else if let Call::Energy(EnergyCall::SwapMeter(SwapMeter { swap, .. })) = call {
            Some(swap.new).filter(is_its)
        } else if let Call::Energy(EnergyCall::SubmitReadings(SubmitReadings { readings })) = call {
            readings.iter().map(|signed| signed.key).find(is_its)
        } else {
            None
        }
    });
    // Who reports a deal's usage signs with the meter's key.
    called.or_else(|| tx.auths().iter().map(|auth| auth.key).find(is_its))
}
