//! Costs of transfers: form, signatures, execution with roots, and the commit to the database.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "../common/chain.rs"]
mod chain;
mod world;

use chain::{checked, verified};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::borrow::Cow;
use std::hint::black_box;
use wattle_primitives::{Block, Header, Height, View};
use wattle_runtime::store::RocksStore;
use wattle_runtime::{BlockEnv, CheckedTx, Commit, Executed, Store, VerifiedTx, execute_block, verify_all};
use world::{transfers, world};

const TRANSFERS: u32 = 2000;
/// Transfers of one committed block: a block of 50 ms at 5,000 a second.
const COMMITTED: u32 = 250;
/// Blocks committed in one measured run.
const BLOCKS: u64 = 20;

fn execution(c: &mut Criterion) {
    let (state, _, env) = world();
    let txs = transfers(&env, TRANSFERS, 0);
    let formed = checked(&env, &txs);
    let signed = verified(formed.clone());
    let mut group = c.benchmark_group("execution");
    group.sample_size(20);
    group.throughput(Throughput::Elements(u64::from(TRANSFERS)));
    group.bench_function("check 2000 transfers", |b| {
        b.iter_batched(
            || txs.clone(),
            |txs| {
                let check = |tx| CheckedTx::check(tx, &env.chain, &env.params).unwrap().weight().0;
                txs.into_iter().map(check).sum::<u64>()
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("verify 2000 transfers (limit 9 us each)", |b| {
        b.iter_batched(
            || formed.clone(),
            |formed| black_box(verify_all(formed).len()),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("execute 2000 transfers with roots (limit 2 us and 3 us a key each)", |b| {
        b.iter(|| black_box(execute_block(&state, &env, &signed).unwrap().state_root));
    });
    group.finish();
}

/// A block with what it leads to.
type Done = (Block, Executed);

fn chain(header: &Header, mut env: BlockEnv, mut state: wattle_runtime::State) -> Vec<Done> {
    let mut parent = header.clone();
    (0..BLOCKS)
        .map(|n| {
            let txs: Vec<VerifiedTx> = verified(checked(&env, &transfers(&env, COMMITTED, n)));
            let done = execute_block(&state, &env, &txs).unwrap();
            let header = Header {
                view: View(n + 1),
                height: Height(n + 1),
                parent: parent.hash(),
                time_ms: env.time_ms,
                txs_root: done.txs_root,
                state_root: done.state_root,
                receipts_root: done.receipts_root,
                ..parent.clone()
            };
            (env.parent, env.height) = (header.hash(), env.height.next());
            env.time_ms = env.time_ms.next();
            (parent, state) = (header.clone(), done.state.clone());
            (Block { header, txs: txs.iter().map(|tx| tx.tx().clone()).collect() }, done)
        })
        .collect()
}

fn commit(c: &mut Criterion) {
    let (state, header, env) = world();
    let blocks = chain(&header, env, state.clone());
    let mut group = c.benchmark_group("commit");
    group.sample_size(20);
    group.throughput(Throughput::Elements(BLOCKS * u64::from(COMMITTED)));
    group.bench_function("20 blocks of 250 transfers, each synced to RocksDB (limit 6 us a transfer)", |b| {
        b.iter_batched(
            || {
                let dir = tempfile::tempdir().unwrap();
                let store = RocksStore::open(dir.path()).unwrap();
                store.commit(&[Commit::genesis(header.clone(), &state)]).unwrap();
                (dir, store)
            },
            |(dir, store)| {
                for (block, done) in &blocks {
                    let commit = Commit {
                        block: Cow::Borrowed(block),
                        certificate: None,
                        receipts: Cow::Borrowed(&done.receipts),
                        writes: Cow::Borrowed(&done.writes),
                    };
                    store.commit(&[commit]).unwrap();
                }
                (dir, store)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, execution, commit);
criterion_main!(benches);
