//! Random worlds: meters that are late, silent, duplicated or wrong about the time, all clearing rules, orders, changes
//! of terms, swaps, empty wallets, outages of the chain. Money and energy add up after every block.

use super::*;
use crate::execute::tests::oracle::Dice;
use crate::modules::energy::tab::TAX;
use wattle_primitives::call;
use wattle_primitives::call::energy::{MeterSwap, Tax};
use wattle_primitives::call::market::Side;

const HOUR: u64 = 3_600_000;

/// A meter, what flowed through it since its first reading, and readings that wait to be sent.
struct Home {
    sim: Sim,
    owner: u8,
    /// Registers at the first reading: nothing before counts.
    opening: (u64, u64),
    queue: Vec<SignedReading>,
    online: bool,
    clock_off: i64,
}

/// Registers of all meters of a person, in Wh: closed ones and standing ones.
type Shown = BTreeMap<u8, (i128, i128)>;

fn random_terms(dice: &mut Dice) -> Terms {
    let rules =
        [ClearingRule::Tariff, ClearingRule::PayAsBid, ClearingRule::Uniform, ClearingRule::MidMarket];
    let mut bands = Vec::new();
    for n in 0..=dice.roll(4) as u16 {
        let import = u128::from(dice.roll(500_000));
        bands.push(TariffBand {
            from_minute: n * 300 + dice.roll(300) as u16,
            import_price: Amount(import),
            export_price: Amount(import * u128::from(dice.roll(11)) / 10),
        });
    }
    let grace = dice.roll(if bands.len() == 1 { 9 * QUARTER } else { 2 * QUARTER + 1 });
    Terms {
        tariff: BoundedVec::new(bands).unwrap(),
        utc_offset_minutes: dice.roll(1560) as i16 - 720,
        clearing: rules[dice.roll(4) as usize],
        gate_closure_ms: TimeMs(dice.roll(3) * QUARTER / 2),
        grace_ms: TimeMs(grace),
        late_window_ms: TimeMs(grace + 1 + dice.roll(8 * QUARTER)),
        fee_per_kwh: Amount(u128::from(dice.roll(50_000))),
        losses: if dice.roll(2) == 0 { LossRule::Operator } else { LossRule::ProRata },
        fees: random_fees(dice),
        ..terms()
    }
}

fn random_fees(dice: &mut Dice) -> Fees {
    let mut amount = |most| Amount(u128::from(dice.roll(2) * dice.roll(most)));
    let (monthly, demand_per_kw, connection) = (amount(50_000), amount(10_000), amount(50_000));
    let kinds = [LineKind::Energy, LineKind::Monthly, LineKind::Demand, LineKind::Connection];
    let mut tax = |code| Tax {
        code,
        permille: dice.roll(500) as u16,
        on: BoundedVec::new(kinds.into_iter().filter(|_| dice.roll(2) == 0).collect()).unwrap(),
    };
    let taxes = BoundedVec::new(vec![tax(1), tax(2)]).unwrap();
    Fees { monthly, demand_per_kw, connection, taxes }
}

/// The operator charges or gives something: refused or not, money must add up.
fn line(village: &mut Village, dice: &mut Dice) {
    let kinds =
        [LineKind::Connection, LineKind::Credit, LineKind::WriteOff, LineKind::Refund, LineKind::TaxPaid];
    let kind = kinds[dice.roll(5) as usize];
    let person = if kind == LineKind::TaxPaid { 1 } else { dice.roll(5) as u8 + 2 };
    let call = Call::from(call::energy::ChargeLine {
        microgrid: village.id,
        account: address(person),
        kind,
        amount: Amount(u128::from(dice.roll(20_000) + 1)),
        reason: Hash([dice.roll(250) as u8; 32]),
    });
    village.run(1, call);
}

fn homes(village: &mut Village, dice: &mut Dice) -> Vec<Home> {
    let mut homes = Vec::new();
    for n in 0..dice.roll(5) + 2 {
        let owner = if n == 0 { 1 } else { dice.roll(5) as u8 + 2 };
        let role = if n == 0 { MeterRole::Feeder } else { MeterRole::Sub };
        let sim = village.meter(70 + n as u8, owner, role);
        let opening = (sim.import, sim.export);
        homes.push(Home { sim, owner, opening, queue: Vec::new(), online: true, clock_off: 0 });
    }
    homes
}

