//! Random worlds: prepaid meters that are late, silent or wrong about the time, tokens in any order, gateways that
//! report, meters that lose their device. After every block the rules of all modules hold ([`World::try_run`]); here
//! credit and bills are added up as well.

use super::*;
use crate::execute::tests::oracle::Dice;
use wattle_primitives::call::energy::{ClearingRule, LossRule, TariffBand};
use wattle_primitives::reading::SignedReading;

const PRICE: u128 = 300_000;

/// One price, so that what is billed is what was billed for; and the operator has no meter that is read.
fn world(dice: &mut Dice) -> Terms {
    let price = Amount(PRICE);
    let band = TariffBand { from_minute: 0, import_price: price, export_price: price };
    let grace = dice.roll(4 * QUARTER) + 1;
    Terms {
        tariff: BoundedVec::new(vec![band]).unwrap(),
        grace_ms: TimeMs(grace),
        late_window_ms: TimeMs(grace + 1 + dice.roll(6 * QUARTER)),
        clearing: if dice.roll(3) == 0 { ClearingRule::MidMarket } else { ClearingRule::Tariff },
        losses: if dice.roll(2) == 0 { LossRule::Operator } else { LossRule::ProRata },
        ..terms()
    }
}

struct Customer {
    shop: Hash,
    person: u8,
    sim: Sim,
    queue: Vec<SignedReading>,
    /// Tokens that were issued and that it has not taken.
    pending: Vec<Token>,
    holds: Vec<(Hash, u64, u64)>,
}

fn play(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let params = Params { bandwidth_rate: Weight(1 << 40), bandwidth_capacity: Weight(1 << 44), ..params() };
    let mut shop = Shop::with(params, &world(&mut dice), device());
    let mut customers: Vec<Customer> = Vec::new();
    for n in 0..3u8 {
        let (person, meter) = (2 + n, 60 + n);
        let sim = shop.village.meter(meter, person, MeterRole::Sub);
        let reference = Hash([20 + n; 32]);
        shop.village.ok(1, RegisterDevice { reference, ..device() }.into());
        let id = device_id(&address(1), &reference);
        let (owner, gateway, meter) = (Some(address(person)), Some(address(6)), Some(address(meter)));
        let key = Some(key(DEVICE_KEY).public());
        let (suspended, contract) = (false, None);
        shop.village.ok(1, SetDevice { device: id, owner, gateway, key, meter, suspended, contract }.into());
        let (queue, pending, holds) = (Vec::new(), Vec::new(), Vec::new());
        customers.push(Customer { shop: id, person, sim, queue, pending, holds });
    }
    shop.village.go(shop.village.first_ms + 1);
    for _ in 0..60 {
        let ms = if dice.roll(20) == 0 { dice.roll(40 * QUARTER) } else { dice.roll(2 * QUARTER) } + 5_000;
        shop.village.world.env.time_ms.0 += ms;
        for customer in &mut customers {
            shop.id = customer.shop;
            turn(&mut shop, &mut dice, customer, ms);
        }
        shop.village.go(shop.village.now());
    }
    // Everybody reports, and settlement comes to rest: nothing is estimated beyond the last reading.
    for customer in &mut customers {
        customer.queue.clear();
        shop.id = customer.shop;
    }
    shop.village.go(shop.village.now() + 40 * QUARTER);
    for customer in &mut customers {
        shop.read(&mut customer.sim, 0);
    }
    for customer in &customers {
        shop.id = customer.shop;
        check(&shop, customer, seed);
    }
    shop.village.check_tabs();
}

