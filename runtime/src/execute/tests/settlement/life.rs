//! A meter's life, from its opening registers to its closing ones, and a member's leave: what each is promised.

use super::late::HOUR;
use super::*;
use crate::modules::energy::records::SettledMeter;
use wattle_primitives::call::energy::{LeaveMicrogrid, ReadMeter, RetireMeter};
use wattle_primitives::event::DealsEvent;

const DAY: u64 = 24 * HOUR;
const SYNCED: ClockQuality = ClockQuality::Synced;

/// A village whose first interval has begun.
fn begun(params: Params, terms: &Terms) -> Village {
    let mut village = Village::new(params, terms);
    village.go(village.first_ms);
    village
}

fn read(n: u8, import: u64, export: u64, at: u64) -> Call {
    let (import_wh, export_wh) = (WattHours(import), WattHours(export));
    Call::from(ReadMeter { meter: address(n), import_wh, export_wh, time_ms: TimeMs(at) })
}

fn retire(n: u8, closing: Option<SignedReading>) -> Call {
    Call::from(RetireMeter { meter: address(n), closing: closing.map(Box::new) })
}

fn leave(village: &Village) -> Call {
    Call::from(LeaveMicrogrid { microgrid: village.id })
}

fn adjustments(village: &Village) -> Vec<(u64, u64, bool)> {
    let of = |event: &Event| match event {
        Event::Energy(EnergyEvent::EnergyAdjusted { import_wh, settled_import_wh, manual, .. }) => {
            Some((import_wh.0, settled_import_wh.0, *manual))
        }
        _ => None,
    };
    village.events.iter().filter_map(of).collect()
}

/// All that flows after the opening registers were read is billed, however late the first reading comes.
#[test]
fn nothing_beyond_the_opening_registers_is_free() {
    let mut village = begun(params(), &terms());
    let start = village.first_ms;
    let mut sim = village.meter_at(52, 2, MeterRole::Sub, opening(7_000, start));
    assert_eq!(report(&mut village, &mut sim, start + 3 * DAY, 40_000), [Ok(())]);
    village.go(start + 3 * DAY + 60_000);
    assert_eq!(village.billed(2), (40_000, 0));
    village.check_tabs();
}

/// Energy that flowed while the binding was on its way to the operator is billed; a key that says the registers are
/// old, or from tomorrow, gains a week of its connection's power at most.
#[test]
fn opening_registers_are_as_old_as_a_week() {
    let week = 20 * 24 * 7 * 1000; // Wh at 20 kW
    for (age, most) in [(0, 0), (3 * HOUR, 60_000), (7 * DAY, week), (30 * DAY, week)] {
        let mut village = begun(params(), &terms());
        let now = village.now();
        let mut sim = village.meter_at(52, 2, MeterRole::Sub, opening(0, now - age));
        let chain = village.world.env.chain;
        sim.import = most + 20;
        let beyond = sim.read(chain, now, 0, SYNCED);
        sim.import = most;
        let good = sim.read(chain, now, 0, SYNCED);
        let results = village.submit(vec![beyond, good]);
        assert_eq!(results, [Err(Reason::ImplausibleReading), Ok(())], "{age}");
        village.go(now + 2 * QUARTER);
        assert_eq!(village.billed(2), (most.into(), 0));
    }
    let mut village = begun(params(), &terms());
    let tomorrow = opening(0, village.now() + DAY);
    let mut sim = village.meter_at(52, 2, MeterRole::Sub, tomorrow);
    let start = village.first_ms;
    assert_eq!(report(&mut village, &mut sim, start + HOUR, 20_000), [Ok(())]);
    // Words that are no energy open nothing.
    let mut odd = opening(0, village.now());
    odd.import = BoundedVec::new(vec![1]).unwrap();
    let call = registration_at(&village.world.env.chain, village.id, 53, 2, odd);
    assert_eq!(call.check(), Err(Reason::BadRegisters));
}

