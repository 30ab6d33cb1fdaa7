//! Readings that come late, from clocks that lie, from meters that are swapped or turn over.

use super::*;
use crate::modules::energy::records::{Meter, SettledMeter};
use wattle_primitives::call;
use wattle_primitives::call::energy::{Fees, MeterBinding, MeterSwap};
use wattle_primitives::event::EnergyEvent;

pub(super) const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
const SYNCED: ClockQuality = ClockQuality::Synced;

/// A village with one meter of person 2 that was read at the start of the first interval.
fn metered(terms: &Terms) -> (Village, Sim) {
    let mut village = Village::new(params(), terms);
    let mut sim = village.meter(52, 2, MeterRole::Sub);
    village.go(village.first_ms + 1000);
    let reading = sim.read(village.world.env.chain, village.first_ms, 0, SYNCED);
    assert_eq!(village.submit(vec![reading]), [Ok(())]);
    (village, sim)
}

#[test]
fn ten_days_offline_are_billed_to_the_last_watt_hour() {
    let (mut village, mut sim) = metered(&terms());
    let chain = village.world.env.chain;
    let (start, opening) = (village.first_ms, sim.import);
    for quarter in 1..=4 {
        assert_eq!(report(&mut village, &mut sim, start + quarter * QUARTER, 250), [Ok(())]);
    }
    // 960 intervals without a reading: each is estimated at 250 Wh, settled, and final an hour later.
    let queued: Vec<_> = (5..=964)
        .map(|quarter| {
            sim.import += 100 + quarter % 7;
            sim.export += quarter % 3;
            sim.read(chain, start + quarter * QUARTER, 0, ClockQuality::Chain)
        })
        .collect();
    for hours in (1..=240).step_by(5) {
        village.go(start + hours * HOUR);
    }
    village.go(start + 965 * QUARTER + 1000);
    let settled = 960; // of the first four quarters as measured, and 960 estimated ones
    assert_eq!(village.billed(2), (4 * 250 + settled * 250, 0));
    assert_eq!(village.customer(2).estimates, Amount(960 * 75_000));
    let finals = village
        .events
        .iter()
        .filter(|event| matches!(event, Event::Energy(EnergyEvent::IntervalFinal { .. })))
        .count();
    assert_eq!(finals, 961); // all that ended an hour ago
    for batch in queued.chunks(128) {
        assert!(village.submit(batch.to_vec()).iter().all(Result::is_ok));
    }
    let meter: SettledMeter = village.record(keys::settled_meter(&address(52))).unwrap();
    assert_eq!((meter.silence, village.customer(2).estimates), (None, Amount(0)));
    // The last quarter's energy lies within what is settled, all of it.
    let line = village.line(2);
    assert_eq!((line.import as u64, line.export as u64), (sim.import - opening, sim.export));
    // Money: the same, but for what rounding down takes at each of the settlements and adjustments.
    let exact = i128::from(sim.import - opening) * 300 - i128::from(sim.export) * 100;
    let billed = line.debit as i128 - line.credit as i128;
    assert!((billed - exact).abs() <= 3 * 964, "{billed} {exact}");
    village.check_tabs();
}

#[test]
fn a_reading_after_the_outage_alone_is_enough() {
    let (mut village, mut sim) = metered(&terms());
    let (start, opening) = (village.first_ms, sim.import);
    assert_eq!(report(&mut village, &mut sim, start + QUARTER, 400), [Ok(())]);
    assert_eq!(report(&mut village, &mut sim, start + 10 * DAY + 77_777, 90_001), [Ok(())]);
    village.go(start + 10 * DAY + 2 * QUARTER);
    assert_eq!(report(&mut village, &mut sim, start + 10 * DAY + 3 * QUARTER, 3), [Ok(())]);
    village.go(start + 10 * DAY + 3 * QUARTER + 60_000);
    assert_eq!(village.billed(2), (i128::from(sim.import - opening), 0));
    village.check_tabs();
}

