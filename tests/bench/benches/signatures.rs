//! The cost of one signature, alone and in batches.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use wattle_primitives::batch::Batch;
use wattle_primitives::{PublicKey, SecretKey, Signature};

fn signed(n: usize) -> (PublicKey, [u8; 64], Signature) {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&(n as u64).to_le_bytes());
    let (key, message) = (SecretKey::from_seed(seed), [n as u8; 64]);
    (key.public(), message, key.sign(&message))
}

fn batch(items: &[(PublicKey, [u8; 64], Signature)]) -> Batch {
    let mut batch = Batch::with_capacity(items.len());
    for (key, message, signature) in items {
        batch.push(key, message, signature);
    }
    batch
}

fn verification(c: &mut Criterion) {
    let all: Vec<_> = (0..1024).map(signed).collect();
    let mut group = c.benchmark_group("verify");
    group.sample_size(20);
    group.throughput(Throughput::Elements(1));
    let (key, message, signature) = &all[0];
    group.bench_function("single", |b| b.iter(|| key.verify(black_box(message), signature).unwrap()));
    for size in [4, 16, 64, 256, 1024] {
        group.throughput(Throughput::Elements(size as u64));
        group.bench_with_input(BenchmarkId::new("batch", size), &all[..size], |b, items| {
            b.iter(|| batch(items).verify().unwrap());
        });
    }
    let mut spoiled = all.clone();
    spoiled[700].2 = spoiled[701].2;
    group.bench_function("batch of 1024 with one bad signature", |b| {
        b.iter(|| assert!(batch(&spoiled).verdicts()[700].is_err()));
    });
    group.finish();
}

criterion_group!(benches, verification);
criterion_main!(benches);