/// Time passes for a home: energy flows, and perhaps it reads.
fn live(village: &Village, dice: &mut Dice, home: &mut Home, ms: u64) {
    let most = (20_000 * ms / HOUR).min(3_000);
    home.sim.import += dice.roll(most + 1);
    home.sim.export += dice.roll(most + 1) * dice.roll(2);
    if dice.roll(20) == 0 {
        home.online = !home.online;
    }
    if dice.roll(40) == 0 {
        (home.sim.boot_id, home.sim.booted_ms) = (dice.roll(1 << 40), village.now());
    }
    if dice.roll(30) == 0 {
        home.clock_off =
            [0, 0, 30 * 24 * HOUR as i64, -(30 * 24 * HOUR as i64), 5_000][dice.roll(5) as usize];
    }
    if dice.roll(3) > 0 {
        let clock = [ClockQuality::Synced, ClockQuality::Chain, ClockQuality::Unset][dice.roll(3) as usize];
        let reading = home.sim.read(village.world.env.chain, village.now(), home.clock_off, clock);
        home.queue.push(reading);
    }
}

fn deliver(village: &mut Village, dice: &mut Dice, homes: &mut [Home]) {
    let mut batch = Vec::new();
    for home in homes.iter_mut().filter(|home| home.online) {
        let mut sent: Vec<_> = home.queue.drain(..).collect();
        sent.retain(|_| dice.roll(15) > 0); // lost
        if let Some(last) = sent.last().cloned().filter(|_| dice.roll(5) == 0) {
            sent.push(last); // and again
        }
        batch.extend(sent);
    }
    for readings in batch.chunks(128) {
        for result in village.submit(readings.to_vec()) {
            let fine = matches!(result, Ok(()) | Err(Reason::DuplicateReading | Reason::ImplausibleReading));
            assert!(fine, "{result:?}");
        }
    }
}

fn trade(village: &mut Village, dice: &mut Dice) {
    let now = village.now() / QUARTER;
    let call = Call::from(call::market::PlaceOrder {
        microgrid: village.id,
        reference: Hash([dice.roll(250) as u8; 32]),
        interval: IntervalId(now + dice.roll(5)),
        side: if dice.roll(2) == 0 { Side::Buy } else { Side::Sell },
        price: Amount(u128::from(dice.roll(400_000))),
        wh: WattHours(dice.roll(1_500) + 1),
        partner: None,
        expires_ms: None,
    });
    village.run(dice.roll(6) as u8 + 1, call); // refused or not: money and energy must add up
}

/// A meter is replaced at what its register shows.
fn swap(village: &mut Village, home: &mut Home, shown: &mut Shown, new: u8) {
    let zero = || BoundedVec::new(vec![0, 0]).unwrap();
    let swap = MeterSwap {
        old: address(home.sim.n),
        final_import_wh: WattHours(home.sim.import),
        final_export_wh: WattHours(home.sim.export),
        new: key(new).public(),
        encoding: RegisterEncoding::Uint32Wh,
        power_max_w: 20_000,
        opening_import: zero(),
        opening_export: zero(),
        time_ms: TimeMs(village.now()),
    };
    village.ok(1, signed(&village.world.env.chain, swap, 1, new));
    close(home, shown);
    home.sim = Sim { import: 0, export: 0, ..Sim::new(new, village.now()) };
    home.opening = (0, 0);
    home.queue.clear();
}

fn close(home: &Home, shown: &mut Shown) {
    if home.owner != 1 {
        let of = shown.entry(home.owner).or_default();
        of.0 += i128::from(home.sim.import - home.opening.0);
        of.1 += i128::from(home.sim.export - home.opening.1);
    }
}

/// Every line of money and energy once: traded + imbalance = measured, and nothing is made or lost.
fn check(village: &Village) {
    village.check_tabs();
    let funds: i128 = (1..=6)
        .map(|n| {
            let (available, pending) = village.world.funds(n);
            available as i128 + pending as i128
        })
        .sum();
    let tabs: i128 = (1..=6)
        .filter(|n| village.record::<Member>(keys::member(&village.id, &address(*n))).is_some())
        .map(|n| village.tab(n))
        .sum();
    // All money is in wallets, or was paid in for tabs that others are still owed.
    assert_eq!(funds + tabs + village.balance(TAX), 6 * START.0 as i128);
}

