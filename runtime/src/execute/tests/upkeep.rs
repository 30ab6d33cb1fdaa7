//! Work that recurs is paid as it recurs: by money, and by its operator's bandwidth.

use super::settlement::{QUARTER, Sim, Village, terms};
use super::*;
use crate::keys;
use crate::modules::energy::upkeep;
use crate::modules::on_block;
use crate::query;
use wattle_primitives::call::energy::{ClearingRule, TariffBand, Terms, microgrid_id};
use wattle_primitives::call::identity::{Calls, Limits};
use wattle_primitives::call::market::{Side, order_id};
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::reading::ClockQuality;
use wattle_primitives::units::IntervalId;

const DAY: u64 = 96 * QUARTER;

fn priced() -> Params {
    Params { weight_price: Amount(1), ..params() }
}

/// A village whose weight has a price, with a meter of person 2 that was read at the start of the first interval. Debts
/// wait on its tab, so that nothing but work moves the operator's money.
fn village() -> (Village, Sim) {
    let mut village = Village::new(priced(), &Terms { clearing: ClearingRule::PayAsBid, ..terms() });
    let mut sim = village.meter(52, 2, MeterRole::Sub);
    village.ok(2, no_mandate(village.id));
    report(&mut village, &mut sim, 0, 0);
    (village, sim)
}

/// Lets `wh` flow until so long after the start of the first interval, and reads then; person 2 sends it.
fn report(village: &mut Village, sim: &mut Sim, after: u64, wh: u64) {
    let at = village.first_ms + after;
    village.go(at + 1000);
    sim.import += wh;
    let reading = sim.read(village.world.env.chain, at, 0, ClockQuality::Synced);
    let readings = BoundedVec::new(vec![reading]).unwrap();
    let from = village.events.len();
    village.ok(2, Call::from(call::energy::SubmitReadings { readings }));
    let accepted = |event: &Event| matches!(event, Event::Energy(EnergyEvent::ReadingAccepted { .. }));
    assert!(village.events[from..].iter().any(accepted));
}

/// Person 1 gives all its money to person 3 but for `left`.
fn drain(village: &mut Village, left: u128) {
    let fee = u128::from(weigh(&village.world.body(1, vec![transfer(3, 1)]), 1).0);
    let all = village.funds(1);
    village.ok(1, transfer(3, all - fee - left));
    assert_eq!(village.funds(1), left);
}

fn order(village: &Village, reference: u8, after: u64) -> Call {
    Call::from(call::market::PlaceOrder {
        microgrid: village.id,
        reference: Hash([reference; 32]),
        interval: IntervalId((village.first_ms + after) / QUARTER),
        side: Side::Buy,
        price: Amount(100_000),
        wh: WattHours(100),
        partner: None,
        expires_ms: None,
    })
}

fn resume(village: &Village) -> Call {
    Call::from(call::energy::ResumeMicrogrid { microgrid: village.id })
}

fn of_kind(village: &Village, kind: fn(&EnergyEvent) -> bool) -> usize {
    let is = |event: &&Event| matches!(event, Event::Energy(event) if kind(event));
    village.events.iter().filter(is).count()
}

/// "A microgrid nobody pays for stops by itself and costs the chain nothing more."
#[test]
fn what_nobody_pays_for_stops_and_costs_nothing_more() {
    let (mut village, mut sim) = village();
    report(&mut village, &mut sim, QUARTER, 250);
    village.ok(2, order(&village, 1, 4 * QUARTER));
    village.ok(2, order(&village, 2, 4 * QUARTER));
    drain(&mut village, 1_000);
    village.go(village.first_ms + 3 * QUARTER);
    assert!(village.grid().is_paused());
    assert_eq!(of_kind(&village, |event| matches!(event, EnergyEvent::MicrogridPaused { .. })), 1);
    assert_eq!(village.funds(1), 1_000, "what does not suffice is not taken");
    for _ in 0..50 {
        village.world.env.time_ms.0 += 7 * DAY;
        assert!(!query::has_due(&village.world.state, TimeMs::MAX));
        let done = village.world.try_run(&[]).unwrap();
        assert!(done.writes.is_empty() && done.receipts.block.is_empty());
    }
    // It takes nothing new; what stands, stands, and may be taken back.
    let held = village.world.funds(2).1;
    village.fails(2, order(&village, 3, 360 * DAY), Reason::MicrogridPaused);
    let request = Call::from(call::deals::RequestDeal {
        microgrid: village.id,
        reference: Hash::ZERO,
        side: Side::Buy,
        wh_max: WattHours(1_000),
        wh_min: WattHours(1),
        unit_wh: WattHours(1),
        price: Amount(1),
        expires_ms: TimeMs(village.now() + DAY),
    });
    village.fails(2, request, Reason::MicrogridPaused);
    assert_eq!(village.world.funds(2).1, held);
    let id = order_id(&address(2), &Hash([1; 32]));
    village.ok(2, Call::from(call::market::CancelOrder { order: id }));
    assert_eq!(village.world.funds(2).1, held / 2);
    assert!(village.grid().is_paused() && village.world.state.due_ms().is_none());
}