fn turn(shop: &mut Shop, dice: &mut Dice, customer: &mut Customer, ms: u64) {
    customer.sim.import += dice.roll((20_000 * ms / 3_600_000).min(3_000) + 1);
    if dice.roll(3) > 0 {
        let clock = [ClockQuality::Synced, ClockQuality::Unset][dice.roll(2) as usize];
        let reading = customer.sim.read(shop.village.world.env.chain, shop.village.now(), 0, clock);
        customer.queue.push(reading);
    }
    if dice.roll(3) > 0 && !customer.queue.is_empty() {
        for result in shop.village.submit(std::mem::take(&mut customer.queue)) {
            assert!(matches!(result, Ok(()) | Err(Reason::ImplausibleReading)), "{result:?}");
        }
    }
    if dice.roll(3) == 0 {
        let last = shop.device().last_count;
        let token = match dice.roll(8) {
            0 => token(last + 1 + last % 2, TokenKind::Set, dice.roll(20) as u32),
            _ => add(last + 2 - last % 2, dice.roll(30) as u32),
        };
        let call = shop.issue(token, Payment::Free);
        if shop.village.run(1, call) == Outcome::Success {
            customer.pending.push(token);
        }
    }
    if dice.roll(2) == 0 && !customer.pending.is_empty() {
        let at = dice.roll(customer.pending.len() as u64) as usize;
        let token = customer.pending.remove(at);
        let call = shop.signed(shop.redemption(token), DEVICE_KEY);
        shop.village.run(5, call.clone()); // taken, or too old by now
        let twice = shop.village.run(5, call);
        assert!(matches!(twice, Outcome::Failed { .. }), "{token:?} twice");
    }
    if dice.roll(5) == 0 {
        let (hold, call) = shop.authorise(dice.roll(500) + 1, dice.roll(6 * QUARTER) + 1);
        if shop.village.run(6, call) == Outcome::Success {
            customer.holds.push((hold, 0, 0));
        }
    }
    if let Some((hold, seq, used)) = customer.holds.last_mut() {
        (*seq, *used) = (*seq + dice.roll(2), *used + dice.roll(200));
        let call = if dice.roll(6) == 0 { shop.close(*hold, *used) } else { shop.draw(*hold, *seq, *used) };
        shop.village.run(6, call);
    }
}

/// Credit is there or was used, and so much of a meter's import as it paid is not billed.
fn check(shop: &Shop, customer: &Customer, seed: u64) {
    let (mut minted, mut by_import, mut by_use, mut by_set) = (0i128, 0i128, 0i128, 0i128);
    for event in shop.events() {
        match event {
            PaygoEvent::CreditMinted { device, wh, .. } if device == shop.id => minted += i128::from(wh.0),
            PaygoEvent::CreditBurned { device, wh, cause, .. } if device == shop.id => {
                *match cause {
                    BurnCause::Import => &mut by_import,
                    BurnCause::Use => &mut by_use,
                    BurnCause::Set => &mut by_set,
                } += i128::from(wh.0);
            }
            _ => {}
        }
    }
    let (free, held) = shop.credit();
    assert_eq!(minted - by_import - by_use - by_set, (free + held) as i128, "seed {seed}");
    let device = shop.device();
    let line = shop.village.line(customer.person);
    let estimates = shop.village.customer(customer.person).estimates.0 as i128;
    let billed_wh = line.import * PRICE as i128 / 1000;
    let charged = line.debit as i128 - line.credit as i128;
    // Import of its meter, at one price whichever way it went: what was not charged, credit has paid. By what it paid
    // of it when it was set to nothing, that is more than was drawn.
    let paid_wh = (billed_wh - charged) * 1000 / PRICE as i128;
    let least = by_import + by_use - i128::from(device.ahead_wh.0);
    assert!(
        paid_wh + 2 >= least && paid_wh <= least + by_set + 2,
        "seed {seed}: {paid_wh} Wh are not billed, {least} to {} were paid; estimates {estimates}",
        least + by_set
    );
}

/// Goal: credit is neither lost nor made, and bills leave out what it paid. `SEED=n` replays one world.
#[test]
fn credit_and_bills_add_up_in_random_worlds() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("SEED") {
        Some(seed) => play(seed),
        None => (1..=number("WORLDS").unwrap_or(20)).for_each(play),
    }
}