/// A light node that was never online, with a queue of days and no clock: its first reading must not make the rest of
/// the queue implausible.
#[test]
fn a_queue_of_days_without_a_clock_is_taken() {
    let mut village = Village::new(params(), &terms());
    let mut sim = village.meter(52, 2, MeterRole::Sub);
    let (chain, start) = (village.world.env.chain, village.first_ms);
    let opening = sim.import;
    let queued: Vec<_> = (0..=400)
        .map(|quarter| {
            sim.import += if quarter > 0 { 1_500 } else { 0 };
            sim.read(chain, start + quarter * QUARTER, 0, ClockQuality::Unset)
        })
        .collect();
    village.go(start + 400 * QUARTER + 1000);
    for batch in queued.chunks(100) {
        assert!(village.submit(batch.to_vec()).iter().all(Result::is_ok));
    }
    // So much may have flowed in 30 days, and no more; once its clock is right, only what the clock says.
    let mut leap = Sim { import: sim.import + 14_000_000, ..sim.clone() };
    let leap = leap.read(chain, village.now(), 0, ClockQuality::Unset);
    assert_eq!(village.submit(vec![leap]), [Err(Reason::ImplausibleReading)]);
    assert_eq!(report(&mut village, &mut sim, start + 401 * QUARTER, 2_000), [Ok(())]);
    let mut leap = Sim { import: sim.import + 10_500, ..sim.clone() };
    village.go(start + 403 * QUARTER + 1000);
    let leap = leap.read(chain, start + 403 * QUARTER, 0, SYNCED);
    assert_eq!(village.submit(vec![leap]), [Err(Reason::ImplausibleReading)]);
    assert_eq!(report(&mut village, &mut sim, start + 403 * QUARTER, 9_000), [Ok(())]);
    village.go(start + 403 * QUARTER + 60_000);
    assert_eq!(village.billed(2), (i128::from(sim.import - opening), 0));
    village.check_tabs();
}

/// Otherwise one would sell to the grid at the price that the grid asks: by an estimate that the export is set off
/// against, and that is taken back later.
#[test]
fn an_estimate_that_export_was_set_off_against_is_refunded_at_the_export_price() {
    for exported in [1_000, 400] {
        let (mut village, mut sim) = metered(&terms());
        let mut roof = village.meter(62, 2, MeterRole::Sub);
        let (chain, start) = (village.world.env.chain, village.first_ms);
        assert_eq!(report(&mut village, &mut sim, start + QUARTER, 1_000), [Ok(())]);
        let reading = roof.read(chain, start + QUARTER, 0, SYNCED);
        assert_eq!(village.submit(vec![reading]), [Ok(())]);
        // The roof delivers, and the other meter is silent and estimated at 1,000 Wh.
        village.go(start + 2 * QUARTER + 1000);
        roof.export += exported;
        let reading = roof.read(chain, start + 2 * QUARTER, 0, SYNCED);
        assert_eq!(village.submit(vec![reading]), [Ok(())]);
        village.go(start + 2 * QUARTER + 60_000);
        let net = |village: &Village| village.line(2).credit as i128 - village.line(2).debit as i128;
        assert_eq!(net(&village), -300_000 - i128::from(1_000 - exported) * 300);
        // Nothing was used after all: the export is worth what export is worth, and the rest comes back.
        assert_eq!(report(&mut village, &mut sim, start + 2 * QUARTER, 0), [Ok(())]);
        assert_eq!(net(&village), -300_000 + i128::from(exported) * 100);
        assert_eq!((village.member(2).offset, village.customer(2).estimates), (WattHours(0), Amount(0)));
        village.check_tabs();
    }
}

/// A tariff that is 0.30 until a time, and then 0.90.
fn dearer_from(time_ms: u64) -> Terms {
    let minute = (time_ms / 60_000 % 1440) as u16;
    let band = |from_minute, import| TariffBand {
        from_minute,
        import_price: Amount(import),
        export_price: Amount(0),
    };
    let tariff = BoundedVec::new(vec![band(0, 300_000), band(minute, 900_000)]).unwrap();
    Terms { tariff, utc_offset_minutes: 0, ..terms() }
}

#[test]
fn no_more_is_refunded_than_was_charged() {
    let start = (T0 / QUARTER + 1) * QUARTER;
    let (mut village, mut sim) = metered(&dearer_from(start + 3 * QUARTER));
    assert_eq!(report(&mut village, &mut sim, start + QUARTER, 1_000), [Ok(())]);
    // Two quarters are estimated at 0.30, and two at 0.90; nothing was used in any.
    village.go(start + 5 * QUARTER + 60_000);
    assert_eq!(village.line(2).debit, 3 * 300_000 + 2 * 900_000);
    assert_eq!(report(&mut village, &mut sim, start + 5 * QUARTER + 60_000, 0), [Ok(())]);
    assert_eq!(village.line(2).credit, 2 * 300_000 + 2 * 900_000);
    village.check_tabs();
}