/// "Who pays arrears gets it going and nothing is lost": each watt-hour is billed once, and silence in the pause not at
/// all.
#[test]
fn who_pays_gets_it_going_and_nothing_is_lost() {
    let (mut village, mut sim) = village();
    let opening = sim.import;
    report(&mut village, &mut sim, QUARTER, 250);
    report(&mut village, &mut sim, 2 * QUARTER, 250);
    village.ok(2, order(&village, 1, 4 * QUARTER));
    village.fails(3, resume(&village), Reason::NotPaused);
    drain(&mut village, 1_000);
    village.go(village.first_ms + 3 * QUARTER);
    assert!(village.grid().is_paused());
    // Readings are taken in the pause, and then silence.
    let before = village.billed(2).0;
    report(&mut village, &mut sim, 5 * DAY, 4_000);
    village.go(village.first_ms + 10 * DAY);
    village.fails(3, resume(&village), Reason::InsufficientFunds);
    let wallet = Address::of_microgrid(&village.id);
    let pay = |amount| {
        Call::from(call::token::Transfer { to: wallet, asset: AssetId::NATIVE, amount: Amount(amount) })
    };
    village.ok(3, pay(2_000));
    assert!(village.grid().is_paused(), "paying alone wakes nothing");
    village.ok(3, resume(&village));
    // So little does not bring it far: it stops again, and again nothing is lost.
    village.go(village.now());
    assert!(village.grid().is_paused());
    village.ok(3, pay(900_000));
    village.ok(5, pay(900_000));
    village.ok(2, resume(&village));
    village.go(village.now());
    assert!(!village.grid().is_paused());
    assert_eq!(village.funds(1), 1_000, "who resumes it spends nothing of its operator's");
    let agenda = village.grid().agenda.unwrap();
    assert_eq!(agenda.settle, village.interval(village.now() - 60_000), "all is settled");
    assert_eq!(village.world.funds(2).1, 0, "the order has ended");
    let billed = village.billed(2).0 - before;
    assert_eq!(
        billed,
        250 + 4_000,
        "the interval that was due, what readings prove, and no estimate of ten days"
    );
    assert_eq!(village.customer(2).estimates, Amount(0));
    report(&mut village, &mut sim, 10 * DAY + 2 * QUARTER, 777);
    village.go(village.first_ms + 10 * DAY + 3 * QUARTER);
    assert_eq!(village.billed(2), (i128::from(sim.import - opening), 0));
    village.check_tabs();
}

/// "Nobody but I spends my money on my microgrid": another resumes it at the cost of its own wallet, and its operator
/// at that of both, also when another did before.
#[test]
fn a_stranger_resumes_it_at_no_cost_to_its_operator() {
    let (mut village, mut sim) = village();
    report(&mut village, &mut sim, QUARTER, 250);
    drain(&mut village, 1_000);
    village.go(village.first_ms + 3 * QUARTER);
    assert!(village.grid().is_paused());
    village.ok(2, transfer(1, 800_000));
    let before = village.funds(1);
    village.fails(3, resume(&village), Reason::InsufficientFunds);
    let to = Address::of_microgrid(&village.id);
    let least = upkeep::least_price(&village.world.env.params);
    village.ok(3, Call::from(call::token::Transfer { to, asset: AssetId::NATIVE, amount: least }));
    village.ok(3, resume(&village));
    for quarter in 4..40 {
        village.go(village.first_ms + quarter * QUARTER);
    }
    assert!(village.grid().is_paused(), "what it had is used up");
    assert_eq!(village.funds(1), before);
    village.fails(3, resume(&village), Reason::InsufficientFunds);
    village.ok(3, Call::from(call::token::Transfer { to, asset: AssetId::NATIVE, amount: least }));
    village.ok(3, resume(&village));
    village.ok(1, resume(&village));
    village.fails(1, resume(&village), Reason::NotPaused);
    village.go(village.first_ms + 41 * QUARTER);
    assert!(!village.grid().is_paused() && village.funds(1) < before);
}

