use super::*;

fn tax(permille: u16, on: &[LineKind]) -> Tax {
    Tax { code: 7, permille, on: BoundedVec::new(on.to_vec()).unwrap() }
}

fn taxed(taxes: Vec<Tax>) -> Fees {
    Fees { taxes: BoundedVec::new(taxes).unwrap(), ..Fees::default() }
}

#[test]
fn a_tax_is_its_rate_of_the_lines_it_is_on() {
    let fees = taxed(vec![tax(160, &[LineKind::Energy, LineKind::Monthly]), tax(25, &[LineKind::Monthly])]);
    let kinds = [LineKind::Energy, LineKind::Monthly, LineKind::Demand, LineKind::Credit];
    assert_eq!(kinds.map(|kind| fees.permille(kind)), [160, 185, 0, 0]);
}

#[test]
fn taxes_out_of_their_range_are_refused() {
    let kinds = [LineKind::Energy, LineKind::Monthly, LineKind::Demand, LineKind::Connection];
    assert_eq!(taxed(vec![tax(1000, &kinds)]).out_of_range(), None);
    for wrong in [
        taxed(vec![tax(1, &[LineKind::Refund])]),
        taxed(vec![tax(1, &[LineKind::Energy, LineKind::Energy])]),
        taxed(vec![tax(1000, &kinds), tax(1, &[LineKind::Demand])]),
        taxed(vec![tax(u16::MAX, &kinds), tax(1, &kinds)]),
        Fees { monthly: Amount(PRICE_MAX.0 + 1), ..Fees::default() },
        Fees { demand_per_kw: Amount(PRICE_MAX.0 + 1), ..Fees::default() },
        Fees { connection: Amount(PRICE_MAX.0 + 1), ..Fees::default() },
    ] {
        assert!(wrong.out_of_range().is_some(), "{wrong:?}");
    }
}

#[test]
fn demand_is_the_average_power_of_an_interval_whatever_its_length() {
    let fees = Fees { demand_per_kw: Amount(1_000), ..Fees::default() };
    let of = |wh, minutes: u64| fees.demand(WattHours(wh), TimeMs(minutes * 60_000)).0;
    // 2 kW.
    assert_eq!([of(500, 15), of(1_000, 30), of(2_000, 60), of(48_000, 1440)], [2_000; 4]);
    assert_eq!([of(0, 15), of(1, 1440)], [0, 0]);
}