#[test]
fn nobody_averages_the_time_of_day_away_by_reading_seldom() {
    let start = (T0 / QUARTER + 1) * QUARTER;
    // Cost of one reading after so many quarters, the last two of them dear.
    let late = |quarters: u64| {
        let (mut village, mut sim) = metered(&dearer_from(start + (quarters - 1) * QUARTER));
        assert_eq!(report(&mut village, &mut sim, start + QUARTER, 0), [Ok(())]);
        let end = start + (quarters + 1) * QUARTER;
        village.go(end + 60_000);
        assert_eq!(report(&mut village, &mut sim, end, 1_000), [Ok(())]);
        village.check_tabs();
        village.line(2).debit
    };
    assert_eq!(late(2), 900_000); // all of it dear
    assert_eq!(late(3), 900_000); // one quarter of three is cheap
    assert_eq!(late(20), 900_000);
    // Two quarters, one of them cheap, are averaged.
    let (mut village, mut sim) = metered(&dearer_from(start + 2 * QUARTER));
    assert_eq!(report(&mut village, &mut sim, start + QUARTER, 0), [Ok(())]);
    village.go(start + 3 * QUARTER + 60_000);
    assert_eq!(report(&mut village, &mut sim, start + 3 * QUARTER, 1_000), [Ok(())]);
    assert_eq!(village.line(2).debit, 600_000);
}

/// Whoever starts anew without a clock says nothing of when its energy flowed, and neither does a clock that stands
/// still while more flows than can in its time: it may have flowed at any time up to the block, at the dearest price of
/// that.
#[test]
fn a_restart_without_a_clock_dates_no_silence_to_a_cheap_moment() {
    let band = |hour: u16, import| TariffBand {
        from_minute: hour * 60,
        import_price: Amount(import),
        export_price: Amount(0),
    };
    let tariff = BoundedVec::new(vec![band(0, 100_000), band(6, 900_000)]).unwrap();
    let fees = Fees { demand_per_kw: Amount(1_000), ..Fees::default() };
    let night = (T0 / DAY + 1) * DAY + 2 * HOUR;
    // 20 Wh can flow in 5 s, and 40 kWh cannot.
    for (boot_id, wh) in [(2, 40_000), (2, 20), (1, 40_000)] {
        let (mut village, mut sim) =
            metered(&Terms { tariff: tariff.clone(), fees: fees.clone(), ..terms() });
        assert_eq!(report(&mut village, &mut sim, night, 0), [Ok(())]);
        let now = night + 10 * DAY + HOUR; // a cheap moment, too
        village.go(now);
        assert_eq!(village.line(2).debit, 0);
        // The clock that counts is 5 s on since the start, or since the reading before.
        sim.booted_ms = if boot_id == 1 { sim.booted_ms + now - night - 5_000 } else { now - 5_000 };
        (sim.boot_id, sim.import) = (boot_id, sim.import + wh);
        let reading = sim.read(village.world.env.chain, now, -(now as i64), ClockQuality::Unset);
        assert_eq!(village.submit(vec![reading]), [Ok(())]);
        let last = village.world.state.read(keys::meter(&address(52))).unwrap().last.unwrap();
        assert_eq!(last.effective_ms, TimeMs(night + 5_000));
        assert_eq!((village.billed(2).0, village.line(2).debit), (wh.into(), u128::from(wh) * 900));
        // Its power is the average of that time; at most 20 kW can have flowed.
        let average = WattHours(wh * QUARTER / (last.block_time_ms.0 - night));
        let demand = village.member(2).demand.amount;
        assert_eq!(demand, fees.demand(average, TimeMs(QUARTER)), "{wh} Wh");
        assert!(demand <= Amount(20 * 1_000));
        village.check_tabs();
    }
}

#[test]
fn a_rise_does_not_reach_back() {
    let (mut village, mut sim) = metered(&terms());
    let start = village.first_ms;
    assert_eq!(report(&mut village, &mut sim, start + QUARTER, 0), [Ok(())]);
    let band = TariffBand { from_minute: 0, import_price: Amount(900_000), export_price: Amount(0) };
    let dear = Terms { tariff: BoundedVec::new(vec![band]).unwrap(), ..terms() };
    village.ok(1, Call::from(call::energy::SetTerms { microgrid: village.id, terms: Box::new(dear) }));
    // It is silent for a day, less a quarter, at 0.30, and for six hours at 0.90.
    let end = start + DAY + 6 * HOUR;
    village.go(end + 60_000);
    assert_eq!(village.line(2).debit, 0);
    assert_eq!(report(&mut village, &mut sim, end, 8_000), [Ok(())]);
    let (cheap, dear) = (u128::from(DAY - QUARTER), u128::from(6 * HOUR));
    assert_eq!(village.line(2).debit, 8 * ((cheap * 300_000 + dear * 900_000) / (cheap + dear)));
    village.check_tabs();
}