/// A pause gives nobody a choice: orders past the gate stand until their interval is over, and then can be taken back.
#[test]
fn an_order_past_the_gate_stands_until_its_interval_is_over() {
    let (mut village, mut sim) = village();
    report(&mut village, &mut sim, QUARTER, 250);
    for n in [1, 2] {
        village.ok(2, order(&village, n, 4 * QUARTER));
    }
    let cancel = |n| Call::from(call::market::CancelOrder { order: order_id(&address(2), &Hash([n; 32])) });
    drain(&mut village, 1_000);
    village.go(village.first_ms + 4 * QUARTER - 60_000);
    assert!(village.grid().is_paused());
    village.ok(2, cancel(1));
    for after in [4 * QUARTER, 5 * QUARTER - 60_000] {
        village.go(village.first_ms + after);
        village.fails(2, cancel(2), Reason::GateClosed);
    }
    village.go(village.first_ms + 5 * QUARTER);
    village.ok(2, cancel(2));
    assert!(village.grid().is_paused());
    assert_eq!(village.world.funds(2).1, 0);
}

/// Nor is money locked in where the work waits for its operator's bucket.
#[test]
fn a_full_bucket_locks_in_no_order() {
    let (mut village, _) = village();
    village.ok(2, order(&village, 1, 4 * QUARTER));
    let state = village.world.state.clone();
    let mut overlay = Overlay::new(&state);
    let mut account = state.read(keys::account(&address(1))).unwrap();
    account.bucket.level = u64::MAX / 2;
    overlay.write(keys::account(&address(1)), &account);
    village.world.state = overlay.finish().0;
    let cancel = Call::from(call::market::CancelOrder { order: order_id(&address(2), &Hash([1; 32])) });
    village.go(village.first_ms + 4 * QUARTER);
    village.fails(2, cancel.clone(), Reason::GateClosed);
    village.go(village.first_ms + 5 * QUARTER);
    village.ok(2, cancel);
    assert!(!village.grid().is_paused());
    assert_eq!(village.world.funds(2).1, 0);
}

/// One reading after a pause of half a day bills all that flowed, at the price of no interval: at the dearest moment of
/// the time, since nobody knows when it flowed. No interval gets the energy of others.
#[test]
fn what_one_reading_shows_of_a_pause_is_billed_at_the_dearest_of_its_prices() {
    let start = (T0 / QUARTER + 1) * QUARTER;
    let minute = |after: u64| ((start + after) / 60_000 % 1440) as u16;
    let band = |from_minute, import| TariffBand {
        from_minute,
        import_price: Amount(import),
        export_price: Amount(import / 10),
    };
    // One hour of it is dear.
    let mut bands = vec![band(minute(43 * QUARTER), 900_000), band(minute(47 * QUARTER), 300_000)];
    bands.sort_by_key(|band| band.from_minute);
    let tariff = BoundedVec::new(bands).unwrap();
    let mut village = Village::new(priced(), &Terms { tariff, ..terms() });
    let mut sim = village.meter(52, 2, MeterRole::Sub);
    village.ok(2, no_mandate(village.id));
    report(&mut village, &mut sim, 0, 0);
    report(&mut village, &mut sim, QUARTER, 250);
    village.go(village.first_ms + QUARTER + 60_000);
    drain(&mut village, 1_000);
    village.go(village.first_ms + 2 * QUARTER + 60_000);
    assert!(village.grid().is_paused());
    let before = village.line(2);
    sim.export += 1_000;
    report(&mut village, &mut sim, 48 * QUARTER, 40_000);
    let after = village.line(2);
    assert_eq!((after.import - before.import, after.export - before.export), (40_000, 1_000));
    assert_eq!(after.debit - before.debit, 40 * 900_000);
    assert_eq!(after.credit - before.credit, 30_000);
    let wallet = Address::of_microgrid(&village.id);
    let (asset, amount) = (AssetId::NATIVE, Amount(900_000));
    village.ok(3, Call::from(call::token::Transfer { to: wallet, asset, amount }));
    village.ok(3, resume(&village));
    village.go(village.first_ms + 48 * QUARTER + 60_000);
    assert_eq!(village.billed(2), (40_250, 1_000));
    assert_eq!(village.customer(2).estimates, Amount(0));
    village.check_tabs();
}

