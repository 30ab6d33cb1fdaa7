//! Costs of the market: matching a full book, placing orders, and the blocks that clear a full book.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "common/chain.rs"]
mod chain;

use chain::{ACCOUNTS, checked, key, spec, verified};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use wattle_primitives::call::energy::*;
use wattle_primitives::call::market::{ORDERS_MAX, Side};
use wattle_primitives::genesis::GenesisMicrogrid;
use wattle_primitives::units::IntervalId;
use wattle_primitives::*;
use wattle_primitives::{Call, call};
use wattle_runtime::modules::market::clearing::{Entry, clear};
use wattle_runtime::*;

/// Members of the microgrid.
const MEMBERS: u32 = 1000;
const _: () = assert!(MEMBERS <= ACCOUNTS);
const INTERVAL_MS: u64 = 900_000;
/// The interval of the orders.
const AT: IntervalId = IntervalId(4);

fn address(n: u32) -> Address {
    Address::of_key(&key(n).public())
}

/// Order number `n` of a book in which about half finds a match; every third names a partner.
fn order(n: u32) -> Entry {
    let scattered = Hash::of(domain::ORDER, &[&n.to_le_bytes()]);
    let roll = |at: usize, sides: u64| {
        u64::from(u32::from_le_bytes([scattered.0[at], scattered.0[at + 1], 0, 0])) % sides
    };
    Entry {
        id: scattered,
        index: n,
        account: address(n % MEMBERS),
        side: if roll(0, 2) == 0 { Side::Buy } else { Side::Sell },
        price: Amount(100_000 + u128::from(roll(2, 1000)) * 100),
        wh: WattHours(100 + roll(4, 5000)),
        partner: (roll(6, 3) == 0).then(|| address((n + 1 + roll(8, 50) as u32) % MEMBERS)),
    }
}

fn clearing(c: &mut Criterion) {
    let book: Vec<Entry> = (0..ORDERS_MAX).map(order).collect();
    let same: Vec<Entry> = book.iter().map(|order| Entry { price: Amount(1), ..order.clone() }).collect();
    let one = |order: &Entry| Entry { account: address(order.index % 2), partner: None, ..order.clone() };
    let two_accounts: Vec<Entry> = book.iter().map(one).collect();
    let mut group = c.benchmark_group("clearing 10000 orders (limit 10 ms)");
    for (name, book) in [("random", &book), ("one price", &same), ("two accounts", &two_accounts)] {
        for rule in [ClearingRule::PayAsBid, ClearingRule::Uniform] {
            group.bench_function(format!("{name}, {rule:?}"), |b| {
                b.iter(|| black_box(clear(rule, black_box(book)).trades.len()));
            });
        }
    }
    group.finish();
}

fn terms() -> Terms {
    let band = TariffBand { from_minute: 0, import_price: Amount(300_000), export_price: Amount(100_000) };
    Terms {
        tariff: BoundedVec::new(vec![band]).unwrap(),
        utc_offset_minutes: 0,
        clearing: ClearingRule::PayAsBid,
        gate_closure_ms: TimeMs(300_000),
        grace_ms: TimeMs(60_000),
        late_window_ms: TimeMs(3_600_000),
        fee_per_kwh: Amount(1_000),
        losses: LossRule::Operator,
        loss_permille_max: 1000,
        credit_limit: Amount(1_000_000),
        installer: None,
        dispute_votes: 0,
        notice_ms: TimeMs(0),
        fees: Fees::default(),
    }
}

fn tx(env: &BlockEnv, sender: u32, nonce: u64, call: Call) -> Tx {
    let body = TxBody {
        chain: env.chain,
        sender: address(sender),
        grant: None,
        lane: Lane(0),
        nonce: Nonce(nonce),
        expires_ms: TimeMs::MAX,
        fee_payer: address(sender),
        max_fee: Amount::MAX,
        tip: Amount(0),
        calls: BoundedVec::new(vec![call]).unwrap(),
    };
    let signature = key(sender).sign(&body.signing_bytes());
    Tx::new(body, vec![Auth { key: key(sender).public(), signature }]).unwrap()
}