/// A meter falls silent so that an accomplice's surplus seems to be wanted.
#[test]
fn nobody_sells_to_an_estimate() {
    let (mut village, mut silent) = metered(&Terms { clearing: ClearingRule::MidMarket, ..terms() });
    let mut roof = village.meter(53, 3, MeterRole::Sub);
    let (chain, start) = (village.world.env.chain, village.first_ms);
    let reading = roof.read(chain, start, 0, SYNCED);
    assert_eq!(village.submit(vec![reading]), [Ok(())]);
    assert_eq!(report(&mut village, &mut silent, start + QUARTER, 5_000), [Ok(())]);
    let reading = roof.read(chain, start + QUARTER, 0, SYNCED);
    assert_eq!(village.submit(vec![reading]), [Ok(())]);
    village.go(start + 2 * QUARTER + 1000);
    roof.export += 1_000;
    let reading = roof.read(chain, start + 2 * QUARTER, 0, SYNCED);
    assert_eq!(village.submit(vec![reading]), [Ok(())]);
    village.go(start + 2 * QUARTER + 60_000);
    assert_eq!(village.line(3).credit, 100_000); // what the grid pays
    assert_eq!(village.line(2).debit, 2 * 1_500_000); // what the grid asks
    assert_eq!(report(&mut village, &mut silent, start + 2 * QUARTER, 0), [Ok(())]);
    assert_eq!(village.line(2).credit, 1_500_000);
    village.check_tabs();
}

/// A meter that is registered today can have delivered nothing before.
#[test]
fn a_first_reading_is_no_older_than_the_registration() {
    let (mut village, _) = metered(&terms());
    let (chain, now) = (village.world.env.chain, village.first_ms + 2 * DAY);
    village.go(now);
    let mut sim = village.meter(62, 3, MeterRole::Sub);
    let opening = sim.read(chain, now - DAY, 0, SYNCED);
    sim.export += 20_000 * 24; // all that could have flowed in a day
    let claim = sim.read(chain, village.now(), 0, SYNCED);
    assert_eq!(village.submit(vec![opening, claim]), [Ok(()), Err(Reason::ImplausibleReading)]);
    assert_eq!(village.tab(3), 0);
    // Nor is that of a meter of the genesis, which begins with no registers.
    let registered = village.record::<Meter>(keys::meter(&address(50))).unwrap().registered_ms.0;
    let mut sim = Sim::new(50, registered);
    let opening = sim.read(chain, registered - DAY, 0, SYNCED);
    let most = 69_000 * ((village.now() - registered) / HOUR); // all that could have flowed since
    sim.export += most + 2 * 69_000;
    let claim = sim.read(chain, village.now(), 0, SYNCED);
    sim.export -= 2 * 69_000;
    let honest = sim.read(chain, village.now(), 0, SYNCED);
    let results = village.submit(vec![opening, claim, honest]);
    assert_eq!(results, [Ok(()), Err(Reason::ImplausibleReading), Ok(())]);
}

#[test]
fn readings_come_from_the_meter_its_owner_or_the_operator() {
    let (mut village, mut sim) = metered(&terms());
    let (chain, at) = (village.world.env.chain, village.first_ms + QUARTER);
    village.go(at);
    for (sender, want) in [(3, Err(Reason::NotAllowed)), (2, Ok(())), (1, Ok(()))] {
        let readings = BoundedVec::new(vec![sim.read(chain, at, 0, SYNCED)]).unwrap();
        let events = village.world.ok(sender, Call::from(call::energy::SubmitReadings { readings }));
        let got = events.iter().find_map(|event| match event {
            Event::Energy(EnergyEvent::ReadingAccepted { .. }) => Some(Ok(())),
            Event::Energy(EnergyEvent::ReadingRefused { reason, .. }) => Some(Err(*reason)),
            _ => None,
        });
        assert_eq!(got, Some(want), "{sender}");
    }
}

#[test]
fn nobody_is_paid_for_silence() {
    let (mut village, mut sim) = metered(&terms());
    let start = village.first_ms;
    sim.export += 2_000;
    assert_eq!(report(&mut village, &mut sim, start + QUARTER, 0), [Ok(())]);
    village.go(start + DAY);
    assert_eq!(village.billed(2), (0, 2_000));
    assert_eq!(village.line(2).credit, 200_000);
}

