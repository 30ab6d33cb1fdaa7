//! The chain that all nodes of a run start from.

use super::plan::{EPOCH_LENGTH, METERS, Plan, WALL_MS, WALLET_BALANCE, WALLETS};
use super::plan::{meter_key, validator_key, wallet_key};
use wattle_primitives::genesis::{GenesisAccount, GenesisMeter, GenesisMicrogrid, ScheduledSet};
use wattle_primitives::reading::{MeterRole, RegisterEncoding};
use wattle_primitives::validator::ValidatorSetError;
use wattle_primitives::{
    Address, Amount, AssetId, Epoch, Genesis, Hash, Params, TimeMs, Validator, ValidatorSet, VotingPower,
    Weight,
};

impl Plan {
    /// The chain that all nodes start from.
    ///
    /// # Errors
    /// Never for at least one validator.
    pub fn genesis(&self) -> Result<Genesis, ValidatorSetError> {
        let mut validator_sets = Vec::new();
        for (epoch, members) in self.sets() {
            let member = |(i, power): &(usize, u64)| Validator {
                key: validator_key(*i).public(),
                power: VotingPower(*power),
            };
            let validators = ValidatorSet::new(members.iter().map(member).collect())?;
            validator_sets.push(ScheduledSet { from_epoch: Epoch(epoch), validators });
        }
        let mut accounts: Vec<GenesisAccount> = (0..WALLETS)
            .map(|i| GenesisAccount { key: wallet_key(i).public(), balance: Amount(WALLET_BALANCE) })
            .collect();
        accounts.sort_unstable_by_key(|a| a.key);
        Ok(Genesis {
            chain_id: format!("sim-{}", self.seed),
            time_ms: TimeMs(WALL_MS - 1_000),
            native_symbol: "WAT".parse().unwrap_or_else(|_| unreachable!("a constant symbol")),
            native_scale: 6,
            params: params(),
            validator_sets,
            accounts,
            microgrids: vec![microgrid()],
        })
    }
}

/// Quick: a run is short.
const fn params() -> Params {
    Params {
        epoch_length: EPOCH_LENGTH,
        block_interval_ms: 50,
        idle_interval_ms: 500,
        leader_timeout_ms: 400,
        advance_timeout_ms: 800,
        timeout_ms_max: 4_000,
        skip_timeout_ms: 3_000,
        clock_skew_ms_max: 500,
        block_bytes_max: 1 << 17,
        block_weight_max: Weight(200_000),
        weight_price: Amount(1),
        account_deposit: Amount(10),
        bandwidth_rate: Weight(1_000_000),
        bandwidth_capacity: Weight(10_000_000),
    }
}

fn microgrid() -> GenesisMicrogrid {
    let owner = |i: usize| Address::of_key(&wallet_key(i).public());
    GenesisMicrogrid {
        operator: owner(0),
        reference: Hash::ZERO,
        asset: AssetId::NATIVE,
        interval_ms: TimeMs(900_000),
        terms: None,
        meters: (0..METERS)
            .map(|i| GenesisMeter {
                key: meter_key(i).public(),
                owner: owner(i + 1),
                encoding: RegisterEncoding::Uint32Wh,
                role: MeterRole::Sub,
                power_max_w: u32::MAX, // simulated energy comes in steps, however soon after each other
                allowance: Amount(1_000_000),
            })
            .collect(),
    }
}
