//! Costs of the state commitment, beside the Jellyfish Merkle tree of the `jmt` crate in the same run.
//!
//! Both hash with BLAKE3 and hold everything in memory. Ours is asked for what the node asks of it: a new state that
//! shares the old one, with its root. The other for the same: its root, and its nodes written back.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jmt::mock::MockTreeStore;
use jmt::{JellyfishMerkleTree, KeyHash, SimpleHasher};
use std::hint::black_box;
use wattle_primitives::trie::key_hash;
use wattle_runtime::State;
use wattle_runtime::state::Write;

/// Bytes of a balance record, about.
const VALUE_BYTES: usize = 64;
/// Keys in the tree that is updated.
const KEYS: u32 = 200_000;
/// Keys updated together: those of a block of a thousand transfers.
const UPDATED: usize = 2000;
/// Keys of the rebuild, and of the tree whose memory is told.
const MANY: u32 = 1_000_000;

struct Blake3(blake3::Hasher);

impl SimpleHasher for Blake3 {
    fn new() -> Self {
        Self(blake3::Hasher::new())
    }
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
    fn finalize(self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}

fn entries(count: u32) -> Vec<(Vec<u8>, Vec<u8>)> {
    let key = |n: u32| [&[0x11u8; 34], &n.to_le_bytes()[..]].concat();
    (0..count).map(|n| (key(n), vec![n as u8; VALUE_BYTES])).collect()
}

fn update(c: &mut Criterion) {
    let all = entries(KEYS);
    let changed: Vec<_> = all
        .iter()
        .step_by(all.len() / UPDATED)
        .map(|(key, _)| (key_hash(key), key.clone(), vec![7u8; VALUE_BYTES]))
        .collect();
    let mut group = c.benchmark_group("update 2000 of 200000 keys");
    group.sample_size(20);
    group.throughput(Throughput::Elements(changed.len() as u64));
    let state = State::from_entries(all.clone());
    group.bench_function("wattle (limit 3 us a key)", |b| {
        b.iter(|| {
            let write =
                |(position, key, value): &'_ (_, Vec<u8>, Vec<u8>)| (*position, key.clone(), value.clone());
            let owned: Vec<_> = changed.iter().map(write).collect();
            let writes = owned.iter().map(|(position, key, value)| Write {
                key,
                position: *position,
                value: Some(value),
            });
            black_box(state.apply(writes).root())
        });
    });
    let store = MockTreeStore::default();
    let tree = JellyfishMerkleTree::<_, Blake3>::new(&store);
    let placed = |key: &[u8]| KeyHash(key_hash(key).0);
    let values = all.iter().map(|(key, value)| (placed(key), Some(value.clone())));
    let (_, batch) = tree.put_value_set(values, 0).unwrap();
    store.write_tree_update_batch(batch).unwrap();
    let mut version = 0;
    group.bench_function("jmt 0.12", |b| {
        b.iter(|| {
            version += 1;
            let values =
                changed.iter().map(|(position, _, value)| (KeyHash(position.0), Some(value.clone())));
            let (root, batch) = tree.put_value_set(values, version).unwrap();
            store.write_tree_update_batch(batch).unwrap();
            black_box(root)
        });
    });
    group.finish();
}

fn rebuild(c: &mut Criterion) {
    let many = entries(MANY);
    let before = resident_bytes();
    let state = State::from_entries(many.clone());
    let held = resident_bytes().saturating_sub(before);
    println!("resident memory at {MANY} keys: {} bytes a key (limit 350)", held / u64::from(MANY));
    drop(state);
    let mut group = c.benchmark_group("rebuild");
    group.sample_size(10);
    group.throughput(Throughput::Elements(u64::from(MANY)));
    group.bench_function("1000000 keys (limit 1 s)", |b| {
        b.iter_batched(
            || many.clone(),
            |many| black_box(State::from_entries(many).root()),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// Resident memory of this process in bytes; pages of 4 KiB, as on every machine that this runs on.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

criterion_group!(benches, rebuild, update);
criterion_main!(benches);