/// Readings that waited in the light node before its meter was registered: those below the opening registers are
/// refused, the others bring each their part.
#[test]
fn readings_from_before_the_registration_bring_what_is_beyond_the_opening() {
    let mut village = begun(params(), &terms());
    let (chain, now) = (village.world.env.chain, village.now());
    let mut sim = Sim::new(52, now - DAY);
    let queued: Vec<_> = (0..4)
        .map(|n| {
            sim.import += 100;
            sim.read(chain, now - DAY + n * HOUR, 0, SYNCED)
        })
        .collect();
    village.meter_at(52, 2, MeterRole::Sub, opening(1_250, now - DAY + HOUR + HOUR / 2));
    let results = village.submit(queued);
    let below = Err(Reason::RegisterDecreased);
    assert_eq!(results, [below, below, Ok(()), Ok(())]);
    assert_eq!(report(&mut village, &mut sim, now + QUARTER, 50), [Ok(())]);
    village.go(now + 3 * QUARTER);
    assert_eq!(
        village.record::<SettledMeter>(keys::settled_meter(&address(52))).unwrap().silence.unwrap().since_ms,
        TimeMs(now + QUARTER)
    );
    assert_eq!(
        village
            .events
            .iter()
            .filter(|event| matches!(event, Event::Energy(EnergyEvent::EnergyAdjusted { .. })))
            .count(),
        0
    );
    let estimated = village.customer(2).estimates.0 as i128 / 300;
    assert_eq!(village.billed(2), (1_450 - 1_250 + estimated, 0));
}

/// A meter that was silent for months ends with one bill that its closing registers prove: nothing that did not flow is
/// billed, and nothing that did is free.
#[test]
fn months_of_silence_end_with_the_closing_registers() {
    let mut village = begun(params(), &terms());
    let (chain, start) = (village.world.env.chain, village.first_ms);
    let mut sim = village.meter(52, 2, MeterRole::Sub);
    assert_eq!(report(&mut village, &mut sim, start + QUARTER, 250), [Ok(())]);
    for day in (1..=90).step_by(3) {
        village.go(start + day * DAY);
    }
    assert!(village.customer(2).estimates > Amount(0));
    let shown = sim.import;
    sim.import += 777_000;
    let closing = sim.read(chain, village.now(), 0, SYNCED);
    let mut forged = closing.clone();
    forged.reading.import = opening(shown, 0).import;
    let other = Sim::new(53, start).read(chain, start, 0, SYNCED);
    village.fails(2, retire(52, Some(closing.clone())), Reason::NotAllowed);
    village.fails(1, retire(52, Some(forged)), Reason::BadSignature);
    assert_eq!(retire(52, Some(other)).check(), Err(Reason::BadEvidence));
    village.fails(1, retire(99, None), Reason::UnknownMeter);
    let before = adjustments(&village).len();
    village.ok(1, retire(52, Some(closing)));
    let one: Vec<_> = adjustments(&village).split_off(before);
    assert_eq!(one.len(), 1);
    village.go(start + 92 * DAY);
    assert_eq!(village.billed(2), (250 + 777_000, 0));
    assert_eq!(village.customer(2).estimates, Amount(0));
    assert_eq!(adjustments(&village).len(), before + 1, "closed: nothing is estimated or adjusted any more");
    let late = sim.read(chain, village.now(), 0, SYNCED);
    assert_eq!(village.submit(vec![late]), [Err(Reason::MeterRetired)]);
    village.fails(1, retire(52, None), Reason::MeterRetired);
    village.fails(1, read(52, sim.import, 0, village.now()), Reason::MeterRetired);
    let again = registration(&chain, village.id, 52, 2);
    village.fails(1, again, Reason::AlreadyExists); // a key counts once
    village.check_tabs();
}