/// A pause is nobody's silence: a meter is suspended 30 days after it has ended, not before.
#[test]
fn a_pause_suspends_nobody() {
    let (mut village, mut sim) = village();
    report(&mut village, &mut sim, QUARTER, 250);
    village.go(village.first_ms + QUARTER + 60_000);
    drain(&mut village, 1_000);
    village.go(village.first_ms + 3 * QUARTER);
    assert!(village.grid().is_paused());
    village.go(village.first_ms + 5 * DAY);
    let wallet = Address::of_microgrid(&village.id);
    let (asset, amount) = (AssetId::NATIVE, Amount(990_000));
    for payer in [3, 4, 5, 6] {
        village.ok(payer, Call::from(call::token::Transfer { to: wallet, asset, amount }));
    }
    village.ok(3, resume(&village));
    village.go(village.now());
    for (days, suspended) in [(5, 0), (31, 0), (35, 0), (36, 1)] {
        village.go(village.first_ms + days * DAY);
        assert!(!village.grid().is_paused());
        assert_eq!(village.member(2).suspended, suspended, "{days}");
    }
    village.check_tabs();
}

/// Silence after a pause is estimated like any other, in the pause's own interval as well.
#[test]
fn silence_after_a_pause_is_estimated() {
    let (mut village, mut sim) = village();
    report(&mut village, &mut sim, QUARTER, 900);
    village.go(village.first_ms + QUARTER + 60_000); // 900 Wh an interval are typical of it
    drain(&mut village, 1_000);
    report(&mut village, &mut sim, 2 * QUARTER, 900);
    village.go(village.first_ms + 2 * QUARTER + 60_000);
    assert!(village.grid().is_paused());
    let wallet = Address::of_microgrid(&village.id);
    let (asset, amount) = (AssetId::NATIVE, Amount(900_000));
    village.ok(3, Call::from(call::token::Transfer { to: wallet, asset, amount }));
    village.ok(3, resume(&village));
    report(&mut village, &mut sim, 2 * QUARTER + QUARTER / 3, 300);
    let before = village.billed(2).0;
    village.go(village.first_ms + 4 * QUARTER + 60_000);
    assert_eq!(village.billed(2).0 - before, 300 + 600 + 900);
    assert!(village.customer(2).estimates > Amount(0));
}

/// To the unit: what is taken is the price of the weight that was used, from the microgrid's own wallet first.
#[test]
fn work_costs_what_it_weighs_and_the_microgrids_wallet_pays_first() {
    let (mut village, mut sim) = village();
    report(&mut village, &mut sim, QUARTER, 250);
    let to = Address::of_microgrid(&village.id);
    village.ok(3, Call::from(call::token::Transfer { to, asset: AssetId::NATIVE, amount: Amount(1_300) }));
    let own = |village: &Village| {
        query::balance(&village.world.state, &AccountId::Wallet { owner: to }, AssetId::NATIVE).available().0
    };
    let mut by_operator = false;
    for quarter in 2..6 {
        village.world.env.time_ms = TimeMs(village.first_ms + quarter * QUARTER + 60_000);
        let state = village.world.state.clone();
        let mut ctx = Ctx::new(Overlay::new(&state), &village.world.env);
        let used = u128::from(on_block(&mut ctx, Weight(village.world.env.params.block_weight_max.0 / 8)).0);
        let (own_before, before) = (own(&village), village.funds(1));
        let done = village.world.try_run(&[]).unwrap();
        let mut fees = std::collections::BTreeMap::<Address, u128>::new();
        for event in &done.receipts.block {
            if let Event::Ledger(LedgerEvent::FeeCharged { payer, amount }) = event {
                *fees.entry(*payer).or_default() += amount.0;
            }
        }
        let (by_own, by_1) =
            (fees.get(&to).copied().unwrap_or(0), fees.get(&address(1)).copied().unwrap_or(0));
        assert_eq!(by_own + by_1, used);
        assert_eq!((own_before - by_own, before - by_1), (own(&village), village.funds(1)));
        assert!(by_1 == 0 || own(&village) == 0, "its own wallet pays first");
        by_operator |= by_1 > 0;
    }
    assert!(by_operator);
}

