//! Cost of settlement: a large microgrid does not stall a block, and no call touches more than it weighs.

use super::late::HOUR;
use super::lines::{FEBRUARY, fees, with};
use super::*;
use crate::execute::tx::Verified;
use crate::modules::Action;
use crate::modules::energy::upkeep::STEP_KEYS;
use crate::modules::{Ctx, on_block, weights};
use crate::overlay::Overlay;
use crate::query;
use std::sync::Arc;
use wattle_primitives::event::EnergyEvent;

const METERS: u32 = 10_000;
/// The heaviest single step of settlement: a member's line, with what looking for the work takes.
const STEP: u64 = STEP_KEYS * weights::KEY;

/// A meter's key; the account of the same key owns it.
fn seat(n: u32) -> SecretKey {
    let mut seed = [9; 32];
    seed[..4].copy_from_slice(&n.to_le_bytes());
    SecretKey::from_seed(seed)
}

/// Everybody's reading number `seq`, as if its signature had been verified.
fn everybodys(world: &World, keys: &[PublicKey], seq: u64, at: u64) -> Vec<VerifiedTx> {
    let reading = |key: &PublicKey| Reading {
        meter: Address::of_key(key),
        seq,
        boot_id: 1,
        uptime_ms: at,
        time_ms: TimeMs(at),
        clock: ClockQuality::Synced,
        import: BoundedVec::new(vec![0, 0, 0, seq as u16 * 90]).unwrap(),
        export: BoundedVec::new(vec![0, 0, 0, seq as u16 * u16::from(key.0[0] % 2) * 200]).unwrap(),
    };
    let signed =
        |key: &PublicKey| SignedReading { reading: reading(key), key: *key, signature: Signature([0; 64]) };
    let all: Vec<_> = keys.iter().map(signed).collect();
    let first = query::nonce(&world.state, &address(1), Lane(0)).0;
    let batches = (first..).zip(all.chunks(128));
    let call = |chunk: &[SignedReading]| {
        Call::from(call::energy::SubmitReadings { readings: BoundedVec::new(chunk.to_vec()).unwrap() })
    };
    batches
        .map(|(nonce, chunk)| {
            let body = TxBody { nonce: Nonce(nonce), ..world.body(1, vec![call(chunk)]) };
            let auth = Auth { key: key(1).public(), signature: Signature([0; 64]) };
            let tx = Tx::new(body, vec![auth]).unwrap();
            let checked = CheckedTx::check(tx, &world.env.chain, &world.env.params).unwrap();
            VerifiedTx(Arc::new(Verified { checked, verdicts: vec![true; chunk.len()] }))
        })
        .collect()
}

/// A microgrid of so many meters, each of a member of its own, on a chain that begins at `from`.
fn large(terms: Terms, from: u64) -> (World, Vec<PublicKey>) {
    let roomy = Params {
        bandwidth_rate: Weight(1 << 40),
        bandwidth_capacity: Weight(1 << 44),
        block_bytes_max: u32::MAX,
        block_weight_max: Weight(1 << 40),
        ..params()
    };
    let mut spec = Genesis { time_ms: TimeMs(from), ..spec(params()) };
    let keys: Vec<PublicKey> = (0..METERS).map(|n| seat(n).public()).collect();
    let account = |key: &PublicKey| GenesisAccount { key: *key, balance: Amount(500_000) };
    spec.accounts.extend(keys.iter().map(account));
    spec.accounts.sort_by_key(|account| account.key);
    let meter = |key: &PublicKey| GenesisMeter {
        key: *key,
        owner: Address::of_key(key),
        encoding: RegisterEncoding::Uint64Wh,
        role: MeterRole::Sub,
        power_max_w: 20_000,
        allowance: Amount(0),
    };
    spec.microgrids[0].meters = keys.iter().map(meter).collect();
    spec.microgrids[0].terms = Some(terms);
    let (state, header) = genesis(&spec).unwrap();
    let mut world = World::new(params());
    (world.state, world.env.chain, world.env.params) = (state, header.hash(), roomy);
    (world, keys)
}

