//! The part of a meter's bill that credit pays: all that it can, once, and nothing that was not measured.

use super::*;
use crate::modules::energy::tab::OPERATOR;
use wattle_primitives::call::energy::{ClearingRule, LossRule, MeterSwap, TariffBand};
use wattle_primitives::reading::RegisterEncoding;

impl Shop {
    /// All that person 2 was charged, less what it was given back.
    fn charged(&self) -> i128 {
        let line = self.village.line(2);
        line.debit as i128 - line.credit as i128
    }
}

#[test]
fn what_credit_pays_is_not_billed_and_what_it_does_not_is() {
    let (mut shop, mut sim) = Shop::metered(&terms());
    shop.top_up(10);
    shop.to_end_of(0);
    shop.read(&mut sim, 600);
    shop.settle(0);
    assert_eq!((shop.credit(), shop.charged()), ((400, 0), 0));
    shop.to_end_of(1);
    shop.read(&mut sim, 600);
    shop.settle(1);
    // 200 Wh at 0.30.
    assert_eq!((shop.credit(), shop.charged()), ((0, 0), 60_000));
    assert_eq!((shop.village.billed(2).0, shop.burned(BurnCause::Import)), (1_200, 1_000));
    let line = |event: &Event| match event {
        Event::Energy(EnergyEvent::EnergySettled { account, bought_wh, sold_wh, .. }) => {
            Some((*account, bought_wh.0, sold_wh.0))
        }
        _ => None,
    };
    let lines: Vec<_> =
        shop.village.events.iter().filter_map(line).filter(|line| line.1 + line.2 > 0).collect();
    let (seller, buyer) = (|wh| (address(1), 0, wh), |wh| (address(2), wh, 0));
    assert_eq!(lines, [seller(600), buyer(600), seller(400), buyer(400)]);
    shop.village.check_tabs();
}

#[test]
fn no_estimate_takes_credit_and_a_late_reading_takes_back_what_one_cost() {
    let (mut shop, mut sim) = Shop::metered(&terms());
    shop.to_end_of(0);
    shop.read(&mut sim, 500);
    shop.settle(0);
    assert_eq!(shop.charged(), 150_000); // before there was any credit
    shop.top_up(20);
    shop.settle(2);
    // Two quarters of silence, estimated at 500 Wh each.
    assert_eq!((shop.credit(), shop.charged()), ((2_000, 0), 450_000));
    shop.read(&mut sim, 900);
    shop.settle(4);
    assert_eq!(shop.burned(BurnCause::Import) + shop.credit().0 as u64, 2_000);
    let left = shop.village.customer(2).estimates.0;
    assert_eq!(shop.charged() - left as i128, 150_000, "only an estimate since the last reading stands");
    shop.to_end_of(5);
    shop.read(&mut sim, 0);
    shop.settle(6);
    shop.read(&mut sim, 0);
    shop.village.go(shop.village.now());
    assert_eq!((shop.credit(), shop.village.customer(2).estimates), ((1_100, 0), Amount(0)));
    assert_eq!(shop.charged(), 150_000);
    shop.village.check_tabs();
}

/// The estimate cost the prices of its hours; an average of two would not give all of that back.
#[test]
fn an_estimate_that_credit_replaces_is_refunded_as_it_was_charged() {
    // From eight o'clock on, which is when the first quarter begins, each has another price than the one before.
    let band = |n: u16| TariffBand {
        from_minute: if n == 0 { 0 } else { 8 * 60 + 15 * (n - 1) },
        import_price: Amount(if n % 2 == 0 { 100_000 } else { 400_000 }),
        export_price: Amount(0),
    };
    let tariff = BoundedVec::new((0..24).map(band).collect()).unwrap();
    let (mut shop, mut sim) = Shop::metered(&Terms { tariff, ..terms() });
    for (n, wh) in [(0, 400), (1, 100)] {
        shop.to_end_of(n);
        shop.read(&mut sim, wh);
        shop.settle(n);
    }
    let before = shop.charged();
    shop.top_up(50);
    shop.settle(3);
    assert!(shop.charged() > before);
    shop.to_end_of(4);
    shop.read(&mut sim, 1_500);
    shop.settle(4);
    assert_eq!((shop.charged(), shop.burned(BurnCause::Import)), (before, 1_500));
}

#[test]
fn what_a_reading_over_a_long_time_brings_is_paid_by_credit_too() {
    let (mut shop, mut sim) = Shop::metered(&Terms {
        grace_ms: TimeMs(8 * QUARTER),
        late_window_ms: TimeMs(12 * QUARTER),
        ..terms()
    });
    shop.top_up(10);
    shop.to_end_of(5);
    shop.read(&mut sim, 1_500);
    shop.village.go(shop.village.first_ms + 20 * QUARTER);
    // At once, as an adjustment: 500 Wh are beyond the credit.
    assert_eq!((shop.credit(), shop.burned(BurnCause::Import)), ((0, 0), 1_000));
    assert_eq!(shop.charged() - shop.village.customer(2).estimates.0 as i128, 150_000);
}

