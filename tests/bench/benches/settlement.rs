//! The cost of an interval of a large microgrid: readings taken in, orders cleared, members settled, losses shared;
//! each with the blocks that it takes under the microgrid preset's weight.
//!
//! `cargo bench -p wattle-bench --bench settlement`; `METERS=n` for another size.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::time::{Duration, Instant};
use wattle_chain_spec::Preset;
use wattle_primitives::call::energy::*;
use wattle_primitives::call::market::{ORDERS_MAX, Side};
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::genesis::{GenesisAccount, GenesisMeter, GenesisMicrogrid, ScheduledSet};
use wattle_primitives::reading::{ClockQuality, MeterRole, Reading, RegisterEncoding, SignedReading};
use wattle_primitives::units::IntervalId;
use wattle_primitives::*;
use wattle_primitives::{Call, call};
use wattle_runtime::*;

const QUARTER_MS: u64 = 900_000;
const GRACE_MS: u64 = 120_000;
const LATE_MS: u64 = 3_600_000;
/// `block_weight_max` of the microgrid preset.
const BLOCK_WEIGHT: Weight = Weight(1_000_000);
/// Readings of one transaction.
const BATCH: usize = READINGS_MAX;

/// The key of member `n`; of its meter when `meter`.
fn key(n: u32, meter: bool) -> SecretKey {
    let mut seed = [u8::from(meter) + 1; 32];
    seed[..4].copy_from_slice(&n.to_le_bytes());
    SecretKey::from_seed(seed)
}

fn address(n: u32) -> Address {
    Address::of_key(&key(n, false).public())
}

fn terms(clearing: ClearingRule) -> Terms {
    let band = |minute, import: u128| TariffBand {
        from_minute: minute,
        import_price: Amount(import),
        export_price: Amount(80_000),
    };
    Terms {
        tariff: BoundedVec::new(vec![band(0, 250_000), band(420, 350_000), band(1320, 250_000)]).unwrap(),
        utc_offset_minutes: 60,
        clearing,
        gate_closure_ms: TimeMs(300_000),
        grace_ms: TimeMs(GRACE_MS),
        late_window_ms: TimeMs(LATE_MS),
        fee_per_kwh: Amount(5_000),
        losses: LossRule::ProRata,
        loss_permille_max: 30,
        credit_limit: Amount(10_000_000),
        installer: None,
        dispute_votes: 0,
        notice_ms: TimeMs(0),
        fees: Fees::default(),
    }
}

/// A microgrid of `meters` members with a meter each, the first of them the feeder.
struct Village {
    state: State,
    env: BlockEnv,
    id: Hash,
    meters: u32,
    nonces: Vec<u64>,
    readings: u64,
}

fn genesis_of(meters: u32, clearing: ClearingRule) -> Genesis {
    let mut accounts: Vec<_> = (0..meters)
        .map(|n| GenesisAccount { key: key(n, false).public(), balance: Amount(1 << 60) })
        .collect();
    accounts.sort_by_key(|account| account.key);
    let validator = Validator { key: key(u32::MAX, false).public(), power: VotingPower(1) };
    let meter = |n: u32| GenesisMeter {
        key: key(n, true).public(),
        owner: address(n),
        encoding: RegisterEncoding::Uint64Wh,
        role: if n == 0 { MeterRole::Feeder } else { MeterRole::Sub },
        power_max_w: u32::MAX,
        allowance: Amount(0),
    };
    let microgrid = GenesisMicrogrid {
        operator: address(0),
        reference: Hash::ZERO,
        asset: AssetId::NATIVE,
        interval_ms: TimeMs(QUARTER_MS),
        terms: Some(terms(clearing)),
        meters: (0..meters).map(meter).collect(),
    };
    let set = ScheduledSet { from_epoch: Epoch(0), validators: ValidatorSet::new(vec![validator]).unwrap() };
    let params = Params {
        block_bytes_max: 1 << 20,
        block_weight_max: Weight(1 << 40),
        weight_price: Amount(0),
        account_deposit: Amount(0),
        bandwidth_rate: Weight(1 << 40),
        bandwidth_capacity: Weight(1 << 40),
        ..Preset::Devnet.template().unwrap().genesis.params
    };
    Genesis {
        chain_id: "bench".to_owned(),
        time_ms: TimeMs(1),
        native_symbol: "WAT".parse().unwrap(),
        native_scale: 6,
        params,
        validator_sets: vec![set],
        accounts,
        microgrids: vec![microgrid],
    }
}