/// Where a chain has a registrar, nobody registers microgrids but itself and whom it sponsors for that by name, as long
/// as it does.
#[test]
fn a_registrar_says_who_registers_microgrids() {
    let mut world = World::new(Params { registrar: Some(address(6)), ..params() });
    let register = |n: u8| {
        let (reference, asset, interval_ms) = (Hash([n; 32]), AssetId::NATIVE, TimeMs(900_000));
        Call::from(call::energy::RegisterMicrogrid { reference, asset, interval_ms })
    };
    let until = TimeMs(world.env.time_ms.0 + 60_000);
    let sponsor = |grantee: u8, calls: Calls| {
        let limits = Limits { calls, ..Limits::allowance(Amount(1), until) };
        Call::from(call::identity::Sponsor { grantee: address(grantee), limits })
    };
    let named = || Calls::Only(BoundedVec::new(vec![register(1).kind()]).unwrap());
    world.fails(2, register(1), Reason::RegistrarRequired);
    world.ok(6, register(1));
    world.ok(5, sponsor(2, named()));
    world.fails(2, register(1), Reason::RegistrarRequired);
    world.ok(6, sponsor(2, Calls::Any));
    world.fails(2, register(1), Reason::RegistrarRequired);
    world.ok(6, sponsor(2, named()));
    world.ok(2, register(1));
    world.fails(3, register(1), Reason::RegistrarRequired);
    world.env.time_ms = until;
    world.fails(2, register(2), Reason::RegistrarRequired);
}

/// "At price 0 the operator's bucket still bounds it", and leaves the operator its own half. However many microgrids it
/// has, each goes on: looking at the bucket does not keep it full.
#[test]
fn where_weight_is_free_the_operators_bucket_bounds_its_microgrids() {
    for (grids, used_at_least) in [(12, 2), (60, 3)] {
        bounded(grids, used_at_least);
    }
}

/// So many microgrids of one operator: what they use is at most what leaks, and at least a part of it.
fn bounded(grids: u8, used_at_least: u64) {
    let (rate, capacity) = (100, 20_000);
    let tight = Params { bandwidth_rate: Weight(rate), bandwidth_capacity: Weight(capacity), ..params() };
    let mut world = World::new(tight);
    let mut ids = Vec::new();
    for n in 1..=grids {
        let (reference, asset, interval_ms) = (Hash([n; 32]), AssetId::NATIVE, TimeMs(60_000));
        let microgrid = microgrid_id(&address(1), &reference);
        let terms = Box::new(Terms { grace_ms: TimeMs(0), late_window_ms: TimeMs(60_000), ..terms() });
        for call in [
            Call::from(call::energy::RegisterMicrogrid { reference, asset, interval_ms }),
            Call::from(call::energy::SetTerms { microgrid, terms }),
        ] {
            world.env.time_ms.0 += 60_000;
            world.ok(1, call);
        }
        ids.push(microgrid);
    }
    let (start, mut used) = (world.env.time_ms.0, 0);
    let settled = |world: &World| {
        let of = |id: &Hash| world.state.read(keys::microgrid(id)).unwrap().agenda.unwrap().settle.0;
        ids.iter().map(of).collect::<Vec<_>>()
    };
    let mut half_way = Vec::new();
    for block in 0..2_000 {
        let state = world.state.clone();
        let mut ctx = Ctx::new(Overlay::new(&state), &world.env);
        used += on_block(&mut ctx, Weight(world.env.params.block_weight_max.0 / 8)).0;
        // The operator's own transactions always fit.
        let txs = (block % 50 == 0).then(|| world.sign(world.body(1, vec![transfer(2, 1)]), &[1]));
        world.try_run(&txs.into_iter().collect::<Vec<_>>()).unwrap();
        world.env.time_ms.0 += 4_000;
        if block == 1_000 {
            half_way = settled(&world);
        }
    }
    let leaked = (world.env.time_ms.0 - start) / 1_000 * rate;
    assert!(used <= leaked + capacity, "{used} of {leaked}");
    assert!(used >= leaked / used_at_least, "{used} of {leaked}: it was not what bounds them");
    for (before, after) in half_way.into_iter().zip(settled(&world)) {
        assert!(after > before, "{grids} microgrids: each gets its turn, however late it is");
    }
}
