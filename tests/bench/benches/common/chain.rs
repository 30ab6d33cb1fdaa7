//! A chain with funded accounts.

use wattle_chain_spec::Preset;
use wattle_primitives::genesis::{GenesisAccount, ScheduledSet};
use wattle_primitives::*;
use wattle_runtime::*;

/// Accounts of the chain.
pub(super) const ACCOUNTS: u32 = 20_000;

/// The key of account `n`.
pub(super) fn key(n: u32) -> SecretKey {
    let mut seed = [1; 32];
    seed[..4].copy_from_slice(&n.to_le_bytes());
    SecretKey::from_seed(seed)
}

/// The chain's specification.
pub(super) fn spec() -> Genesis {
    let mut accounts: Vec<_> =
        (0..ACCOUNTS).map(|n| GenesisAccount { key: key(n).public(), balance: Amount(1 << 60) }).collect();
    accounts.sort_by_key(|account| account.key);
    let validator = Validator { key: key(u32::MAX).public(), power: VotingPower(1) };
    Genesis {
        chain_id: "bench".to_owned(),
        time_ms: TimeMs(1),
        native_symbol: "WAT".parse().unwrap(),
        native_scale: 6,
        params: Params {
            block_bytes_max: 4 << 20,
            block_weight_max: Weight(1 << 40),
            bandwidth_rate: Weight(1 << 40),
            bandwidth_capacity: Weight(1 << 40),
            ..Preset::Devnet.template().unwrap().genesis.params
        },
        validator_sets: vec![ScheduledSet {
            from_epoch: Epoch(0),
            validators: ValidatorSet::new(vec![validator]).unwrap(),
        }],
        accounts,
        microgrids: vec![],
    }
}

/// Their checked form.
pub(super) fn checked(env: &BlockEnv, txs: &[Tx]) -> Vec<CheckedTx> {
    txs.iter().map(|tx| CheckedTx::check(tx.clone(), &env.chain, &env.params).unwrap()).collect()
}

/// Their verified form.
pub(super) fn verified(checked: Vec<CheckedTx>) -> Vec<VerifiedTx> {
    verify_all(checked).into_iter().map(Result::unwrap).collect()
}
