#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn words(v: u32) -> Words {
    Words::new(vec![(v >> 16) as u16, v as u16]).unwrap()
}

fn energy(import: u32, export: u32) -> Energy {
    Energy::decode(RegisterEncoding::Uint64Wh, wide(import), wide(export)).unwrap()
}

fn wide(v: u32) -> Words {
    Words::new(vec![0, 0, (v >> 16) as u16, v as u16]).unwrap()
}

fn filter() -> Filter {
    Filter::new(RegisterEncoding::Uint64Wh, 100_000)
}

const HELD: Verdict = Verdict::Held { seen: 1 };

#[test]
fn a_transient_zero_is_never_believed() {
    let (mut filter, now) = (filter(), Instant::now());
    let steps = [
        (energy(1000, 5), Verdict::Good),
        (energy(0, 0), HELD),
        (energy(0, 0), Verdict::Held { seen: 2 }),
        (energy(1001, 5), Verdict::Good),
        (energy(1001, 4), HELD),
        (energy(1001, 5), Verdict::Good),
    ];
    for (value, want) in steps {
        assert_eq!(filter.accept(&value, now), want, "{value:?}");
    }
    assert_eq!(filter.good().unwrap().import_wh, WattHours(1001));
}

#[test]
fn a_transient_leap_is_never_believed_either() {
    let (mut filter, start) = (filter(), Instant::now());
    let at = |s: u64| start + Duration::from_secs(s);
    // 100 kW for 5 s and the minute that a meter may take to renew its registers: 1805 Wh, and 3 of resolution.
    let steps = [
        (0, energy(1000, 5), Verdict::Good),
        (5, energy(4_000_000_000, 5), HELD),
        (10, energy(4_000_000_000, 5), Verdict::Held { seen: 2 }),
        (15, energy(1002, 5), Verdict::Good),
        (20, energy(1002 + 1808, 5), Verdict::Good),
        (25, energy(2810 + 1809, 5), HELD),
        (30, energy(2810, 9_999_999), HELD), // another number from nowhere
        (3600, energy(2810 + 90_000, 5), Verdict::Good), // within an hour it can have flowed
    ];
    for (s, value, want) in steps {
        assert_eq!(filter.accept(&value, at(s)), want, "{s}: {value:?}");
    }
}

/// A leap that lasts is believed in the end, and does not make the true counter a reset one.
#[test]
fn a_leap_that_lasted_is_taken_back_when_the_counter_goes_on_from_before_it() {
    let (mut filter, start) = (filter(), Instant::now());
    let at = |s: u32| start + Duration::from_secs(5) * s;
    assert_eq!(filter.accept(&energy(1000, 5), at(0)), Verdict::Good);
    for seen in 1..CONFIRMATIONS {
        let value = energy(4_000_000_000 + seen, 5);
        assert_eq!(filter.accept(&value, at(seen)), Verdict::Held { seen });
    }
    assert_eq!(filter.accept(&energy(4_000_000_009, 5), at(5)), Verdict::Good);
    for seen in 1..CONFIRMATIONS {
        assert_eq!(filter.accept(&energy(1001, 5), at(5 + seen)), Verdict::Held { seen });
    }
    assert_eq!(filter.accept(&energy(1002, 5), at(11)), Verdict::Good);
    // A new meter's counter is not what was before the leap.
    for n in 1..=CONFIRMATIONS {
        let want = if n < CONFIRMATIONS { Verdict::Held { seen: n } } else { Verdict::Reset };
        assert_eq!(filter.accept(&energy(3, 0), at(12 + n)), want);
    }
}

#[test]
fn a_first_value_that_is_to_be_signed_waits_for_a_second_one() {
    let (mut filter, start) = (filter(), Instant::now());
    filter.be_wary();
    let at = |s: u64| start + Duration::from_secs(s);
    assert_eq!(filter.accept(&energy(3_999_999_999, 5), at(0)), HELD);
    assert_eq!(filter.accept(&energy(1000, 5), at(5)), HELD);
    assert_eq!(filter.accept(&energy(1001, 5), at(10)), Verdict::Good);
    assert_eq!(filter.accept(&energy(1002, 5), at(15)), Verdict::Good);
}

#[test]
fn what_the_chain_is_proven_to_have_stands_where_nothing_else_is_known() {
    let now = Instant::now();
    let hour = Duration::from_secs(3600);
    let mut fresh = filter();
    fresh.be_wary();
    fresh.learn(energy(1000, 5), now, hour, false);
    assert_eq!(fresh.accept(&energy(4_000_000_000, 5), now), HELD, "a number from nowhere");
    assert_eq!(fresh.accept(&energy(1500, 5), now), Verdict::Good);
    fresh.learn(energy(1000, 5), now, hour, false);
    assert_eq!(fresh.good().unwrap().import_wh, WattHours(1500), "what was read since counts for more");
    // A leap was signed, and the chain has refused it; the process has restarted since.
    let mut restarted = filter();
    restarted.remember(energy(4_000_000_000, 5));
    for seen in 1..CONFIRMATIONS {
        assert_eq!(restarted.accept(&energy(1500, 5), now), Verdict::Held { seen });
    }
    assert_eq!(restarted.accept(&energy(1500, 5), now), Verdict::Reset);
    restarted.learn(energy(1000, 5), now, hour, true);
    assert_eq!(restarted.accept(&energy(1501, 5), now), Verdict::Good);
}