/// Whatever a clock says, and whether or not it is said to be right: the bill is the registers' difference, always
/// within the estimate of an interval, and exactly once an honest reading closes it.
#[test]
fn clocks_that_are_a_month_off_give_no_energy() {
    let month = (30 * DAY) as i64;
    for (off, clock) in [
        (month, SYNCED),
        (-month, SYNCED),
        (month, ClockQuality::Chain),
        (-month, ClockQuality::Unset),
        (i64::MAX, SYNCED),
        (i64::MIN, SYNCED),
    ] {
        let (mut village, mut sim) = metered(&terms());
        let (chain, start, opening) = (village.world.env.chain, village.first_ms, sim.import);
        for quarter in 1..=40 {
            let at = start + quarter * QUARTER;
            village.go(at + 1000);
            sim.import += 200;
            sim.export += 20;
            let reading = sim.read(chain, at, off, clock);
            assert_eq!(village.submit(vec![reading]), [Ok(())], "{off}");
            let (import, export) = village.billed(2);
            let shown = i128::from(sim.import - opening);
            assert!(import <= shown && shown - import <= 2 * 200 + 1, "{off}: {import} of {shown}");
            assert!(export <= i128::from(sim.export), "{off}: {export}");
        }
        village.go(start + 41 * QUARTER + 60_000);
        assert_eq!(report(&mut village, &mut sim, start + 42 * QUARTER, 0), [Ok(())]);
        village.go(start + 42 * QUARTER + 60_000);
        assert_eq!(village.billed(2), (i128::from(sim.import - opening), i128::from(sim.export)), "{off}");
        village.check_tabs();
    }
}

/// A light node that holds its clocks back gains nothing: not in energy, not in the power that may have flowed.
#[test]
fn a_stopped_clock_does_not_widen_the_cap() {
    let (mut village, mut sim) = metered(&terms());
    let (chain, start) = (village.world.env.chain, village.first_ms);
    village.go(start + HOUR);
    // 20 kW for an hour and a second are 20,005 Wh, and the resolution is worth 3.
    let rows = [
        (12_000, Ok(())),
        (12_000, Err(Reason::ImplausibleReading)),
        (8_000, Ok(())),
        (8, Ok(())),
        (2, Err(Reason::ImplausibleReading)),
    ];
    for (wh, want) in rows {
        let now = village.now();
        let before = sim.clone();
        sim.export += wh;
        let mut frozen = sim.read(chain, start, 0, ClockQuality::Unset);
        frozen.reading.uptime_ms = 0;
        frozen.signature = key(52).sign(&frozen.reading.signing_bytes(&chain));
        village.world.env.time_ms = TimeMs(start + HOUR + 1000);
        assert_eq!(village.submit(vec![frozen]), [want], "{wh} at {now}");
        if want.is_err() {
            sim.export = before.export;
        }
    }
}

#[test]
fn a_transient_zero_a_reset_and_a_leap_are_refused() {
    let (mut village, mut sim) = metered(&terms());
    let (chain, start) = (village.world.env.chain, village.first_ms);
    assert_eq!(report(&mut village, &mut sim, start + QUARTER, 400), [Ok(())]);
    village.go(start + 2 * QUARTER);
    let good = sim.clone();
    for (import, export, reason) in [
        (0, 0, Reason::RegisterDecreased),
        (1_399, 0, Reason::RegisterDecreased),
        (1_400 + 5_100, 0, Reason::ImplausibleReading), // 20 kW for a quarter of an hour are 5,000 Wh
        (1_400, 5_100, Reason::ImplausibleReading),
    ] {
        (sim.import, sim.export) = (import, export);
        let reading = sim.read(chain, start + 2 * QUARTER, 0, SYNCED);
        assert_eq!(village.submit(vec![reading]), [Err(reason)], "{import} {export}");
    }
    sim = Sim { seq: sim.seq, ..good };
    assert_eq!(report(&mut village, &mut sim, start + 2 * QUARTER, 7), [Ok(())]);
    village.go(start + 2 * QUARTER + 60_000);
    assert_eq!(village.billed(2), (407, 0));
}

#[test]
fn a_register_turns_over_even_late() {
    let mut village = Village::new(params(), &terms());
    let opening = (1 << 32) - 500;
    let mut sim = village.meter_at(52, 2, MeterRole::Sub, self::opening(opening, village.now()));
    let (chain, start) = (village.world.env.chain, village.first_ms);
    village.go(start + 1000);
    let reading = sim.read(chain, start, 0, SYNCED);
    assert_eq!(village.submit(vec![reading]), [Ok(())]);
    assert_eq!(report(&mut village, &mut sim, start + 3 * DAY, 40_000), [Ok(())]);
    assert_eq!(report(&mut village, &mut sim, start + 3 * DAY + QUARTER, 100), [Ok(())]);
    village.go(start + 3 * DAY + QUARTER + 60_000);
    assert_eq!(village.billed(2), (i128::from(sim.import - opening), 0));
    let last = village.world.state.read(keys::meter(&address(52))).unwrap().last.unwrap();
    assert_eq!(last.import_wh, WattHours((1 << 32) + 39_600));
}

pub(super) fn swap_of(village: &Village, installer: u8, old: (u8, u64, u64), new: u8, opening: u32) -> Call {
    let words = |wh: u32| BoundedVec::new(vec![(wh >> 16) as u16, wh as u16]).unwrap();
    let swap = MeterSwap {
        old: address(old.0),
        final_import_wh: WattHours(old.1),
        final_export_wh: WattHours(old.2),
        new: key(new).public(),
        encoding: RegisterEncoding::Uint32Wh,
        power_max_w: 20_000,
        opening_import: words(opening),
        opening_export: words(0),
        time_ms: TimeMs(village.now()),
    };
    signed(&village.world.env.chain, swap, installer, new)
}

