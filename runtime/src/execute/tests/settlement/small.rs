//! Lines of less than a base unit: an asset is coarse, or intervals are short.

use super::lines::FEBRUARY;
use super::*;
use wattle_primitives::call::energy::{ChargeLine, Tax};

/// 25 and 11 base units a kWh: 16 Wh cost 0.4, 7 Wh bring 0.077.
fn cheap() -> Terms {
    let band = TariffBand { from_minute: 0, import_price: Amount(25), export_price: Amount(11) };
    Terms { tariff: BoundedVec::new(vec![band]).unwrap(), ..terms() }
}

#[test]
fn a_week_of_small_lines_costs_what_the_sum_of_its_energy_costs() {
    let mut village = Village::new(params(), &cheap());
    let mut sims = [village.meter(52, 2, MeterRole::Sub), village.meter(53, 3, MeterRole::Sub)];
    let (chain, quarters) = (village.world.env.chain, 7 * 96);
    for quarter in 0..=quarters {
        let at = village.first_ms + quarter * QUARTER;
        village.go(at + 1000);
        if quarter > 0 {
            sims[0].import += 16;
            sims[1].export += 7;
        }
        let readings = sims.each_mut().map(|sim| sim.read(chain, at, 0, ClockQuality::Synced));
        assert!(village.submit(readings.to_vec()).iter().all(Result::is_ok));
        village.go(at + 60_000);
        // After each line: never more, and less by less than one.
        let n = u128::from(quarter);
        assert_eq!([village.line(2).debit, village.line(3).credit], [n * 16 * 25 / 1000, n * 7 * 11 / 1000]);
    }
    assert_eq!((village.line(2).debit, village.line(3).credit), (268, 51));
    village.check_tabs();
}

/// Whether this is the part of `thousandths`, less by less than one, but for `slack` thousandths either way.
fn is_due(got: u128, thousandths: u128, (part, whole): (u128, u128), slack: u128) -> bool {
    let (exact, slack) = (thousandths * part, slack * whole);
    got * 1000 * whole <= exact + slack && exact < (got + 1) * 1000 * whole + slack
}

/// Under mid-market rates each member pays for its part of every total, whoever else shares in it, and what they carry
/// is with the operator: less than a base unit for each of them.
#[test]
fn a_week_of_small_shares_costs_each_member_what_its_part_costs() {
    let terms = Terms { clearing: ClearingRule::MidMarket, ..cheap() };
    let mut village = Village::new(params(), &terms);
    let mut sims = [52, 53, 54, 55].map(|n| village.meter(n, n - 50, MeterRole::Sub));
    let (chain, quarters) = (village.world.env.chain, 7 * 96);
    // In thousandths: what buyers owe and sellers are owed at 25, 18 and 11.
    let (mut bought, mut sold) = (0, 0);
    for quarter in 0..=quarters {
        let at = village.first_ms + quarter * QUARTER;
        village.go(at + 1000);
        let spare = if quarter % 2 == 0 { 9 } else { 49 };
        if quarter > 0 {
            for (sim, wh) in sims.iter_mut().zip([10, 30, 0, 0]) {
                sim.import += wh;
            }
            (sims[2].export, sims[3].export) = (sims[2].export + spare, sims[3].export + spare);
            let both = u128::from(2 * spare).min(40);
            bought += 18 * both + 25 * (40 - both);
            sold += 18 * both + 11 * (u128::from(2 * spare) - both);
        }
        let readings = sims.each_mut().map(|sim| sim.read(chain, at, 0, ClockQuality::Synced));
        assert!(village.submit(readings.to_vec()).iter().all(Result::is_ok));
        village.go(at + 60_000);
        // A share is rounded to a thousandth: that is less than one in an interval.
        let lines = [2, 3, 4, 5].map(|n| village.line(n));
        let slack = u128::from(quarter);
        assert!(is_due(lines[0].debit, bought, (1, 4), slack), "{lines:?} of {bought}");
        assert!(is_due(lines[1].debit, bought, (3, 4), slack), "{lines:?} of {bought}");
        assert!(
            lines[2..].iter().all(|line| is_due(line.credit, sold, (1, 2), slack)),
            "{lines:?} of {sold}"
        );
    }
    village.check_tabs();
}