/// Estimates alone stand on an account of their own, paid or not; what was paid counts for what was measured.
#[test]
fn what_readings_replace_is_a_receivable_again() {
    let mut village = begun(params(), &terms());
    let start = village.first_ms;
    let mut sim = village.meter(52, 2, MeterRole::Sub);
    for quarter in 1..=4 {
        assert_eq!(report(&mut village, &mut sim, start + quarter * QUARTER, 250), [Ok(())]);
    }
    village.go(start + 8 * QUARTER + 60_000);
    // Four quarters were read, four estimated, at 0.30 a kWh; all of it was collected.
    let Customer { tab, estimates, .. } = village.customer(2);
    assert_eq!((tab, estimates, village.tab(2)), (-300_000, Amount(300_000), 0));
    // 400 Wh less were used than estimated: so much is due.
    assert_eq!(report(&mut village, &mut sim, start + 8 * QUARTER, 600), [Ok(())]);
    assert_eq!(village.customer(2), Customer { tab: -120_000, ..Customer::default() });
    village.check_tabs();
}

/// A meter that nobody can read any more is closed at its last reading: what was estimated beyond that is given back.
#[test]
fn a_meter_closed_without_a_reading_bills_nothing_beyond_its_last() {
    let mut village = begun(params(), &terms());
    let start = village.first_ms;
    let mut sim = village.meter(52, 2, MeterRole::Sub);
    assert_eq!(report(&mut village, &mut sim, start + QUARTER, 250), [Ok(())]);
    village.go(start + 30 * DAY);
    assert!(village.billed(2).0 > 250);
    // So long its light node may keep what it exported.
    village.fails(1, retire(52, None), Reason::ReadingRequired);
    village.go(start + QUARTER + 30 * DAY);
    village.ok(1, retire(52, None));
    village.go(start + 32 * DAY);
    assert_eq!((village.billed(2), village.customer(2).estimates), ((250, 0), Amount(0)));
    village.check_tabs();
}

/// A person's reading counts, and is flagged wherever it shows: that of who bills, and of the installer whom the terms
/// name, within what can have flowed. The owner's does not: it would say when energy flowed as well. No estimate is
/// made of it.
#[test]
fn a_reading_by_hand_is_flagged_and_never_its_owners() {
    let mut village = begun(params(), &Terms { installer: Some(address(6)), ..terms() });
    let start = village.first_ms;
    let mut sim = village.meter(52, 2, MeterRole::Sub);
    assert_eq!(report(&mut village, &mut sim, start + QUARTER, 250), [Ok(())]); // shows 1,250
    village.go(start + 5 * QUARTER + 61_000);
    let (now, settled) = (village.now(), 1_000 + 5 * 250);
    village.fails(3, read(52, settled, 0, now), Reason::NotAllowed);
    village.fails(2, read(52, settled, 0, now), Reason::NotAllowed);
    village.fails(1, read(52, 1_249, 0, now), Reason::RegisterDecreased);
    village.fails(1, read(52, settled, 0, start), Reason::BadTime);
    village.fails(1, read(52, settled, 0, now + HOUR), Reason::BadTime);
    village.fails(6, read(52, 1_250 + 21_700, 0, now), Reason::ImplausibleReading);
    assert_eq!(read(52, u64::MAX, 0, now).check(), Err(Reason::OutOfRange));
    village.ok(1, read(52, settled + 100, 0, now));
    let last = village.record(keys::meter(&address(52))).unwrap().last.unwrap();
    assert_eq!((last.manual, last.seq, last.import_wh), (true, 1, WattHours(settled + 100)));
    let by = village.events.iter().rev().find_map(|event| match event {
        Event::Energy(EnergyEvent::ReadingAccepted { manual, .. }) => Some(*manual),
        _ => None,
    });
    assert_eq!(by, Some(Some(address(1))));
    assert!(adjustments(&village).last().unwrap().2, "flagged on the bill");
    // The installer's may: it lowers the estimates that came since.
    village.go(now + 10 * QUARTER);
    village.ok(6, read(52, settled + 130, 7, village.now()));
    village.go(now + 13 * QUARTER);
    // Signed readings go on from there.
    (sim.import, sim.export) = (settled + 200, 7);
    assert_eq!(report(&mut village, &mut sim, now + 14 * QUARTER, 0), [Ok(())]);
    village.go(now + 14 * QUARTER + 1_000);
    let closing = sim.read(village.world.env.chain, village.now(), 0, SYNCED);
    village.ok(1, retire(52, Some(closing)));
    village.go(now + 20 * QUARTER);
    assert_eq!(village.billed(2), (i128::from(sim.import) - 1_000, 7));
    village.check_tabs();
}