#[test]
fn a_swapped_meter_is_billed_exactly_and_reads_no_more() {
    let (mut village, mut sim) = metered(&Terms { installer: Some(address(6)), ..terms() });
    let (chain, start) = (village.world.env.chain, village.first_ms);
    assert_eq!(report(&mut village, &mut sim, start + QUARTER, 400), [Ok(())]);
    // It dies, and is estimated for three hours and a half; its register shows 1,100 Wh more than last read.
    village.go(start + QUARTER + 3 * HOUR + HOUR / 2);
    let good = swap_of(&village, 6, (52, 2_500, 0), 62, 700);
    let mut forged = good.clone();
    if let Call::Energy(EnergyCall::SwapMeter(call::energy::SwapMeter { swap, .. })) = &mut forged {
        swap.final_import_wh = WattHours(2_400);
    }
    village.fails(1, forged, Reason::BadSignature);
    let mut unasked = good.clone(); // the new meter's key agreed to something else
    if let Call::Energy(EnergyCall::SwapMeter(call::energy::SwapMeter { binding, .. })) = &mut unasked {
        let opening = opening(1_000, village.now());
        let place = MeterBinding::Connection { microgrid: village.id, owner: address(2), opening };
        *binding = key(62).sign(&place.signing_bytes(&chain));
    }
    village.fails(1, unasked, Reason::BadSignature);
    village.fails(1, swap_of(&village, 1, (52, 2_500, 0), 62, 700), Reason::NotAllowed);
    village.fails(3, good.clone(), Reason::NotAllowed);
    village.fails(1, swap_of(&village, 6, (52, 1_399, 0), 62, 700), Reason::RegisterDecreased);
    village.fails(1, swap_of(&village, 6, (52, 2_500, 0), 50, 700), Reason::AlreadyExists);
    village.ok(1, good.clone());
    village.fails(1, good, Reason::MeterReplaced);
    sim.import += 5_000;
    let late = sim.read(chain, village.now(), 0, SYNCED);
    assert_eq!(village.submit(vec![late]), [Err(Reason::MeterReplaced)]);
    let mut new = Sim { import: 700, ..Sim::new(62, village.now()) };
    let at = start + QUARTER + 4 * HOUR;
    assert_eq!(report(&mut village, &mut new, at, 300), [Ok(())]);
    village.go(at + 60_000);
    // 400 and 1,100 by the old meter, 300 by the new one.
    assert_eq!(village.billed(2), (1_800, 0));
    assert_eq!(village.customer(2).estimates, Amount(0));
    village.go(at + 10 * QUARTER);
    // The new one inherits the profile: what is missing of it is estimated at once.
    let new = village.record::<SettledMeter>(keys::settled_meter(&address(62))).unwrap();
    let estimated = new.estimated(TimeMs(at), TimeMs(at + 9 * QUARTER), TimeMs(QUARTER));
    assert!(estimated > 9 * 50);
    assert_eq!(village.billed(2), (1_800 + i128::from(estimated), 0));
    village.check_tabs();
}

/// Whoever signs: the operator alone, or the installer whom its terms name.
#[test]
fn a_swaps_registers_show_no_more_than_can_have_flowed() {
    for (installer, by) in [(None, 1), (Some(address(6)), 6)] {
        let (mut village, _) = metered(&Terms { installer, ..terms() });
        village.go(village.first_ms + HOUR);
        let most = 1_000 + 20_000; // Wh: an hour at full power
        village.fails(1, swap_of(&village, by, (52, most + 100, 0), 62, 0), Reason::ImplausibleReading);
        village.ok(1, swap_of(&village, by, (52, most, 0), 62, 0));
        village.check_tabs();
    }
    // Nor does the old meter show what flowed since they were read: the new one does.
    let (mut village, _) = metered(&terms());
    village.go(village.first_ms + HOUR);
    let at = village.now() - HOUR / 2;
    for (wh, want) in [(10_100, false), (10_000, true)] {
        let swap = read_at(&mut village, at, (52, 1_000 + wh, 0), 62);
        if want { village.ok(1, swap) } else { village.fails(1, swap, Reason::ImplausibleReading) }
    }
}

/// A swap of meter `old`, which the operator read at `at`.
fn read_at(village: &mut Village, at: u64, old: (u8, u64, u64), new: u8) -> Call {
    let now = std::mem::replace(&mut village.world.env.time_ms, TimeMs(at));
    let swap = swap_of(village, 1, old, new, 0);
    village.world.env.time_ms = now;
    swap
}