/// So does what losses of a watt-hour cost.
#[test]
fn small_losses_cost_what_their_sum_costs() {
    let terms = Terms { losses: LossRule::ProRata, ..cheap() };
    let mut village = Village::new(params(), &terms);
    let mut sims = [
        village.meter(70, 1, MeterRole::Feeder),
        village.meter(52, 2, MeterRole::Sub),
        village.meter(53, 3, MeterRole::Sub),
        Sim::new(50, village.now()),
    ];
    let (chain, quarters) = (village.world.env.chain, 200);
    // Then the meters stand still until all is final: nothing is estimated.
    let late = terms.late_window_ms.0.div_ceil(QUARTER) + 1;
    for quarter in 0..=quarters + late {
        let at = village.first_ms + quarter * QUARTER;
        village.go(at + 1000);
        if (1..=quarters).contains(&quarter) {
            for (sim, wh) in sims.iter_mut().zip([44, 10, 30, 0]) {
                sim.import += wh;
            }
        }
        let readings = sims.each_mut().map(|sim| sim.read(chain, at, 0, ClockQuality::Synced));
        assert!(village.submit(readings.to_vec()).iter().all(Result::is_ok));
        village.go(at + 60_000);
    }
    let lost = |n: u8| {
        let of = |event: &Event| match event {
            Event::Energy(EnergyEvent::LossShared { account, debit, .. }) if *account == address(n) => {
                debit.0
            }
            _ => 0,
        };
        village.events.iter().map(of).sum::<u128>()
    };
    // 4 Wh an interval at 25 cost 0.1, of which person 2 bears a quarter; its energy costs 0.25, and 0.75.
    assert_eq!([2, 3].map(|n| village.line(n).debit), [50 + 5, 150 + 15]);
    assert_eq!([lost(2) + lost(3) > 0, [2, 3].iter().all(|n| village.line(*n).debit > lost(*n))], [true; 2]);
    village.check_tabs();
}

/// A tax of less than a base unit a line.
#[test]
fn small_taxes_on_monthly_fees_and_demand_come_to_what_their_sum_comes_to() {
    let kinds = vec![LineKind::Monthly, LineKind::Demand, LineKind::Connection];
    let tax = Tax { code: 1, permille: 300, on: BoundedVec::new(kinds).unwrap() };
    let fees = Fees {
        monthly: Amount(2),
        demand_per_kw: Amount(7),
        connection: Amount(3),
        taxes: BoundedVec::new(vec![tax]).unwrap(),
    };
    let mut village = Village::new(params(), &Terms { fees, ..cheap() });
    let mut sim = village.meter(52, 2, MeterRole::Sub);
    let connection = Call::from(ChargeLine {
        microgrid: village.id,
        account: address(2),
        kind: LineKind::Connection,
        amount: Amount(3),
        reason: Hash::ZERO,
    });
    village.ok(1, connection);
    // 250 Wh in a quarter of an hour are 1 kW; then it is silent, and an estimate has no power.
    for (quarter, wh) in [(0, 0), (1, 250)] {
        let at = village.first_ms + quarter * QUARTER;
        assert_eq!(report(&mut village, &mut sim, at, wh), [Ok(())]);
        village.go(at + 60_000);
    }
    let mut want = 0; // thousandths
    for month in 1..=12 {
        village.go(FEBRUARY + month * 31 * 86_400_000);
        let taxes = |event: &Event| match event {
            Event::Energy(EnergyEvent::LineCharged { tax, .. }) => tax.0,
            _ => 0,
        };
        let posted = village.events.iter().filter(|event| {
            matches!(event, Event::Energy(EnergyEvent::LineCharged { line: LineKind::Monthly, .. }))
        });
        want = 900 + 2_100 + 600 * posted.count() as u128;
        assert_eq!(village.events.iter().map(taxes).sum::<u128>(), want / 1000);
    }
    assert!(want > 9_100, "months were missed: {want}");
    let demand = village.events.iter().filter_map(|event| match event {
        Event::Energy(EnergyEvent::LineCharged { line: LineKind::Demand, amount, tax, .. }) => {
            Some((amount.0, tax.0))
        }
        _ => None,
    });
    // Its tax of 2.1 and the 0.9 that the connection left over.
    assert_eq!(demand.collect::<Vec<_>>(), [(7, 3)]);
}

/// A meter that is always late is estimated in every interval, and corrected right after it.
#[test]
fn what_is_estimated_and_corrected_in_small_parts_costs_what_flowed() {
    let mut village = Village::new(params(), &cheap());
    let mut sim = village.meter(52, 2, MeterRole::Sub);
    let chain = village.world.env.chain;
    let (mut flowed, mut charged) = (0, 0);
    for quarter in 0..=200u64 {
        let at = village.first_ms + quarter * QUARTER;
        // The first two are in time: 16 Wh are typical.
        village.go(at + if quarter < 2 { 1000 } else { 61_000 });
        let wh = [0, 16, 0, 0, 40, 3][if quarter < 2 { quarter } else { quarter % 6 } as usize];
        sim.import += wh;
        flowed += u128::from(wh);
        let reading = sim.read(chain, at, 0, ClockQuality::Synced);
        assert_eq!(village.submit(vec![reading]), [Ok(())]);
        village.go(at + 62_000);
        let line = village.line(2);
        assert!(line.debit >= line.credit, "more is given back than was ever charged");
        assert!((line.debit - line.credit).abs_diff(flowed * 25 / 1000) <= 1, "{line:?} for {flowed} Wh");
        charged += u128::from(line.credit > 0);
    }
    assert!(charged > 100, "nothing was ever corrected");
    village.check_tabs();
}