fn play(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let weight = [30_000, 100_000, 1_000_000][dice.roll(3) as usize];
    let params = Params {
        block_weight_max: Weight(weight),
        bandwidth_rate: Weight(1 << 40),
        bandwidth_capacity: Weight(1 << 44),
        ..params()
    };
    let terms = random_terms(&mut dice);
    let mut village = Village::new(params, &terms);
    let mut homes = homes(&mut village, &mut dice);
    let (mut shown, mut next_meter) = (Shown::new(), 100);
    village.go(village.first_ms + 1000);
    let chain = village.world.env.chain;
    let first: Vec<_> =
        homes.iter_mut().map(|home| home.sim.read(chain, village.now(), 0, ClockQuality::Synced)).collect();
    village.submit(first);
    if dice.roll(3) == 0 {
        let rest = village.funds(3);
        village.world.run(3, vec![transfer(6, rest)]);
    }
    for _ in 0..60 {
        let outage = dice.roll(25) == 0;
        let ms = if outage { dice.roll(4 * 24 * HOUR) } else { dice.roll(2 * QUARTER) } + 10_000;
        let steps = (ms / QUARTER).min(300) + 1;
        for _ in 0..steps {
            village.world.env.time_ms = TimeMs(village.now() + ms / steps);
            homes.iter_mut().for_each(|home| live(&village, &mut dice, home, ms / steps));
        }
        if dice.roll(3) == 0 {
            village.go(village.now());
        }
        deliver(&mut village, &mut dice, &mut homes);
        if dice.roll(2) == 0 {
            trade(&mut village, &mut dice);
        }
        if dice.roll(4) == 0 {
            line(&mut village, &mut dice);
        }
        if dice.roll(12) == 0 {
            let terms = Box::new(random_terms(&mut dice));
            village.ok(1, Call::from(call::energy::SetTerms { microgrid: village.id, terms }));
        }
        if dice.roll(20) == 0 && next_meter < 120 {
            let at = dice.roll(homes.len() as u64) as usize;
            swap(&mut village, &mut homes[at], &mut shown, next_meter);
            next_meter += 1;
        }
        village.go(village.now());
        check(&village);
    }
    // Everybody comes back with the right time, as soon as so much energy can have flowed.
    village.world.env.time_ms = TimeMs(village.now() + 40 * HOUR);
    let now = village.now();
    let last: Vec<_> =
        homes.iter_mut().map(|home| home.sim.read(chain, now, 0, ClockQuality::Synced)).collect();
    assert!(village.submit(last).iter().all(Result::is_ok), "seed {seed}");
    village.go(now + 20 * QUARTER);
    homes.iter().for_each(|home| close(home, &mut shown));
    let chain_now = village.now();
    let again: Vec<_> =
        homes.iter_mut().map(|home| home.sim.read(chain, chain_now, 0, ClockQuality::Synced)).collect();
    assert!(village.submit(again).iter().all(Result::is_ok), "seed {seed}");
    village.go(chain_now + 20 * QUARTER);
    check(&village);
    for (owner, want) in shown {
        let line = village.line(owner);
        let silent = silent_since(&village, &homes, owner, chain_now);
        assert_eq!((line.import - silent, line.export), want, "seed {seed}, person {owner}");
    }
}

/// Estimates of a person's meters since their last reading: nothing but that may stand between bill and
/// registers.
fn silent_since(village: &Village, homes: &[Home], owner: u8, since: u64) -> i128 {
    let of = homes.iter().filter(|home| home.owner == owner);
    of.map(|home| {
        let settled = village.world.state.read(keys::settled_meter(&address(home.sim.n))).unwrap();
        let Some(silence) = settled.silence else { return 0 };
        assert_eq!(silence.since_ms.0, since);
        // Interval by interval, at the rate of its hour.
        let rate = |interval: u64| settled.profile.0.get((interval * QUARTER / HOUR % 24) as usize);
        let rate = |interval: u64| rate(interval).map_or(0, |wh| wh.0);
        let begun = rate(since / QUARTER) - rate(since / QUARTER) * (since % QUARTER) / QUARTER;
        let whole: u64 = (since / QUARTER + 1..settled.until.0).map(rate).sum();
        i128::from(begun + whole)
    })
    .sum()
}

/// Goal: bills equal registers, and no unit is made or lost. `SEED=n` replays one world, `WORLDS=n` makes it longer.
#[test]
fn money_and_energy_add_up_in_random_worlds() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("SEED") {
        Some(seed) => play(seed),
        None => (1..=number("WORLDS").unwrap_or(60)).for_each(play),
    }
}