/// A state in which all members have joined, and what its next block knows.
fn village() -> (State, BlockEnv, Hash) {
    let mut spec = spec();
    let reference = Hash::ZERO;
    let (operator, asset, interval_ms) = (address(0), AssetId::NATIVE, TimeMs(INTERVAL_MS));
    let meters = Vec::new();
    spec.microgrids =
        vec![GenesisMicrogrid { operator, reference, asset, interval_ms, terms: Some(terms()), meters }];
    let (state, header) = genesis(&spec).unwrap();
    let chain = header.hash();
    let env = BlockEnv {
        params: spec.params,
        chain,
        height: Height(1),
        time_ms: TimeMs(1000),
        parent: chain,
        proposer: key(u32::MAX).public(),
    };
    let microgrid = microgrid_id(&operator, &reference);
    let join = |n: u32| Call::from(SetMember { microgrid, account: address(n), credit_limit: None });
    let txs: Vec<Tx> = (1..MEMBERS).map(|n| tx(&env, 0, u64::from(n) - 1, join(n))).collect();
    let state = execute_block(&state, &env, &verified(checked(&env, &txs))).unwrap().state;
    (state, env, microgrid)
}

/// Orders from number `from` on, each member's in turn.
fn orders(env: &BlockEnv, microgrid: Hash, numbers: std::ops::Range<u32>) -> Vec<VerifiedTx> {
    let place = |n: u32| {
        let Entry { id, side, price, wh, partner, .. } = order(n);
        let (reference, interval, expires_ms) = (id, AT, None);
        Call::from(call::market::PlaceOrder {
            microgrid,
            reference,
            interval,
            side,
            price,
            wh,
            partner,
            expires_ms,
        })
    };
    let joined = |n: u32| if n.is_multiple_of(MEMBERS) { u64::from(MEMBERS) - 1 } else { 0 };
    let txs: Vec<Tx> =
        numbers.map(|n| tx(env, n % MEMBERS, joined(n) + u64::from(n / MEMBERS), place(n))).collect();
    verified(checked(env, &txs))
}

fn placing(c: &mut Criterion) {
    let (empty, mut env, microgrid) = village();
    let first = orders(&env, microgrid, 0..MEMBERS);
    let all = orders(&env, microgrid, 0..ORDERS_MAX);
    let place = |state: State, txs: &[VerifiedTx]| execute_block(&state, &env, txs).unwrap().state;
    let full = all.chunks(5000).fold(empty.clone(), place);
    assert_eq!(full.read(keys::interval(&microgrid, AT)).map(|view| view.orders), Some(ORDERS_MAX));
    let mut group = c.benchmark_group("market");
    group.sample_size(10);
    group.throughput(Throughput::Elements(u64::from(MEMBERS)));
    group.bench_function("place 1000 orders, with roots", |b| {
        b.iter(|| black_box(execute_block(&empty, &env, &first).unwrap().state_root));
    });
    // As much as on a network: a full block is a million units of weight.
    env.params.block_weight_max = Weight(1_000_000);
    env.time_ms = TimeMs(AT.0 * INTERVAL_MS - 300_000);
    group.throughput(Throughput::Elements(u64::from(ORDERS_MAX)));
    group.bench_function("the block that matches 10000 orders, with roots", |b| {
        b.iter(|| black_box(execute_block(&full, &env, &[]).unwrap().state_root));
    });
    group.bench_function("all blocks that clear 10000 orders, with roots", |b| {
        b.iter_batched(
            || (full.clone(), env.clone()),
            |(mut state, env)| {
                let mut blocks = 0u32;
                while query::has_due(&state, env.time_ms) {
                    state = execute_block(&state, &env, &[]).unwrap().state;
                    blocks += 1;
                }
                black_box(blocks)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, clearing, placing);
criterion_main!(benches);