#[test]
fn the_meters_own_limit_is_narrower_than_its_kinds() {
    let (mut filter, start) = (filter(), Instant::now());
    filter.limit_power(0); // nothing said
    filter.limit_power(6_000);
    filter.limit_power(60_000);
    filter.accept(&energy(1000, 0), start);
    let later = start + Duration::from_secs(60);
    assert_eq!(filter.accept(&energy(1000 + 204, 0), later), HELD);
    assert_eq!(filter.accept(&energy(1000 + 203, 0), later), Verdict::Good);
}

#[test]
fn a_zero_right_after_the_start_is_held_as_well() {
    let (mut filter, now) = (filter(), Instant::now());
    filter.remember(energy(1000, 5));
    assert_eq!(filter.accept(&energy(0, 0), now), HELD);
    assert_eq!(filter.accept(&energy(1002, 5), now), Verdict::Good);
    // So is a rise that would take hours, while nobody knows how long it took.
    filter.remember(energy(1000, 5));
    assert_eq!(filter.accept(&energy(500_000, 5), now), HELD);
    assert_eq!(filter.accept(&energy(500_001, 5), now), Verdict::Good);
    filter.remember(energy(1000, 5));
    filter.date(now, Duration::from_secs(6 * 3600));
    assert_eq!(filter.accept(&energy(500_000, 5), now), Verdict::Good);
}

#[test]
fn a_meter_fresh_from_its_box_is_believed_when_its_zero_is_steady() {
    let (mut filter, now) = (filter(), Instant::now());
    for seen in 1..CONFIRMATIONS {
        assert_eq!(filter.accept(&energy(0, 0), now), Verdict::Held { seen });
    }
    assert_eq!(filter.accept(&energy(0, 0), now), Verdict::Good);
    assert_eq!(filter.accept(&energy(1, 0), now), Verdict::Good);
    let mut filter = Filter::new(RegisterEncoding::Uint64Wh, 100_000);
    filter.accept(&energy(0, 0), now);
    assert_eq!(filter.accept(&energy(1000, 0), now), Verdict::Good); // it was a transient one
}

#[test]
fn a_steady_drop_is_a_reset_and_an_unsteady_one_is_not() {
    let (mut filter, now) = (filter(), Instant::now());
    filter.accept(&energy(1000, 0), now);
    for seen in 1..CONFIRMATIONS {
        assert_eq!(filter.accept(&energy(seen, 0), now), Verdict::Held { seen });
    }
    assert_eq!(filter.accept(&energy(0, 0), now), HELD);
    for seen in 2..CONFIRMATIONS {
        assert_eq!(filter.accept(&energy(7, 0), now), Verdict::Held { seen });
    }
    // It stays one: the new meter's energy is not the old one's.
    for wh in 8..20 {
        assert_eq!(filter.accept(&energy(wh, 0), now), Verdict::Reset);
    }
    assert_eq!(filter.good().unwrap().import_wh, WattHours(1000));
    // A meter that takes minutes to find its counters again was not reset after all.
    assert_eq!(filter.accept(&energy(1003, 0), now), Verdict::Good);
    assert_eq!(filter.accept(&energy(0, 0), now), HELD);
}

#[test]
fn a_roll_over_is_good_and_a_drop_is_not_one() {
    const TOP: u32 = u32::MAX;
    let table = [
        // exponent, old, new, seconds between, whether it is a roll-over
        (0, TOP - 9, 10, 5, true),           // 20 Wh in 5 s: within the power
        (0, TOP - 9, 200, 5, false),         // 210 Wh in 5 s is more than 100 kW
        (0, TOP - 9, 200, 3600, true),       // in an hour it is not
        (0, 2_000_000, 0, 3600, false),      // a zero
        (0, TOP / 2, 3, 3600 * 9000, false), // far from its end, however long nobody looked
        (0, TOP - 9, TOP - 10, 5, false),    // a step back
        (3, TOP, 0, 5, true),                // one count of 1 kWh
        (3, TOP - 5, 5, 5, false),           // 11 kWh in 5 s
        (-2, TOP - 99, 100, 5, true),        // 2 Wh
    ];
    let value = |encoding, count| Energy::decode(encoding, words(count), words(7)).unwrap();
    for (exponent, old, new, seconds, want) in table {
        let encoding = RegisterEncoding::Acc32 { exponent };
        let (mut filter, start) = (Filter::new(encoding, 100_000), Instant::now());
        filter.accept(&value(encoding, old), start);
        let verdict = filter.accept(&value(encoding, new), start + Duration::from_secs(seconds));
        assert_eq!(verdict == Verdict::Good, want, "{exponent} {old} {new} {seconds}: {verdict:?}");
        // After a start it is the value's age that counts; while that is not known, no fall is a roll-over.
        let mut filter = Filter::new(encoding, 100_000);
        filter.remember(value(encoding, old));
        assert_eq!(filter.accept(&value(encoding, new), start), HELD, "{exponent} {old} {new}");
        filter.date(start, Duration::from_secs(seconds));
        let verdict = filter.accept(&value(encoding, new), start);
        assert_eq!(verdict == Verdict::Good, want, "dated: {exponent} {old} {new} {seconds}: {verdict:?}");
    }
    let float = |x: f32| Words::new(vec![(x.to_bits() >> 16) as u16, x.to_bits() as u16]).unwrap();
    let value = |x| Energy::decode(RegisterEncoding::Float32Kwh, float(x), float(0.0)).unwrap();
    let (mut filter, now) = (Filter::new(RegisterEncoding::Float32Kwh, 100_000), Instant::now());
    filter.accept(&value(99_999.0), now);
    assert_eq!(filter.accept(&value(0.0), now), HELD);
}