#[test]
fn what_is_set_aside_is_not_drawn_by_settlement() {
    let (mut shop, mut sim) = Shop::metered(&terms());
    shop.top_up(10);
    let (_, authorise) = shop.authorise(700, 10 * DAY);
    shop.village.ok(3, authorise);
    shop.to_end_of(0);
    shop.read(&mut sim, 600);
    shop.settle(0);
    assert_eq!((shop.credit(), shop.charged()), ((0, 700), 90_000));
}

#[test]
fn a_cut_off_leaves_what_was_used_before_it_paid() {
    let (mut shop, mut sim) = Shop::metered(&terms());
    shop.top_up(10);
    shop.village.world.env.time_ms.0 = shop.village.first_ms + QUARTER / 2;
    shop.read(&mut sim, 300);
    let off = token(3, TokenKind::Set, 0);
    shop.give(off);
    shop.redeem(off);
    assert_eq!(shop.credit(), (0, 0));
    shop.to_end_of(0);
    shop.read(&mut sim, 100);
    shop.settle(0);
    // 300 Wh before, paid; 100 Wh after, at 0.30.
    assert_eq!((shop.charged(), shop.device().ahead_wh.0), (30_000, 0));
}

#[test]
fn energy_that_a_deal_or_the_market_has_paid_takes_no_credit() {
    let (mut shop, mut sim) = Shop::metered(&Terms { clearing: ClearingRule::PayAsBid, ..terms() });
    shop.top_up(10);
    let interval = shop.village.interval(shop.village.first_ms + QUARTER);
    for (n, side) in [(2, call::market::Side::Buy), (1, call::market::Side::Sell)] {
        let order = call::market::PlaceOrder {
            microgrid: shop.village.id,
            reference: Hash([9; 32]),
            interval,
            side,
            price: Amount(200_000),
            wh: WattHours(250),
            partner: None,
            expires_ms: None,
        };
        shop.village.ok(n, order.into());
    }
    shop.to_end_of(0);
    shop.read(&mut sim, 0);
    shop.settle(0);
    shop.to_end_of(1);
    shop.read(&mut sim, 600);
    shop.settle(1);
    assert_eq!((shop.burned(BurnCause::Import), shop.charged()), (350, 0));
}

/// Under mid-market rates members share demand and supply: the operator stands for those who paid before.
#[test]
fn under_mid_market_rates_the_operator_buys_for_prepaid_members() {
    let (mut shop, mut sim) = Shop::metered(&Terms { clearing: ClearingRule::MidMarket, ..terms() });
    let mut roof = shop.village.meter(61, 4, MeterRole::Sub);
    shop.read(&mut roof, 0);
    shop.top_up(10);
    shop.to_end_of(0);
    shop.read_all([(&mut sim, 800, 0), (&mut roof, 0, 1_000)]);
    shop.settle(0);
    // 800 Wh half-way, 200 Wh at the export price.
    assert_eq!((shop.village.line(4).credit, shop.charged()), (160_000 + 20_000, 0));
    assert_eq!(shop.village.line(1).debit, 160_000);
    assert_eq!(shop.burned(BurnCause::Import), 800);
    shop.village.check_tabs();
}

#[test]
fn losses_are_shared_as_ever() {
    let (mut shop, mut sim) = Shop::metered(&Terms { losses: LossRule::ProRata, ..terms() });
    let mut feeder = shop.village.meter(62, 1, MeterRole::Feeder);
    let mut genesis = Sim::new(50, shop.village.now()); // of the operator; all are read, or nobody shares a loss
    shop.read_all([(&mut sim, 0, 0), (&mut feeder, 0, 0), (&mut genesis, 0, 0)]);
    shop.top_up(10);
    for n in 0..6 {
        shop.to_end_of(n);
        let (used, fed) = if n == 0 { (600, 660) } else { (0, 0) };
        shop.read_all([(&mut sim, used, 0), (&mut feeder, fed, 0), (&mut genesis, 0, 0)]);
        shop.settle(n);
    }
    // The energy credit has paid; of what nobody's meter showed it pays nothing: 60 Wh at 0.30.
    assert_eq!((shop.burned(BurnCause::Import), shop.village.billed(2).0), (600, 600));
    assert_eq!(shop.charged(), 18_000);
}

#[test]
fn a_meter_that_is_replaced_stays_prepaid() {
    let (mut shop, mut sim) = Shop::metered(&terms());
    shop.top_up(20);
    shop.village.world.env.time_ms.0 = shop.village.first_ms + QUARTER / 2;
    shop.read(&mut sim, 200);
    shop.village.world.env.time_ms.0 += 30_000;
    let zero = || BoundedVec::new(vec![0, 0]).unwrap();
    let swap = MeterSwap {
        old: address(60),
        final_import_wh: WattHours(sim.import + 100),
        final_export_wh: WattHours(0),
        new: key(63).public(),
        encoding: RegisterEncoding::Uint32Wh,
        power_max_w: 20_000,
        opening_import: zero(),
        opening_export: zero(),
        time_ms: shop.village.world.env.time_ms,
    };
    let chain = shop.village.world.env.chain;
    let signature = key(1).sign(&swap.signing_bytes(&chain));
    let binding = key(63).sign(&MeterBinding::Replacement { old: swap.old }.signing_bytes(&chain));
    let key = key(1).public();
    shop.village.ok(1, call::energy::SwapMeter { swap: Box::new(swap), key, signature, binding }.into());
    assert_eq!(shop.device().meter, Some(address(63)));
    let mut new = Sim { import: 0, ..Sim::new(63, shop.village.now()) };
    shop.to_end_of(0);
    shop.read(&mut new, 300);
    shop.settle(0);
    assert_eq!((shop.burned(BurnCause::Import), shop.charged()), (600, 0));
    assert_eq!(shop.credit(), (1_400, 0));
}

