//! A chain with funded accounts, and transfers between them.

use wattle_primitives::call::token::TokenCall;
use wattle_primitives::genesis::{GenesisAccount, ScheduledSet};
use wattle_primitives::*;
use wattle_runtime::*;

/// Accounts of the chain.
const ACCOUNTS: u32 = 20_000;

pub(super) fn key(n: u32) -> SecretKey {
    let mut seed = [1; 32];
    seed[..4].copy_from_slice(&n.to_le_bytes());
    SecretKey::from_seed(seed)
}

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
            epoch_length: 1000,
            block_interval_ms: 0,
            idle_interval_ms: 1000,
            leader_timeout_ms: 1000,
            advance_timeout_ms: 2000,
            timeout_ms_max: 16_000,
            skip_timeout_ms: 5000,
            clock_skew_ms_max: 1000,
            block_bytes_max: 4 << 20,
            block_weight_max: Weight(1 << 40),
            weight_price: Amount(1),
            account_deposit: Amount(1000),
            bandwidth_rate: Weight(1 << 40),
            bandwidth_capacity: Weight(1 << 40),
        },
        validator_sets: vec![ScheduledSet {
            from_epoch: Epoch(0),
            validators: ValidatorSet::new(vec![validator]).unwrap(),
        }],
        accounts,
        microgrids: vec![],
    }
}

/// The state at height 0, and what its first block knows.
pub(super) fn world() -> (State, Header, BlockEnv) {
    let spec = spec();
    let (state, header) = genesis(&spec).unwrap();
    let env = BlockEnv {
        params: spec.params,
        chain: header.hash(),
        height: Height(1),
        time_ms: TimeMs(1000),
        parent: header.hash(),
        proposer: key(u32::MAX).public(),
    };
    (state, header, env)
}

/// `count` transfers with nonce `nonce`, each between two accounts of its own.
pub(super) fn transfers(env: &BlockEnv, count: u32, nonce: u64) -> Vec<Tx> {
    let address = |n: u32| Address::of_key(&key(n % ACCOUNTS).public());
    (0..count)
        .map(|n| {
            let (to, asset, amount) = (address(n * 7 + 11), AssetId::NATIVE, Amount(5));
            let body = TxBody {
                chain: env.chain,
                sender: address(n),
                lane: Lane(0),
                nonce: Nonce(nonce),
                expires_ms: TimeMs::MAX,
                fee_payer: address(n),
                max_fee: Amount::MAX,
                tip: Amount(0),
                calls: BoundedVec::new(vec![Call::Token(TokenCall::Transfer { to, asset, amount })]).unwrap(),
            };
            let signature = key(n).sign(&body.signing_bytes());
            Tx::new(body, vec![Auth { key: key(n).public(), signature }]).unwrap()
        })
        .collect()
}

/// Their checked form.
pub(super) fn checked(env: &BlockEnv, txs: &[Tx]) -> Vec<CheckedTx> {
    txs.iter().map(|tx| CheckedTx::check(tx.clone(), &env.chain, &env.params).unwrap()).collect()
}

/// Their verified form.
pub(super) fn verified(checked: Vec<CheckedTx>) -> Vec<VerifiedTx> {
    verify_all(checked).into_iter().map(Result::unwrap).collect()
}
