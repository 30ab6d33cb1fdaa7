//! What a run is made of: the cluster, its genesis, its faults, how long they last.

use super::faults::Faults;
use super::rng::Rng;
use wattle_primitives::genesis::{GenesisAccount, GenesisMeter, GenesisMicrogrid, ScheduledSet};
use wattle_primitives::reading::RegisterEncoding;
use wattle_primitives::validator::ValidatorSetError;
use wattle_primitives::{
    Address, Amount, AssetId, Epoch, Genesis, Hash, Params, SecretKey, TimeMs, Validator, ValidatorSet,
    VotingPower, Weight,
};

/// Wall time at which a run begins, ms UTC.
pub(super) const WALL_MS: u64 = 1_800_000_000_000;
/// Heights in an epoch: short, so that a run sees several.
pub(super) const EPOCH_LENGTH: u64 = 12;
/// Accounts that send transactions.
pub(super) const WALLETS: usize = 5;
/// Meters that sign readings.
pub(super) const METERS: usize = 2;
/// What each wallet has at genesis, native base units.
pub(super) const WALLET_BALANCE: u128 = 1_000_000_000;

/// A fault built into the surroundings on purpose, to show that the oracle notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// Neither the log nor the sign state is ever synced: a crash forgets votes.
    UnsyncedVotes,
    /// Commits are reported before they are durable: a crash forgets final blocks.
    UnsyncedCommits,
    /// Two running nodes share one validator key.
    ClonedKey,
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Everything random follows from it.
    pub seed: u64,
    /// Nodes with a validator key.
    pub validators: usize,
    /// Whether a node without a key follows.
    pub follower: bool,
    /// Whether validator 0 lies.
    pub byzantine: bool,
    /// What goes wrong before the network heals.
    pub faults: Faults,
    /// How long things go wrong, simulated ms.
    pub storm_ms: u64,
    /// In how much simulated time after that all must have recovered, ms.
    pub heal_ms_max: u64,
    /// A fault that the oracle must find.
    pub plant: Option<Plant>,
    /// Whether every event is printed.
    pub verbose: bool,
}

impl Plan {
    /// A calm run of so many validators.
    #[must_use]
    pub const fn calm(seed: u64, validators: usize) -> Self {
        Self {
            seed,
            validators,
            follower: true,
            byzantine: false,
            faults: Faults::NONE,
            storm_ms: 10_000,
            heal_ms_max: 240_000,
            plant: None,
            verbose: false,
        }
    }

    /// What a seed stands for: number of validators (unless given), liar, follower and mix of faults.
    #[must_use]
    pub fn of_seed(seed: u64, validators: Option<usize>) -> Self {
        let mut rng = Rng::new(seed, "plan");
        let drawn = *rng.pick(&[1, 4, 4, 4, 7]).unwrap_or(&4);
        let validators = validators.unwrap_or(drawn);
        let (follower, lies) = (rng.coin(), rng.chance(400));
        let faults = Faults::swarm(&mut rng);
        let storm_ms = rng.between(10_000, 30_000);
        Self {
            follower,
            byzantine: lies && validators >= 4,
            faults,
            storm_ms,
            ..Self::calm(seed, validators)
        }
    }

    /// Nodes in all.
    #[must_use]
    pub const fn nodes(&self) -> usize {
        self.validators + if self.follower { 1 } else { 0 }
    }

    /// The chain that all nodes start from. Its sets change: powers with four validators or fewer, members with more,
    /// and the liar never has a third.
    ///
    /// # Errors
    /// Never for at least one validator.
    pub fn genesis(&self) -> Result<Genesis, ValidatorSetError> {
        let n = self.validators;
        let all: Vec<usize> = (0..n).collect();
        let sets = if n > 4 {
            let (first, second) = (all.iter().filter(|i| **i + 1 != n), all.iter().filter(|i| **i + 2 != n));
            vec![(0, set(first, 1)?), (1, set(second, 1)?), (3, set(all.iter(), 1)?)]
        } else {
            vec![(0, set(all.iter(), 1)?), (2, set(all.iter(), 2)?)]
        };
        let validator_sets = sets
            .into_iter()
            .map(|(epoch, validators)| ScheduledSet { from_epoch: Epoch(epoch), validators })
            .collect();
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
        block_bytes_max: 1 << 20,
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
        meters: (0..METERS)
            .map(|i| GenesisMeter {
                key: meter_key(i).public(),
                owner: owner(i + 1),
                encoding: RegisterEncoding::Uint32Wh,
                allowance: Amount(1_000_000),
            })
            .collect(),
    }
}

/// Powers of 1, the last member's as given.
fn set<'a>(members: impl Iterator<Item = &'a usize>, last: u64) -> Result<ValidatorSet, ValidatorSetError> {
    let mut members: Vec<Validator> =
        members.map(|i| Validator { key: validator_key(*i).public(), power: VotingPower(1) }).collect();
    if let Some(member) = members.last_mut() {
        member.power = VotingPower(last);
    }
    ValidatorSet::new(members)
}

fn key(role: u8, index: usize) -> SecretKey {
    let mut seed = [role; 32];
    seed[..8].copy_from_slice(&u64::try_from(index).unwrap_or(u64::MAX).to_le_bytes());
    SecretKey::from_seed(seed)
}

/// The key of validator `index`.
#[must_use]
pub(super) fn validator_key(index: usize) -> SecretKey {
    key(1, index)
}

/// The key of wallet `index`.
#[must_use]
pub(super) fn wallet_key(index: usize) -> SecretKey {
    key(2, index)
}

/// The key of meter `index`.
#[must_use]
pub(super) fn meter_key(index: usize) -> SecretKey {
    key(3, index)
}

/// Seed of the network identity of node `index`.
#[must_use]
pub(super) fn node_seed(index: usize) -> [u8; 32] {
    *key(4, index).seed()
}
