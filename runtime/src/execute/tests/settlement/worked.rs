//! The worked examples of `docs/settlement.md`, and one rule at a time.

use super::*;
use crate::modules::energy::records::TermsRecord;
use wattle_primitives::call;
use wattle_primitives::event::EnergyEvent;

/// Two readings that bound one interval.
fn quarter(village: &mut Village, sims: &mut [(Sim, u64, u64)]) -> Vec<Result<(), Reason>> {
    let chain = village.world.env.chain;
    let start = village.first_ms;
    village.go(start + 1000);
    let first = sims.iter_mut().map(|(sim, ..)| sim.read(chain, start, 0, ClockQuality::Synced)).collect();
    let mut results = village.submit(first);
    village.go(start + QUARTER + 1000);
    let second = sims.iter_mut().map(|(sim, import, export)| {
        sim.import += *import;
        sim.export += *export;
        sim.read(chain, start + QUARTER, 0, ClockQuality::Synced)
    });
    let second = second.collect();
    results.extend(village.submit(second));
    results
}

/// Settles the first interval with what each person imports and exports in it, Wh.
fn settle(terms: &Terms, energy: &[(u8, u64, u64)]) -> Village {
    let mut village = Village::new(params(), terms);
    let mut sims: Vec<_> = energy
        .iter()
        .map(|(person, import, export)| {
            (village.meter(50 + person, *person, MeterRole::Sub), *import, *export)
        })
        .collect();
    assert!(quarter(&mut village, &mut sims).iter().all(Result::is_ok));
    village.go(village.first_ms + QUARTER + 60_000);
    village.check_tabs();
    village
}

#[test]
fn at_the_tariff_each_member_settles_with_the_operator() {
    let village = settle(&terms(), &[(2, 1000, 0), (3, 0, 500), (4, 300, 200)]);
    // 1 kWh at 0.30; 0.5 kWh at 0.10; what came in goes against what went out within an interval: 0.1 kWh at 0.30.
    let money = |n: u8| (village.line(n).debit, village.line(n).credit);
    assert_eq!([money(2), money(3), money(4)], [(300_000, 0), (0, 50_000), (30_000, 0)]);
    assert_eq!(village.billed(4), (300, 200));
    assert_eq!([village.funds(2), village.funds(3), village.funds(4)], [700_000, 1_050_000, 970_000]);
    assert_eq!([village.tab(2), village.tab(3), village.tab(4)], [0, 0, 0]);
}

#[test]
fn mid_market_with_more_generation_than_demand() {
    let mid = Terms { clearing: ClearingRule::MidMarket, ..terms() };
    // D = 1000, G = 3000: buyers pay 0.20; sellers share (1000 * 0.20 + 2000 * 0.10) / 3000.
    let village = settle(&mid, &[(2, 700, 0), (3, 300, 0), (4, 0, 2000), (5, 0, 1000)]);
    let money = |n: u8| village.line(n).credit as i128 - village.line(n).debit as i128;
    assert_eq!([money(2), money(3)], [-140_000, -60_000]);
    // 200,000 from the buyers in thirds, and 200,000 from the grid: what is left of each is carried.
    assert_eq!([money(4), money(5)], [266_666, 133_333]);
    assert_eq!((village.tab(1), village.line(1).paid), (0, 199_999)); // to the members; it holds what they carry
}

#[test]
fn mid_market_with_less_generation_than_demand() {
    let mid = Terms { clearing: ClearingRule::MidMarket, ..terms() };
    // D = 3000, G = 1000: sellers get 0.20; buyers share (1000 * 0.20 + 2000 * 0.30) / 3000.
    let village = settle(&mid, &[(2, 1000, 0), (3, 2000, 0), (4, 0, 1000)]);
    let money = |n: u8| village.line(n).credit as i128 - village.line(n).debit as i128;
    assert_eq!(money(4), 200_000);
    assert_eq!([money(2), money(3)], [-(66_666 + 200_000), -(133_333 + 400_000)]);
    assert_eq!((village.tab(1), village.line(1).paid), (0, -599_999));
}

/// Who bore how much of the losses, Wh and money.
fn shared(village: &Village) -> Vec<(Address, u64, u128)> {
    let part = |event: &Event| match event {
        Event::Energy(EnergyEvent::LossShared { account, wh, debit, .. }) => Some((*account, wh.0, debit.0)),
        _ => None,
    };
    village.events.iter().filter_map(part).collect()
}