/// Who leaves owes nothing and is owed nothing: first its meters are closed, its intervals final, its tab even.
#[test]
fn who_leaves_owes_nothing_and_is_owed_nothing() {
    let mut village = begun(Params { account_deposit: Amount(10), ..params() }, &terms());
    let start = village.first_ms;
    let mut sim = village.meter(52, 2, MeterRole::Sub);
    assert_eq!(report(&mut village, &mut sim, start + QUARTER, 1_000), [Ok(())]);
    village.fails(2, leave(&village), Reason::MemberEngaged);
    let closing = sim.read(village.world.env.chain, village.now(), 0, SYNCED);
    village.ok(1, retire(52, Some(closing)));
    village.fails(2, leave(&village), Reason::MemberEngaged);
    // Its wallet is empty when the interval settles: it owes 300,000.
    village.ok(2, no_mandate(village.id));
    village.go(start + 8 * QUARTER);
    assert_eq!(village.tab(2), -300_000);
    village.fails(1, leave(&village), Reason::NotAllowed); // the operator stays, and sends nobody away
    village.fails(4, leave(&village), Reason::NotMember);
    let (operator, member, code) = (village.funds(1), village.funds(2), village.member(2).code);
    village.ok(2, leave(&village));
    assert_eq!((village.funds(1), village.funds(2)), (operator + 10, member - 300_000));
    let gone: Option<Member> = village.record(keys::member(&village.id, &address(2)));
    assert_eq!(gone, None);
    village.fails(2, leave(&village), Reason::NotMember);
    let listed = crate::query::members(&village.world.state, &village.id, 0, 10);
    assert_eq!(listed.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
    village.go(start + 20 * QUARTER);
    // It may come back, with another tab.
    let set = call::energy::SetMember { microgrid: village.id, account: address(2), credit_limit: None };
    village.ok(1, Call::from(set));
    assert_eq!((village.member(2).code, village.tab(2)), (code + 1, 0));
}

/// Whoever is owed more than there is in cash stays until it is paid.
#[test]
fn who_is_owed_stays_until_it_is_paid() {
    let mut village = begun(params(), &terms());
    let (chain, start) = (village.world.env.chain, village.first_ms);
    let mut sim = village.meter(52, 2, MeterRole::Sub);
    village.ok(1, no_mandate(village.id));
    village.go(start + QUARTER + 1000);
    sim.export += 2_000;
    let reading = sim.read(chain, start + QUARTER, 0, SYNCED);
    village.ok(1, retire(52, Some(reading)));
    village.go(start + 8 * QUARTER);
    assert_eq!(village.tab(2), 200_000);
    village.fails(2, leave(&village), Reason::TabNotEven);
}

/// A deal comes to something for both its parties when it ends, and neither leaves before: even where no interval has
/// been waited for yet.
#[test]
fn whoever_has_a_deal_stays_until_it_has_ended() {
    let mut village = Village::new(params(), &terms());
    village.meter(52, 2, MeterRole::Sub);
    let member = call::energy::SetMember { microgrid: village.id, account: address(3), credit_limit: None };
    village.ok(1, Call::from(member));
    let expires_ms = village.now() + 60_000;
    assert!(expires_ms + 60_000 < village.first_ms);
    village.deal(100, expires_ms);
    village.fails(3, leave(&village), Reason::MemberEngaged);
    village.go(expires_ms + 1_000);
    assert!(village.events.iter().any(|event| matches!(event, Event::Deals(DealsEvent::DealEnded { .. }))));
    village.fails(3, leave(&village), Reason::MemberEngaged);
    village.go(village.first_ms + 8 * QUARTER);
    village.ok(3, leave(&village));
}

fn settled(village: &Village) -> SettledMeter {
    village.record(keys::settled_meter(&address(52))).unwrap()
}

/// Lets so much flow in each quarter of so many days as its hour says, and reads after each.
fn train(village: &mut Village, sim: &mut Sim, days: u64, wh: impl Fn(u64) -> u64) -> u64 {
    let mut at = village.first_ms;
    for _ in 0..days * 96 {
        let hour = at / HOUR % 24;
        at += QUARTER;
        assert_eq!(report(village, sim, at, wh(hour)), [Ok(())]);
    }
    village.go(at + 60_000);
    at
}

/// Who is silent is estimated by what it used at the same time of earlier days, and not by its last quarter.
#[test]
fn an_estimate_goes_by_the_hours_of_earlier_days() {
    let mut village = begun(params(), &terms());
    let (chain, opening) = (village.world.env.chain, 1_000);
    let mut sim = village.meter(52, 2, MeterRole::Sub);
    let evening = |hour: u64| if (16..20).contains(&hour) { 800 } else { 100 };
    let at = train(&mut village, &mut sim, 3, evening);
    assert_eq!(report(&mut village, &mut sim, at + QUARTER, 4_000), [Ok(())]);
    village.go(at + QUARTER + 60_000);
    let (before, start) = (village.billed(2).0, at + QUARTER);
    village.go(start + DAY + 60_000);
    let day = village.billed(2).0 - before;
    assert_eq!(
        day,
        i128::from(settled(&village).estimated(TimeMs(start), TimeMs(start + DAY), TimeMs(QUARTER)))
    );
    let used = 16 * 800 + 80 * 100;
    assert!((day - used).abs() < used / 4, "{day} of {used}");
    // A light node that comes back replaces them, each in its time.
    let queued: Vec<_> = (1..=96)
        .map(|quarter| {
            let at = start + quarter * QUARTER;
            sim.import += evening((at - QUARTER) / HOUR % 24);
            sim.read(chain, at, 0, SYNCED)
        })
        .collect();
    assert!(village.submit(queued).iter().all(Result::is_ok));
    assert_eq!(village.billed(2), (i128::from(sim.import - opening), 0));
    let line = village.line(2);
    let (paid, right) = ((line.debit - line.credit) as i128, i128::from(sim.import - opening) * 300);
    assert!((paid - right).abs() < 400, "{paid} {right}");
    assert_eq!(village.customer(2).estimates, Amount(0));
    village.check_tabs();
}

/// Cheap hours stand for dear ones to nobody's gain: who teaches its meter that it uses at night, falls silent and uses
/// by day pays no less than who uses evenly.
#[test]
fn nobody_lets_cheap_hours_stand_for_dear_ones_by_falling_silent() {
    let band = |from_minute, import| TariffBand {
        from_minute,
        import_price: Amount(import),
        export_price: Amount(0),
    };
    let tariff = BoundedVec::new(vec![band(0, 100_000), band(720, 700_000)]).unwrap();
    for read_after in [DAY, 6 * HOUR] {
        let mut village = begun(params(), &Terms { tariff: tariff.clone(), ..terms() });
        let mut sim = village.meter(52, 2, MeterRole::Sub);
        let mut at = train(&mut village, &mut sim, 3, |hour| if hour < 12 { 800 } else { 0 });
        let cost = |village: &Village| village.line(2).debit as i128 - village.line(2).credit as i128;
        let (before, start, mut used) = (cost(&village), at, 0);
        while at < start + DAY {
            // By day only; nothing is read before the time is over.
            let (from, until) = (at, at + read_after);
            let dear =
                (from..until).step_by(QUARTER as usize).filter(|at| at / HOUR % 24 >= 12).count() as u64;
            village.go(until + 60_000);
            (at, used) = (until, used + dear * 800);
            assert_eq!(report(&mut village, &mut sim, until, dear * 800), [Ok(())]);
        }
        village.go(at + 2 * QUARTER);
        let (paid, even) = (cost(&village) - before, i128::from(used) * 400);
        assert!(paid >= even, "{read_after}: {paid} for {used} Wh, {even} if they were used evenly");
        village.check_tabs();
    }
}

fn trades(village: &Village) -> [Call; 2] {
    use wattle_primitives::call::market::Side;
    let (microgrid, reference) = (village.id, Hash([village.events.len() as u8; 32]));
    let order = call::market::PlaceOrder {
        microgrid,
        reference,
        interval: village.interval(village.now() + 2 * QUARTER),
        side: Side::Buy,
        price: Amount(200_000),
        wh: WattHours(100),
        partner: None,
        expires_ms: None,
    };
    let request = call::deals::RequestDeal {
        microgrid,
        reference,
        side: Side::Buy,
        wh_max: WattHours(1_000),
        wh_min: WattHours(1),
        unit_wh: WattHours(1),
        price: Amount(1),
        expires_ms: TimeMs(village.now() + HOUR),
    };
    [Call::from(order), Call::from(request)]
}

/// Estimates end after 30 days. From then on the meter earns nothing and its owner does not trade; what is billed is
/// owed. Its light node cannot end that: a person who reads it can, or its closing reading.
#[test]
fn who_is_silent_for_a_month_trades_no_more_until_somebody_reads_its_meter() {
    for closing in [false, true] {
        let band = TariffBand { from_minute: 0, import_price: Amount(1_000), export_price: Amount(100) };
        let tariff = BoundedVec::new(vec![band]).unwrap();
        let mut village = begun(params(), &Terms { tariff, clearing: ClearingRule::PayAsBid, ..terms() });
        let (chain, start) = (village.world.env.chain, village.first_ms);
        let mut sim = village.meter(52, 2, MeterRole::Sub);
        assert_eq!(report(&mut village, &mut sim, start + QUARTER, 10), [Ok(())]);
        village.go(start + 30 * DAY);
        assert_eq!(village.member(2).suspended, 0);
        trades(&village).into_iter().for_each(|call| village.ok(2, call));
        // Its reading came a moment after the interval had ended.
        village.go(start + 2 * QUARTER + 30 * DAY + 60_000);
        assert_eq!(village.member(2).suspended, 1);
        let estimated = 10 * (96 * 30 + 1);
        assert_eq!(village.billed(2), (10 + estimated, 0));
        let debit = village.line(2).debit;
        for days in [31, 33, 40] {
            village.go(start + days * DAY);
        }
        assert_eq!(
            (village.billed(2), village.line(2).debit),
            ((10 + estimated, 0), debit),
            "owed, and no more"
        );
        let event =
            EnergyEvent::MeterSuspended { microgrid: village.id, meter: address(52), owner: address(2) };
        assert_eq!(village.events.iter().filter(|e| **e == Event::Energy(event.clone())).count(), 1);
        // Its light node is back, and shows what would bring money.
        (sim.import, sim.export) = (sim.import + 50_000, 20_000);
        let reading = sim.read(chain, village.now(), 0, SYNCED);
        assert_eq!(village.submit(vec![reading.clone()]), [Err(Reason::MeterSuspended)]);
        assert_eq!(village.billed(2).1, 0);
        trades(&village).into_iter().for_each(|call| village.fails(2, call, Reason::MeterSuspended));
        let by_owner = read(52, sim.import, 20_000, village.now());
        village.fails(2, by_owner.clone(), Reason::NotAllowed);
        if closing {
            village.ok(1, retire(52, Some(reading)));
        } else {
            village.ok(1, by_owner);
            let at = village.now() + QUARTER;
            assert_eq!(report(&mut village, &mut sim, at, 30), [Ok(())]);
            village.go(at + QUARTER);
        }
        assert_eq!(village.member(2).suspended, 0);
        trades(&village).into_iter().for_each(|call| village.ok(2, call));
        village.go(village.now() + 3 * QUARTER);
        let end = village.record::<SettledMeter>(keys::settled_meter(&address(52))).unwrap();
        let since = end.silence.map_or(0, |silence| {
            end.estimated(silence.since_ms, TimeMs(end.until.0 * QUARTER), TimeMs(QUARTER))
        });
        assert_eq!(village.billed(2), (i128::from(sim.import - 1_000 + since), 20_000));
        village.check_tabs();
    }
}