/// Runs what is due under a budget and says what was used, without transactions.
fn work(world: &mut World, budget: u64) -> (u64, usize, Vec<Event>) {
    let env = world.env.clone();
    let state = world.state.clone();
    let mut ctx = Ctx::new(Overlay::new(&state), &env);
    let used = on_block(&mut ctx, Weight(budget));
    let (events, touched) = (ctx.take_events(), ctx.state.touched());
    world.state = ctx.state.finish().0;
    (used.0, touched, events)
}

/// Has every meter read at the edges of so many intervals from `first` on, and the last of them settled under the
/// budgets of blocks. Returns what that said.
fn last_is_settled(terms: Terms, first: u64, intervals: u64) -> Vec<Event> {
    let (mut world, keys) = large(terms, first - QUARTER);
    for edge in 0..=intervals {
        let at = first + edge * QUARTER;
        world.env.time_ms = TimeMs(at + 1000);
        while query::has_due(&world.state, world.env.time_ms) {
            work(&mut world, 1 << 40);
        }
        let txs = everybodys(&world, &keys, edge + 1, at);
        let done = execute_block(&world.state, &world.env, &txs).unwrap();
        let accepted =
            |(_, event): (_, &Event)| matches!(event, Event::Energy(EnergyEvent::ReadingAccepted { .. }));
        assert_eq!(done.receipts.events().filter(|e| accepted((e.0, e.1))).count(), keys.len());
        world.state = done.state;
    }
    world.env.time_ms = TimeMs(first + intervals * QUARTER + 60_000);
    let budget = 1_000_000 / 8; // what a block of the microgrid preset leaves for it
    let (mut blocks, mut told) = (0, Vec::new());
    while query::has_due(&world.state, world.env.time_ms) {
        let (used, touched, events) = work(&mut world, budget);
        // Half of energy's share, then half of what the other kinds left.
        assert!(used <= budget / 4 + budget * 3 / 8 + 2 * STEP, "{used}");
        assert!(touched as u64 * weights::KEY <= used, "{touched} keys for {used}");
        blocks += 1;
        told.extend(events);
    }
    let settled = |event: &&Event| matches!(event, Event::Energy(EnergyEvent::EnergySettled { .. }));
    assert_eq!(told.iter().filter(settled).count(), keys.len());
    assert!(blocks > 10, "{blocks}");
    invariants(&world.state).unwrap();
    told
}

#[test]
fn ten_thousand_meters_settle_over_several_blocks_within_each_ones_budget() {
    let terms = Terms { clearing: ClearingRule::MidMarket, ..terms() };
    let told = last_is_settled(terms, T0 + QUARTER, 1);
    assert!(!told.iter().any(|event| matches!(event, Event::Energy(EnergyEvent::LineCharged { .. }))));
}

/// The first interval of a month posts the lines of the month before as well, and the fee of the one that begins.
#[test]
fn ten_thousand_meters_begin_a_month_within_each_blocks_budget() {
    let terms = Terms { clearing: ClearingRule::MidMarket, ..with(fees()) };
    let told = last_is_settled(terms, FEBRUARY - QUARTER, 2);
    let count = |kind: LineKind| {
        let of_kind = |event: &&Event| {
            matches!(event, Event::Energy(EnergyEvent::LineCharged { line, tax, .. })
                if *line == kind && *tax > Amount(0))
        };
        told.iter().filter(of_kind).count()
    };
    let of_users = (0..METERS).filter(|n| seat(*n).public().0[0].is_multiple_of(2)).count(); // the others deliver more
    let kinds = [LineKind::Monthly, LineKind::Demand, LineKind::Energy];
    assert_eq!(kinds.map(count), [METERS as usize, of_users, of_users]);
}