#[test]
fn losses_are_shared_by_consumption_and_flagged() {
    let terms = Terms { losses: LossRule::ProRata, ..terms() };
    let mut village = Village::new(params(), &terms);
    let mut sims = vec![
        (village.meter(70, 1, MeterRole::Feeder), 1000, 0),
        (village.meter(52, 2, MeterRole::Sub), 600, 0),
        (village.meter(53, 3, MeterRole::Sub), 300, 0),
        (Sim::new(50, village.now()), 0, 0), // or it would be estimated, and nothing shared
    ];
    assert!(quarter(&mut village, &mut sims).iter().all(Result::is_ok));
    village.go(village.first_ms + QUARTER + terms.late_window_ms.0);
    // 1000 - 900 = 100 Wh, 30,000 base units: 600 : 300.
    assert_eq!(shared(&village), [(address(2), 66, 20_000), (address(3), 34, 10_000)]);
    let last = village.events.iter().find_map(|event| match event {
        Event::Energy(EnergyEvent::IntervalFinal {
            interval, feeder_wh, loss_wh, under_reported, ..
        }) if *interval == village.interval(village.first_ms) => {
            Some((*feeder_wh, loss_wh.0, *under_reported))
        }
        _ => None,
    });
    assert_eq!(last, Some((Some(WattHours(1000)), 100, true)));
    village.check_tabs();
}

#[test]
fn who_reads_late_bears_its_part_of_the_loss() {
    let terms = Terms { losses: LossRule::ProRata, ..terms() };
    let mut village = Village::new(params(), &terms);
    let mut feeder = village.meter(70, 1, MeterRole::Feeder);
    let mut late = village.meter(52, 2, MeterRole::Sub);
    let mut other = village.meter(53, 3, MeterRole::Sub);
    let mut idle = Sim::new(50, village.now());
    let (chain, start, end) = (village.world.env.chain, village.first_ms, village.first_ms + QUARTER);
    village.go(start + 1000);
    let all = [&mut feeder, &mut late, &mut other, &mut idle]
        .map(|sim| sim.read(chain, start, 0, ClockQuality::Synced));
    assert!(village.submit(all.to_vec()).iter().all(Result::is_ok));
    village.go(end + 1000);
    (feeder.import, late.import, other.import) =
        (feeder.import + 1000, late.import + 600, other.import + 300);
    let most = [&mut feeder, &mut other, &mut idle].map(|sim| sim.read(chain, end, 0, ClockQuality::Synced));
    assert!(village.submit(most.to_vec()).iter().all(Result::is_ok));
    village.go(end + 60_000);
    let reading = late.read(chain, end, 0, ClockQuality::Synced);
    assert_eq!(village.submit(vec![reading]), [Ok(())]);
    village.go(end + terms.late_window_ms.0);
    assert_eq!(shared(&village), [(address(2), 66, 20_000), (address(3), 34, 10_000)]);
    village.check_tabs();
}

#[test]
fn a_quarter_that_a_tariffs_edge_divides_costs_the_average() {
    let edge = ((T0 / QUARTER + 1) * QUARTER / 60_000 % 1440 + 5) as u16; // five minutes after the interval's start
    let band = |minute: u16, price| TariffBand {
        from_minute: minute,
        import_price: Amount(price),
        export_price: Amount(0),
    };
    let tariff = BoundedVec::new(vec![band(0, 100_000), band(edge, 400_000)]).unwrap();
    let village = settle(&Terms { tariff, ..terms() }, &[(2, 1000, 0)]);
    assert_eq!(village.line(2).debit, 300_000); // 5 minutes at 0.10 and 10 at 0.40
}

#[test]
fn settlement_never_fails_and_debts_stay_on_the_tab() {
    let mut village = Village::new(params(), &Terms { credit_limit: Amount(100_000), ..terms() });
    let mut sims = vec![
        (village.meter(52, 2, MeterRole::Sub), 1000, 0),
        (village.meter(53, 3, MeterRole::Sub), 0, 2000),
    ];
    let all = village.funds(2);
    assert_eq!(village.world.run(2, vec![transfer(6, all - 120_000)]).outcome, Outcome::Success);
    assert!(quarter(&mut village, &mut sims).iter().all(Result::is_ok));
    village.go(village.first_ms + QUARTER + 60_000);
    // 2 pays what it has; 3 is paid from that, not from money that does not exist.
    assert_eq!((village.funds(2), village.tab(2)), (0, -180_000));
    assert_eq!((village.line(3).credit, village.tab(3), village.line(3).paid), (200_000, 80_000, -120_000));
    let exceeded = village.events.iter().find_map(|event| match event {
        Event::Energy(EnergyEvent::CreditExceeded { account, owed, limit, .. }) => {
            Some((*account, owed.0, limit.0))
        }
        _ => None,
    });
    assert_eq!(exceeded, Some((address(2), 180_000, 100_000)));
    // Money that comes later is taken from the wallet on request, and passed on with the next settlement.
    assert_eq!(village.world.run(6, vec![transfer(2, 500_000)]).outcome, Outcome::Success);
    let pay = Call::from(call::energy::PayTab { microgrid: village.id });
    village.ok(2, pay.clone());
    village.ok(3, pay.clone());
    village.ok(1, pay.clone());
    assert_eq!([village.tab(2), village.tab(3), village.tab(1)], [0, 80_000, 100_000]);
    village.settle_next();
    assert_eq!([village.tab(2), village.tab(3), village.tab(1)], [0, 0, 0]);
    village.fails(6, pay, Reason::NotMember);
    village.check_tabs();
}