impl Village {
    fn new(meters: u32, clearing: ClearingRule) -> Self {
        let mut spec = genesis_of(meters, clearing);
        let (state, header) = genesis(&spec).unwrap();
        spec.params.block_bytes_max = u32::MAX; // everybody's readings in one block
        let chain = header.hash();
        let proposer = key(u32::MAX, false).public();
        let env = BlockEnv {
            params: spec.params,
            chain,
            height: Height(1),
            time_ms: TimeMs(2),
            parent: chain,
            proposer,
        };
        let id = microgrid_id(&address(0), &Hash::ZERO);
        Self { state, env, id, meters, nonces: vec![0; meters as usize], readings: 0 }
    }

    fn tx(&mut self, sender: u32, call: Call) -> CheckedTx {
        let nonce = &mut self.nonces[sender as usize];
        let body = TxBody {
            chain: self.env.chain,
            sender: address(sender),
            grant: None,
            lane: Lane(0),
            nonce: Nonce(*nonce),
            expires_ms: TimeMs::MAX,
            fee_payer: address(sender),
            max_fee: Amount::MAX,
            tip: Amount(0),
            calls: BoundedVec::new(vec![call]).unwrap(),
        };
        *nonce += 1;
        let signature = key(sender, false).sign(&body.signing_bytes());
        let tx = Tx::new(body, vec![Auth { key: key(sender, false).public(), signature }]).unwrap();
        CheckedTx::check(tx, &self.env.chain, &self.env.params).unwrap()
    }

    /// Everybody's reading at `at_ms`, in transactions of [`BATCH`].
    fn readings(&mut self, at_ms: u64) -> Vec<CheckedTx> {
        self.readings += 1;
        let words = |wh: u64| BoundedVec::new(vec![0, 0, (wh >> 16) as u16, wh as u16]).unwrap();
        let read = |n: u32| {
            let own = u64::from(n % 7) * 40;
            let wh = if n == 0 { (1..self.meters).map(|n| u64::from(n % 7) * 40).sum() } else { own };
            let reading = Reading {
                meter: Address::of_key(&key(n, true).public()),
                seq: self.readings,
                boot_id: 1,
                uptime_ms: at_ms,
                time_ms: TimeMs(at_ms),
                clock: ClockQuality::Synced,
                import: words(wh * self.readings),
                export: words(if n.is_multiple_of(5) && n > 0 { 30 * self.readings } else { 0 }),
            };
            let signature = key(n, true).sign(&reading.signing_bytes(&self.env.chain));
            SignedReading { reading, key: key(n, true).public(), signature }
        };
        let all: Vec<SignedReading> = (0..self.meters).map(read).collect();
        let calls = all.chunks(BATCH).map(|chunk| BoundedVec::new(chunk.to_vec()).unwrap());
        let calls: Vec<_> = calls.map(|readings| Call::from(SubmitReadings { readings })).collect();
        calls.into_iter().map(|call| self.tx(0, call)).collect()
    }

    /// An order of each member for an interval.
    fn orders(&mut self, interval: IntervalId) -> Vec<CheckedTx> {
        let place = |n: u32, microgrid| {
            Call::from(call::market::PlaceOrder {
                microgrid,
                reference: Hash([7; 32]),
                interval,
                side: if n.is_multiple_of(2) { Side::Buy } else { Side::Sell },
                price: Amount(150_000 + u128::from(n * 37 % 1000) * 100),
                wh: WattHours(u64::from(n * 13 % 300) + 1),
                partner: None,
                expires_ms: None,
            })
        };
        (0..self.meters.min(ORDERS_MAX)).map(|n| self.tx(n, place(n, self.id))).collect()
    }

    fn run(&mut self, txs: &[VerifiedTx]) -> Executed {
        let done = execute_block(&self.state, &self.env, txs).unwrap();
        self.state = done.state.clone();
        self.env.height = self.env.height.next();
        done
    }

