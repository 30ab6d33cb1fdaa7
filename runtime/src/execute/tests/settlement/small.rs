//! Lines of less than a base unit: an asset is coarse, or intervals are short.

use super::*;

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
