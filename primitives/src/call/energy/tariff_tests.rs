use super::*;
use crate::BoundedVec;
use crate::call::energy::{ClearingRule, Fees, LossRule, TariffBand};

fn by_hour(bands: &[(u16, u128)], offset: i16) -> Terms {
    let band = |(minute, price): &(u16, u128)| TariffBand {
        from_minute: *minute,
        import_price: Amount(*price),
        export_price: Amount(*price / 2),
    };
    let tariff = BoundedVec::new(bands.iter().map(band).collect()).unwrap_or_default();
    Terms {
        tariff,
        utc_offset_minutes: offset,
        clearing: ClearingRule::Tariff,
        gate_closure_ms: TimeMs(0),
        grace_ms: TimeMs(0),
        late_window_ms: TimeMs(1),
        fee_per_kwh: Amount(0),
        losses: LossRule::Operator,
        loss_permille_max: 1000,
        credit_limit: Amount(0),
        installer: None,
        dispute_votes: 0,
        notice_ms: TimeMs(0),
        fees: Fees::default(),
    }
}

#[test]
fn a_price_is_the_average_over_the_span() {
    const H: u64 = 3_600_000;
    let day = 20_000 * 24 * H;
    let two = [(6 * 60, 300), (22 * 60, 100)]; // by day and by night
    let table = [
        (0, day + 7 * H, day + 8 * H, 300),
        (0, day + 23 * H, day + 24 * H, 100),
        (0, day, day + H, 100),
        (0, day + 5 * H, day + 7 * H, 200),   // half of it at each
        (0, day + 21 * H, day + 25 * H, 150), // 1 h at 300, 3 h at 100
        (0, day, day + 24 * H, (16 * 300 + 8 * 100) / 24),
        (0, day + 6 * H, day + 240 * H + 6 * H, (16 * 300 + 8 * 100) / 24), // ten days
        (0, day + 6 * H, day + 6 * H, 300),                                 // no time at all
        (60, day + 5 * H, day + 6 * H, 300),                                // an hour ahead of UTC
        (-60, day + 6 * H, day + 7 * H, 100),
        (840, day, day + H, 300),
        (-720, day, day + H, 300),
    ];
    for (offset, from, to, want) in table {
        let got = by_hour(&two, offset).prices(TimeMs(from), TimeMs(to));
        assert_eq!(got, Prices { import: Amount(want), export: Amount(want / 2) }, "{offset} {from} {to}");
    }
    assert_eq!(by_hour(&[(700, 9)], 0).prices(TimeMs(day), TimeMs(day + 1)).import, Amount(9));
}

#[test]
fn a_span_is_priced_as_its_minutes_are() {
    let terms = by_hour(&[(0, 1), (17, 50), (800, 3), (1439, 1000)], 345);
    let start = 20_000 * DAY_MS + 12_345;
    for minutes in [1u64, 59, 1440, 4000] {
        let sum: u128 = (0..minutes * 60)
            .map(|s| terms.prices(TimeMs(start + s * 1000), TimeMs(start + s * 1000)).import.0)
            .sum();
        let got = terms.prices(TimeMs(start), TimeMs(start + minutes * MINUTE_MS)).import.0;
        // Seconds are sampled at their start, which is off by less than a second a band's edge.
        assert!(got.abs_diff(sum / u128::from(minutes * 60)) <= 17, "{minutes}: {got}");
    }
}

#[test]
fn months_are_those_of_the_calendar_in_local_time() {
    const JANUARY_1970: u32 = 1969 * 12 + 10;
    let of = |offset, seconds: u64, ms: u64| {
        by_hour(&[(0, 1)], offset).month(TimeMs(seconds * 1000 + ms)) - JANUARY_1970
    };
    let year = |year: u32, month: u32| (year - 1970) * 12 + month - 1;
    // The first second of a month, and the one before it.
    for (first, (y, m)) in [
        (2_678_400, (1970, 2)),
        (68_256_000, (1972, 3)),  // after 29 February
        (951_868_800, (2000, 3)), // after 29 February: a leap century
        (946_684_800, (2000, 1)),
        (1_704_067_200, (2024, 1)),
        (1_709_251_200, (2024, 3)), // after 29 February
        (1_740_787_200, (2025, 3)), // after 28 February
        (4_107_542_400, (2100, 3)), // after 28 February: no leap century
    ] {
        assert_eq!(of(0, first, 0), year(y, m), "{first}");
        assert_eq!(of(0, first - 1, 999), year(y, m) - 1, "{first}");
        assert_eq!(of(-60, first + 3599, 999), year(y, m) - 1, "{first}");
        assert_eq!(of(-60, first + 3600, 0), year(y, m), "{first}");
        assert_eq!(of(840, first - 840 * 60, 0), year(y, m), "{first}");
    }
    assert_eq!(of(0, 0, 0), 0);
    assert_eq!(by_hour(&[(0, 1)], -720).month(TimeMs(0)), JANUARY_1970 - 1);
    // Every day of 400 years is of its month or begins the next one.
    let months: Vec<u32> = (0..146_097).map(month).collect();
    assert!(months.windows(2).all(|pair| pair[1] - pair[0] <= 1));
    assert_eq!(months[146_096] - months[0], 4_800);
}