/// Whoever keeps a signed swap in a drawer could use it when it suits: to leave out what has flowed since, or to end a
/// meter that it wants gone.
#[test]
fn a_swap_held_back_for_longer_than_an_hour_is_refused() {
    for (early_ms, want) in [(DAY, false), (HOUR + 1, false), (HOUR, true), (0, true)] {
        let (mut village, _) = metered(&terms());
        village.world.env.time_ms = TimeMs(village.first_ms + 2 * DAY);
        let at = village.now() - early_ms;
        let swap = read_at(&mut village, at, (52, 1_500, 0), 62);
        if want {
            village.ok(1, swap)
        } else {
            village.fails(1, swap, Reason::BadTime)
        }
        village.check_tabs();
    }
}

/// A swap's clock is ahead by no more than a reading's. What the new meter shows beyond its opening registers may have
/// flowed since they were read.
#[test]
fn a_swaps_registers_are_of_the_time_at_which_they_were_read() {
    let (mut village, _) = metered(&terms());
    village.go(village.first_ms + HOUR);
    for (ahead_ms, want) in [(60_001, false), (60_000, true)] {
        let at = village.now() + ahead_ms;
        let swap = read_at(&mut village, at, (52, 1_000, 0), 62);
        if want { village.ok(1, swap) } else { village.fails(1, swap, Reason::BadTime) }
    }
    village.go(village.now() + QUARTER);
    let at = village.now() - QUARTER;
    let swap = read_at(&mut village, at, (62, 0, 0), 63);
    village.ok(1, swap);
    let mut new = Sim { import: 5_000, ..Sim::new(63, village.now()) }; // a quarter of an hour at full power
    let reading = new.read(village.world.env.chain, village.now(), 0, SYNCED);
    assert_eq!(village.submit(vec![reading]), [Ok(())]);
    village.check_tabs();
}

/// Its owner swaps a meter by its own call; without its mandate the operator does not.
#[test]
fn a_meter_is_swapped_by_its_owner_or_with_its_mandate() {
    let (mut village, _) = metered(&terms());
    village.go(village.first_ms + HOUR);
    village.ok(2, no_mandate(village.id));
    village.fails(1, swap_of(&village, 1, (52, 1_000, 0), 62, 0), Reason::MandateRequired);
    village.fails(2, swap_of(&village, 2, (52, 1_000, 0), 62, 0), Reason::NotAllowed); // the operator reads it
    village.ok(2, swap_of(&village, 1, (52, 1_000, 0), 62, 0));
    village.ok(2, mandate(village.id, None));
    village.ok(1, swap_of(&village, 1, (62, 0, 0), 63, 0));
    village.check_tabs();
}

#[test]
fn under_reporting_by_five_percent_is_flagged_within_a_day_of_quarters() {
    let mut village = Village::new(params(), &terms());
    let (chain, start) = (village.world.env.chain, village.first_ms);
    let mut feeder = village.meter(70, 1, MeterRole::Feeder);
    let mut honest = village.meter(52, 2, MeterRole::Sub);
    let mut thief = village.meter(53, 3, MeterRole::Sub);
    let mut dice = oracle::Dice(9);
    let flagged = |village: &Village| {
        village
            .events
            .iter()
            .filter(|e| matches!(e, Event::Energy(EnergyEvent::IntervalFinal { under_reported: true, .. })))
            .count()
    };
    let mut quarters = |village: &mut Village, from: u64, to: u64, shown: u64| {
        for quarter in from..to {
            let (a, b) = (dice.roll(400) + 50, dice.roll(400) + 50);
            if quarter > 0 {
                honest.import += a;
                thief.import += b * shown / 100;
                feeder.import += a + b;
            }
            let at = start + quarter * QUARTER;
            village.go(at + 1000);
            let readings = [&mut feeder, &mut honest, &mut thief].map(|sim| sim.read(chain, at, 0, SYNCED));
            assert!(village.submit(readings.to_vec()).iter().all(Result::is_ok));
        }
    };
    quarters(&mut village, 0, 25, 100);
    village.go(start + 24 * QUARTER + 300_000);
    assert_eq!(flagged(&village), 0);
    // From now on 5 % of all that flows is not shown: 10 % of half of it.
    quarters(&mut village, 25, 49, 90);
    village.go(start + 54 * QUARTER);
    assert!(flagged(&village) > 0);
}

