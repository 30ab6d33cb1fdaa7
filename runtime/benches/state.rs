//! Costs of the state machine: updating and rebuilding the trie, running transfers, each beside the time in which it
//! is to stay.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use wattle_primitives::call::token::TokenCall;
use wattle_primitives::genesis::{GenesisAccount, ScheduledSet};
use wattle_primitives::trie::key_hash;
use wattle_primitives::*;
use wattle_runtime::state::Write;
use wattle_runtime::*;

const BALANCE_BYTES: usize = 64;

fn entries(count: u32) -> Vec<(Vec<u8>, Vec<u8>)> {
    let key = |n: u32| [&[0x11u8; 34], &n.to_le_bytes()[..]].concat();
    (0..count).map(|n| (key(n), vec![n as u8; BALANCE_BYTES])).collect()
}

fn trie(c: &mut Criterion) {
    let state = State::from_entries(entries(200_000));
    let changed: Vec<_> = entries(200_000)
        .into_iter()
        .step_by(100)
        .map(|(key, _)| (key_hash(&key), key, vec![7u8; BALANCE_BYTES]))
        .collect();
    let mut group = c.benchmark_group("trie");
    group.sample_size(20);
    group.throughput(Throughput::Elements(2000));
    group.bench_function("update 2000 of 200000 keys (limit 3 us a key)", |b| {
        b.iter(|| {
            let writes = changed.iter().map(|(position, key, value)| Write {
                key,
                position: *position,
                value: Some(value),
            });
            black_box(state.apply(writes).root())
        });
    });
    let many = entries(1_000_000);
    group.sample_size(10);
    group.throughput(Throughput::Elements(1_000_000));
    group.bench_function("rebuild 1000000 keys (limit 1 s)", |b| {
        b.iter_batched(
            || many.clone(),
            |many| black_box(State::from_entries(many).root()),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn key(n: u32) -> SecretKey {
    let mut seed = [1; 32];
    seed[..4].copy_from_slice(&n.to_le_bytes());
    SecretKey::from_seed(seed)
}

fn spec(accounts: u32) -> Genesis {
    let mut accounts: Vec<_> =
        (0..accounts).map(|n| GenesisAccount { key: key(n).public(), balance: Amount(1 << 60) }).collect();
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

fn execution(c: &mut Criterion) {
    const ACCOUNTS: u32 = 20_000;
    const TRANSFERS: u32 = 2000;
    let spec = spec(ACCOUNTS);
    let (state, header) = genesis(&spec).unwrap();
    let env = BlockEnv {
        params: spec.params,
        chain: header.hash(),
        height: Height(1),
        time_ms: TimeMs(1000),
        parent: header.hash(),
        proposer: key(u32::MAX).public(),
    };
    let address = |n: u32| Address::of_key(&key(n % ACCOUNTS).public());
    let txs = (0..TRANSFERS).map(|n| {
        let (to, asset, amount) = (address(n * 7 + 11), AssetId::NATIVE, Amount(5));
        let body = TxBody {
            chain: env.chain,
            sender: address(n),
            lane: Lane(0),
            nonce: Nonce(0),
            expires_ms: TimeMs::MAX,
            fee_payer: address(n),
            max_fee: Amount::MAX,
            tip: Amount(0),
            calls: BoundedVec::new(vec![Call::Token(TokenCall::Transfer { to, asset, amount })]).unwrap(),
        };
        let signature = key(n).sign(&body.signing_bytes());
        Tx::new(body, vec![Auth { key: key(n).public(), signature }]).unwrap()
    });
    let txs: Vec<Tx> = txs.collect();
    let checked: Vec<_> =
        txs.iter().map(|tx| CheckedTx::check(tx.clone(), &env.chain, &env.params).unwrap()).collect();
    let verified: Vec<_> = verify_all(checked.clone()).into_iter().map(Result::unwrap).collect();
    let mut group = c.benchmark_group("execution");
    group.sample_size(20);
    group.throughput(Throughput::Elements(u64::from(TRANSFERS)));
    group.bench_function("check 2000 transfers", |b| {
        b.iter_batched(
            || txs.clone(),
            |txs| {
                txs.into_iter()
                    .map(|tx| CheckedTx::check(tx, &env.chain, &env.params).unwrap().weight().0)
                    .sum::<u64>()
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("verify 2000 transfers (limit 9 us each)", |b| {
        b.iter_batched(
            || checked.clone(),
            |checked| black_box(verify_all(checked).len()),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("execute 2000 transfers with roots (limit 2 us and 3 us a key each)", |b| {
        b.iter(|| black_box(execute_block(&state, &env, &verified).unwrap().state_root));
    });
    group.finish();
}

criterion_group!(benches, trie, execution);
criterion_main!(benches);