    /// Runs empty blocks under the preset's weight until nothing is due at `at_ms`.
    fn work_off(&mut self, at_ms: u64) -> Worked {
        self.env.time_ms = TimeMs(at_ms.max(self.env.time_ms.0));
        let mut params = self.env.params.clone();
        std::mem::swap(&mut params, &mut self.env.params);
        self.env.params.block_weight_max = BLOCK_WEIGHT;
        let mut worked = Worked::default();
        while query::has_due(&self.state, self.env.time_ms) {
            let start = Instant::now();
            let done = self.run(&[]);
            let took = start.elapsed();
            worked.blocks += 1;
            worked.total += took;
            worked.longest = worked.longest.max(took);
            worked.events += done.receipts.block.len();
        }
        self.env.params = params;
        worked
    }
}

/// The preset's time between two blocks: what one may take.
const BLOCK_TIME: Duration = Duration::from_millis(500);

/// Blocks and time that working off took.
#[derive(Clone, Copy, Debug, Default)]
struct Worked {
    blocks: u32,
    total: Duration,
    longest: Duration,
    events: usize,
}

fn report(what: &str, worked: Worked) {
    let Worked { blocks, total, longest, events } = worked;
    let slot = BLOCK_TIME.as_millis();
    println!(
        "{what:<44} {total:>10.1?} in {blocks:>3} blocks, longest {longest:>8.1?} of {slot} ms, {events} events"
    );
}

/// Takes in everybody's readings; signatures and execution apart.
fn ingest(village: &mut Village, at_ms: u64) -> (Duration, Duration) {
    village.env.time_ms = TimeMs(at_ms + 1000);
    let txs = village.readings(at_ms);
    let start = Instant::now();
    let verified: Vec<VerifiedTx> = verify_all(txs).into_iter().map(Result::unwrap).collect();
    let signatures = start.elapsed();
    let start = Instant::now();
    let done = village.run(&verified);
    let execution = start.elapsed();
    let refused = done
        .receipts
        .events()
        .filter(|(_, e)| matches!(e, Event::Energy(EnergyEvent::ReadingRefused { .. })))
        .count();
    assert_eq!(refused, 0);
    (signatures, execution)
}

fn interval(meters: u32, clearing: ClearingRule) {
    let mut village = Village::new(meters, clearing);
    let at = |interval: u64| interval * QUARTER_MS;
    village.work_off(at(1));
    ingest(&mut village, at(1));
    village.work_off(at(2));
    if matches!(clearing, ClearingRule::PayAsBid | ClearingRule::Uniform) {
        let txs = village.orders(IntervalId(3));
        let verified: Vec<VerifiedTx> = verify_all(txs).into_iter().map(Result::unwrap).collect();
        village.run(&verified);
        let orders = village.state.read(keys::interval(&village.id, IntervalId(3))).map(|view| view.orders);
        assert_eq!(orders, Some(meters.min(ORDERS_MAX)));
        let worked = village.work_off(at(3) - 300_000);
        report(&format!("{clearing:?}: clear {} orders", meters.min(ORDERS_MAX)), worked);
    }
    for n in [2, 3] {
        village.work_off(at(n) + 1);
        ingest(&mut village, at(n));
    }
    village.work_off(at(3) + GRACE_MS);
    village.work_off(at(4) + 1);
    let (signatures, execution) = ingest(&mut village, at(4));
    let rate = |took: Duration| u128::from(meters) * 1_000_000 / took.as_micros().max(1);
    println!(
        "{clearing:?}: take in {meters} readings: {}/s executed with roots, {}/s signatures, {}/s both",
        rate(execution),
        rate(signatures),
        rate(signatures + execution)
    );
    let worked = village.work_off(at(4) + GRACE_MS);
    report(&format!("{clearing:?}: settle {meters} meters"), worked);
    village.work_off(at(4) + LATE_MS - 1);
    let worked = village.work_off(at(4) + LATE_MS);
    report(&format!("{clearing:?}: end an interval, losses pro rata"), worked);
}

fn main() {
    let meters = std::env::var("METERS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    for clearing in [ClearingRule::Tariff, ClearingRule::MidMarket, ClearingRule::PayAsBid] {
        interval(meters, clearing);
    }
}
