use super::*;

fn words(x: f32) -> [u16; 2] {
    let bits = x.to_bits();
    [(bits >> 16) as u16, bits as u16]
}

#[test]
fn energy_flows_no_faster_than_full_power_and_no_finer_than_the_registers_show() {
    let hour = TimeMs(3_600_000);
    // 1 kW for an hour, and what the registers may be off by.
    let table = [
        (RegisterEncoding::Uint32Wh, 0, 3),
        (RegisterEncoding::Uint64Wh, 1 << 40, 3),
        (RegisterEncoding::Acc32 { exponent: 2 }, 0, 102),
        (RegisterEncoding::Acc32 { exponent: -3 }, 0, 3),
        (RegisterEncoding::Float32Kwh, 1 << 30, 2 + (1 << 7) + 1),
    ];
    for (encoding, stand, off_wh) in table {
        let limit = FlowLimit { encoding, power_max_w: 1000 };
        let until = |wh| limit.until(hour, WattHours(wh), WattHours(stand), TimeMs(2 * hour.0));
        assert_eq!(until(1000), Some(TimeMs(2 * hour.0)), "{encoding:?}");
        assert_eq!(until(1000 + off_wh), Some(TimeMs(2 * hour.0 + off_wh * 3600)), "{encoding:?}");
        assert_eq!(until(1000 + off_wh + 1), None, "{encoding:?}");
    }
    let limit = FlowLimit { encoding: RegisterEncoding::Uint64Wh, power_max_w: 0 };
    assert_eq!(limit.until(hour, WattHours(u64::MAX), WattHours(0), hour), None, "no overflow");
}

#[test]
fn binary32_is_floored_exactly_and_monotone() {
    let mut last = 0;
    let mut x = 1.0e-6f32;
    while x < 1.0e12 {
        let exact = (f64::from(x) * 1000.0).floor() as u64; // 24 bits * 1000 is exact in binary64
        let got = RegisterEncoding::Float32Kwh.watt_hours(&words(x)).expect("in range").0;
        assert_eq!(got, exact, "{x}");
        assert!(got >= last);
        last = got;
        x *= 1.013;
    }
}

#[test]
fn a_register_that_rolls_over_goes_on_counting() {
    let at = |count: u32| [(count >> 16) as u16, count as u16];
    let acc = RegisterEncoding::Acc32 { exponent: 1 };
    assert_eq!(acc.watt_hours(&at(7)), Ok(WattHours(70)));
    assert_eq!(RegisterEncoding::Acc32 { exponent: -1 }.watt_hours(&at(79)), Ok(WattHours(7)));
    assert_eq!(RegisterEncoding::Acc32 { exponent: 7 }.watt_hours(&at(1)), Err(WordsError::Range));
    let turn = 1u64 << 32;
    for (last, shown, want) in [
        (5, 5, Ok(Some(5))),
        (5, 9, Ok(Some(9))),
        (turn - 1, 0, Ok(Some(turn))),
        (3 * turn + 8, 7, Ok(Some(4 * turn + 7))),
        (u64::MAX, 0, Err(WordsError::Range)),
    ] {
        assert_eq!(acc.next_count(last, &at(shown)), want, "{last} {shown}");
    }
    assert_eq!(acc.energy_of(turn + 3), Ok(WattHours((turn + 3) * 10)));
    assert_eq!(RegisterEncoding::Float32Kwh.next_count(1001, &words(1.0)), Ok(None));
    assert_eq!(RegisterEncoding::Float32Kwh.next_count(999, &words(1.0)), Ok(Some(1000)));
}

#[test]
fn what_is_no_energy_is_refused() {
    let table = [
        (words(f32::NAN), Err(WordsError::NotANumber)),
        (words(f32::INFINITY), Err(WordsError::NotANumber)),
        (words(-1.0), Err(WordsError::NotANumber)),
        (words(f32::MAX), Err(WordsError::Range)),
        (words(-0.0), Ok(WattHours(0))),
        (words(f32::MIN_POSITIVE / 2.0), Ok(WattHours(0))),
        ([0x4366, 0x3334], Ok(WattHours(230_200))),
    ];
    for (words, want) in table {
        assert_eq!(RegisterEncoding::Float32Kwh.watt_hours(&words), want, "{words:04x?}");
    }
    assert_eq!(
        RegisterEncoding::Uint64Wh.watt_hours(&[1, 2]),
        Err(WordsError::Count { expected: 4, got: 2 })
    );
}