/// Months of work that fall due at once keep nobody else waiting.
#[test]
fn a_backlog_of_one_microgrid_does_not_hold_up_another() {
    let mut world = World::new(params());
    let mut ids = Vec::new();
    for n in 1..=12u8 {
        let (reference, asset, interval_ms) = (Hash([n; 32]), AssetId::NATIVE, TimeMs(60_000));
        world.ok(1, Call::from(call::energy::RegisterMicrogrid { reference, asset, interval_ms }));
        ids.push(microgrid_id(&address(1), &reference));
    }
    let start = |world: &mut World, id: Hash| {
        let terms = Box::new(Terms { grace_ms: TimeMs(0), late_window_ms: TimeMs(60_000), ..terms() });
        world.ok(1, Call::from(call::energy::SetTerms { microgrid: id, terms }));
    };
    let (last, backlogged) = ids.split_last().unwrap();
    backlogged.iter().for_each(|id| start(&mut world, *id));
    let settled =
        |world: &World, id: &Hash| world.state.read(keys::microgrid(id)).unwrap().agenda.unwrap().settle.0;
    let before: Vec<u64> = backlogged.iter().map(|id| settled(&world, id)).collect();
    // The chain stands still for two months, all but for this.
    world.env.time_ms = TimeMs(world.env.time_ms.0 + 60 * 24 * HOUR);
    let blocks = |world: &mut World, count: u64| {
        for _ in 0..count {
            work(world, 20_000);
            world.env.time_ms = TimeMs(world.env.time_ms.0 + 1000);
        }
    };
    blocks(&mut world, 24);
    let done: Vec<u64> = backlogged.iter().zip(&before).map(|(id, at)| settled(&world, id) - at).collect();
    assert!(done.iter().all(|done| *done > 5), "{done:?}");
    assert!(done.iter().sum::<u64>() < 11 * 80_000, "{done:?}");
    start(&mut world, *last);
    let first = settled(&world, last);
    blocks(&mut world, 180);
    assert!(settled(&world, last) > first, "{first}");
}

/// However sparse readings are, and however much of their time is settled.
#[test]
fn readings_touch_no_more_keys_than_they_weigh() {
    let mut village = Village::new(params(), &Terms { losses: LossRule::ProRata, ..terms() });
    let mut feeder = village.meter(70, 1, MeterRole::Feeder);
    let mut sim = village.meter(52, 2, MeterRole::Sub);
    let (chain, start) = (village.world.env.chain, village.first_ms);
    village.go(start + 1000);
    let first = [&mut feeder, &mut sim].map(|sim| sim.read(chain, start, 0, ClockQuality::Synced));
    village.submit(first.to_vec());
    for spans in [vec![QUARTER], vec![1_000, 20 * QUARTER], vec![96 * QUARTER; 3], vec![333_333; 40]] {
        let from = village.now();
        village.go(from + spans.iter().sum::<u64>());
        let mut at = from;
        let mut read = |span: &u64| {
            at += span;
            sim.import += 3;
            sim.export += 1;
            sim.read(chain, at, 0, ClockQuality::Synced)
        };
        let readings: Vec<_> = spans.iter().map(&mut read).collect();
        let call =
            Call::from(call::energy::SubmitReadings { readings: BoundedVec::new(readings.clone()).unwrap() });
        let env = village.world.env.clone();
        let mut ctx = Ctx::new(Overlay::new(&village.world.state), &env);
        ctx.begin(Parties::alone(address(1)), &vec![true; readings.len()]);
        call.execute(&mut ctx).unwrap();
        let signatures = weights::SIGNATURE * readings.len() as u64;
        let (touched, weight) = (ctx.state.touched() as u64, call.weight().0 - signatures);
        assert!(touched * weights::KEY <= weight, "{touched} keys for {weight}: {spans:?}");
        assert!(village.submit(readings).iter().all(Result::is_ok));
    }
}