#[test]
fn a_meter_that_changes_hands_keeps_its_credit() {
    let (mut shop, mut sim) = Shop::metered(&terms());
    for n in [2, 5] {
        let mandate = mandate(shop.village.id, None);
        shop.village.ok(n, mandate);
    }
    let member = call::energy::SetMember {
        microgrid: shop.village.id,
        account: address(5),
        credit_limit: Some(Amount(1_000_000)),
    };
    shop.village.ok(1, member.into());
    shop.top_up(10);
    shop.to_end_of(0);
    shop.read(&mut sim, 300);
    shop.village.world.env.time_ms.0 += QUARTER / 2;
    sim.import += 200;
    let chain = shop.village.world.env.chain;
    let closing = sim.read(chain, shop.village.now(), 0, ClockQuality::Synced);
    let hand_over =
        call::energy::HandOverMeter { meter: address(60), to: address(5), closing: Box::new(closing) };
    shop.village.ok(1, hand_over.into());
    assert_eq!(shop.device().owner, Some(address(5)));
    shop.to_end_of(1);
    shop.read(&mut sim, 100);
    shop.settle(1);
    for n in [2, 5] {
        assert_eq!(shop.village.line(n).debit, 0, "person {n}");
    }
    assert_eq!((shop.village.billed(2).0, shop.village.billed(5).0), (500, 100));
    assert_eq!((shop.burned(BurnCause::Import), shop.credit()), (600, (400, 0)));
}

#[test]
fn a_meter_that_is_retired_leaves_the_credit_in_the_device() {
    let (mut shop, mut sim) = Shop::metered(&terms());
    shop.top_up(10);
    shop.to_end_of(0);
    shop.read(&mut sim, 300);
    shop.village.world.env.time_ms.0 += 20_000;
    sim.import += 50;
    let chain = shop.village.world.env.chain;
    let closing = sim.read(chain, shop.village.now(), 0, ClockQuality::Synced);
    let retire = call::energy::RetireMeter { meter: address(60), closing: Some(Box::new(closing)) };
    shop.village.ok(1, retire.into());
    assert_eq!(shop.device().meter, None);
    shop.settle(2);
    assert_eq!((shop.burned(BurnCause::Import), shop.credit(), shop.charged()), (350, (650, 0), 0));
}

#[test]
fn only_a_meter_of_the_owner_in_the_operators_microgrid_is_prepaid() {
    let (mut shop, _) = Shop::metered(&terms());
    let of_another = shop.village.meter(64, 3, MeterRole::Sub);
    let feeder = shop.village.meter(65, 2, MeterRole::Feeder);
    for (meter, reason) in [
        (address(of_another.n), Reason::WrongDevice),
        (address(feeder.n), Reason::WrongDevice),
        (address(199), Reason::UnknownMeter),
    ] {
        let set = shop.setting(|set| set.meter = Some(meter));
        shop.village.fails(1, set.into(), reason);
    }
    let away = shop.setting(|set| set.owner = Some(address(3)));
    shop.village.fails(1, away.into(), Reason::WrongDevice);
    // One device a meter.
    shop.village.ok(1, RegisterDevice { reference: Hash([8; 32]), ..device() }.into());
    let other = device_id(&address(1), &Hash([8; 32]));
    let set = SetDevice { device: other, ..shop.setting(|_| {}) };
    shop.village.fails(1, set.into(), Reason::AlreadyExists);
    // Somebody else's device draws on nobody's meter here.
    shop.village.ok(6, SetPaygoOperator { asset: AssetId::NATIVE, daily_cap: 9 }.into());
    shop.village.ok(6, device().into());
    let foreign = device_id(&address(6), &device().reference);
    shop.set(|set| set.meter = None);
    let set = SetDevice { device: foreign, meter: Some(address(60)), ..shop.setting(|_| {}) };
    shop.village.fails(6, set.into(), Reason::WrongDevice);
}

#[test]
fn without_a_device_a_meter_is_billed_again() {
    let (mut shop, mut sim) = Shop::metered(&terms());
    shop.top_up(10);
    shop.set(|set| set.meter = None);
    shop.to_end_of(0);
    shop.read(&mut sim, 300);
    shop.settle(0);
    assert_eq!((shop.charged(), shop.credit()), (90_000, (1_000, 0)));
    assert_eq!(shop.village.member(1).code, OPERATOR);
}