/// Whoever takes its mandate back owes what it owes, and nothing of that is taken before it gives another.
#[test]
fn nobodys_wallet_is_debited_without_consent() {
    let mut village = Village::new(params(), &terms());
    let before = village.funds(2);
    village.meter(52, 2, MeterRole::Sub);
    village.ok(2, no_mandate(village.id));
    let mut sims = vec![(Sim::new(52, village.now()), 1000, 0)];
    assert!(quarter(&mut village, &mut sims).iter().all(Result::is_ok));
    village.go(village.first_ms + QUARTER + 60_000);
    // The debt stands on the tab, and nothing is taken.
    assert_eq!((village.tab(2), village.funds(2)), (-300_000, before));
    village.ok(2, mandate(village.id, None));
    // The next settlement takes it, and once the member says so none does any more.
    let next = |village: &mut Village, sim: &mut Sim, quarter: u64, wh: u64| {
        let at = village.first_ms + quarter * QUARTER;
        assert_eq!(report(village, sim, at, wh), [Ok(())]);
        village.go(at + 60_000);
    };
    next(&mut village, &mut sims[0].0, 2, 0);
    assert_eq!((village.tab(2), village.funds(2)), (0, before - 300_000));
    village.ok(2, no_mandate(village.id));
    next(&mut village, &mut sims[0].0, 3, 1000);
    assert_eq!(village.tab(2), -300_000);
    // By its own hand it pays at any time.
    village.ok(2, Call::from(call::energy::PayTab { microgrid: village.id }));
    assert_eq!((village.tab(2), village.funds(2)), (0, before - 600_000));
    village.check_tabs();
}

#[test]
fn terms_hold_from_the_next_interval_that_is_not_begun() {
    let mut village = Village::new(params(), &Terms { gate_closure_ms: TimeMs(3 * QUARTER), ..terms() });
    let from = |village: &Village| {
        village.events.iter().rev().find_map(|event| match event {
            Event::Energy(EnergyEvent::TermsSet { from, .. }) => Some(from.0),
            _ => None,
        })
    };
    let first = village.first_ms / QUARTER;
    assert_eq!(from(&village), Some(first));
    village.go(village.first_ms + 1000);
    // A day after those before them, and until then replaced by others.
    for fee in [1, 2] {
        let later = Terms { fee_per_kwh: Amount(fee), ..terms() };
        village.ok(1, Call::from(call::energy::SetTerms { microgrid: village.id, terms: Box::new(later) }));
        assert_eq!(from(&village), Some(first + 96));
    }
    village.fails(
        2,
        Call::from(call::energy::SetTerms { microgrid: village.id, terms: Box::new(terms()) }),
        Reason::NotAllowed,
    );
    let records = |village: &Village, versions: &[u32]| -> Vec<(u64, u128)> {
        let record = |version| village.record::<TermsRecord>(keys::terms(&village.id, version)).unwrap();
        versions.iter().map(|version| record(*version)).map(|r| (r.from.0, r.terms.fee_per_kwh.0)).collect()
    };
    let fee = terms().fee_per_kwh.0;
    assert_eq!(records(&village, &[0, 1]), [(first, fee), (first + 96, 2)]);
    // Once their first interval is cleared they stay.
    village.go(village.first_ms + 96 * QUARTER - terms().gate_closure_ms.0);
    village.ok(1, Call::from(call::energy::SetTerms { microgrid: village.id, terms: Box::new(terms()) }));
    assert_eq!(records(&village, &[1, 2]), [(first + 96, 2), (first + 192, fee)]);
    // A band that would have to be remembered for too long, or would let a meter choose it, is refused.
    let band =
        |minute: u16| TariffBand { from_minute: minute, import_price: Amount(2), export_price: Amount(1) };
    let two = BoundedVec::new(vec![band(0), band(720)]).unwrap();
    for bad in [
        Terms { late_window_ms: TimeMs(2_880 * QUARTER + 1), ..terms() },
        Terms { tariff: two, grace_ms: TimeMs(2 * QUARTER + 1), ..terms() },
    ] {
        let set = Call::from(call::energy::SetTerms { microgrid: village.id, terms: Box::new(bad) });
        village.fails(1, set, Reason::OutOfRange);
    }
}