/// The cost of an adjustment is rounded down like everything else: no fraction of a base unit goes to the operator.
#[test]
fn an_adjustment_is_rounded_down() {
    let band = TariffBand { from_minute: 0, import_price: Amount(300_001), export_price: Amount(100_000) };
    let (mut village, mut sim) = metered(&Terms { tariff: BoundedVec::new(vec![band]).unwrap(), ..terms() });
    let end = village.first_ms + QUARTER;
    village.go(end + 60_000); // settled without it
    sim.import += 333;
    let reading = sim.read(village.world.env.chain, end, 0, SYNCED);
    assert_eq!(village.submit(vec![reading]), [Ok(())]);
    assert_eq!((village.billed(2), village.line(2).debit), ((333, 0), 99_900)); // of 99,900.333
    village.check_tabs();
}

/// A late reading corrects what the members' meters show once: the rest is a loss.
#[test]
fn a_late_reading_leaves_the_loss_that_there_is() {
    let mut village = Village::new(params(), &Terms { losses: LossRule::ProRata, ..terms() });
    let (mut feeder, mut sim) =
        (village.meter(51, 1, MeterRole::Feeder), village.meter(52, 2, MeterRole::Sub));
    let (chain, start) = (village.world.env.chain, village.first_ms);
    let end = start + QUARTER;
    village.go(start + 1000);
    let first = vec![feeder.read(chain, start, 0, SYNCED), sim.read(chain, start, 0, SYNCED)];
    assert_eq!(village.submit(first), [Ok(()), Ok(())]);
    village.go(end + 1000);
    feeder.import += 1000;
    assert_eq!(village.submit(vec![feeder.read(chain, end, 0, SYNCED)]), [Ok(())]);
    village.go(end + 60_000);
    sim.import += 900;
    assert_eq!(village.submit(vec![sim.read(chain, end, 0, SYNCED)]), [Ok(())]);
    village.go(end + 4 * QUARTER);
    let finals: Vec<_> = village
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Energy(EnergyEvent::IntervalFinal { interval, loss_wh, .. })
                if *interval == village.interval(start) =>
            {
                Some(loss_wh.0)
            }
            _ => None,
        })
        .collect();
    assert_eq!(finals, [100]);
    village.check_tabs();
}

/// A meter that is read seldom, or is closed so, does not show what it used in each interval: the others bear no loss
/// for it, whether its intervals are settled by then or not. Each of them pays for what its own meter shows.
#[test]
fn nobody_bears_a_loss_for_what_another_reads_seldom() {
    for case in 0..8 {
        let (grace_ms, peak, closed) = ([60_000, 2 * DAY][case / 4], [7, 8][case / 2 % 2], case % 2 == 1);
        let (grace_ms, late_window_ms) = (TimeMs(grace_ms), TimeMs(3 * DAY));
        let terms = Terms { losses: LossRule::ProRata, grace_ms, late_window_ms, ..terms() };
        let mut village = Village::new(params(), &terms);
        let mut feeder = village.meter(51, 1, MeterRole::Feeder);
        let mut own = village.meter(52, 1, MeterRole::Sub);
        let mut other = village.meter(53, 2, MeterRole::Sub);
        let mut idle = Sim::new(50, village.now());
        let (chain, start) = (village.world.env.chain, village.first_ms);
        for quarter in 0..=8 {
            let at = start + quarter * QUARTER;
            village.go(at + 1000);
            if quarter > 0 {
                (feeder.import, other.import) = (feeder.import + 1_100, other.import + 100);
                own.import += 1_000;
            }
            if quarter == peak {
                (feeder.import, own.import) = (feeder.import + 3_000, own.import + 3_000);
            }
            let mut all: Vec<_> =
                [&mut feeder, &mut other, &mut idle].map(|sim| sim.read(chain, at, 0, SYNCED)).into();
            let last = (quarter % 8 == 0).then(|| own.read(chain, at, 0, SYNCED));
            if let Some(reading) = last {
                if closed && quarter == 8 {
                    let closing = Some(Box::new(reading));
                    village.ok(1, Call::from(call::energy::RetireMeter { meter: address(52), closing }));
                } else {
                    all.push(reading);
                }
            }
            assert!(village.submit(all).iter().all(Result::is_ok));
        }
        village.go(start + 4 * DAY);
        let shared = |event: &&Event| matches!(event, Event::Energy(EnergyEvent::LossShared { .. }));
        assert_eq!(village.events.iter().find(shared), None, "{grace_ms} {peak} {closed}");
        let settled: SettledMeter = village.record(keys::settled_meter(&address(52))).unwrap();
        let estimated = settled.estimated(TimeMs(0), TimeMs(settled.until.0 * QUARTER), TimeMs(QUARTER));
        assert_eq!(village.billed(1), (11_000 + i128::from(estimated), 0));
        let estimated = village.customer(2).estimates.0;
        assert_eq!(village.line(2).debit, 8 * 30_000 + estimated);
        village.check_tabs();
    }
}
