#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;
use serde_json::json;
use wattle_primitives::{Height, WattHours};

const ACCOUNT: Address = Address([1; 32]);
const OTHER: Address = Address([2; 32]);

fn item(event: Event) -> EventItem {
    let position = EventPosition { height: Height(7), index: 1 };
    EventItem { position, time_ms: TimeMs(5_000_000), tx: None, event }
}

fn grids() -> Grids {
    let grid = |n: u8, symbol: &str, scale| {
        let asset = AssetInfo {
            id: AssetId(n.into()),
            symbol: symbol.parse().unwrap(),
            scale,
            issuer: None,
            supply: Amount(0),
        };
        (Hash([n; 32]), Grid { id: Hash([n; 32]), operator: OTHER, interval_ms: TimeMs(900_000), asset })
    };
    [grid(3, "KES", 2), grid(4, "SUN", 6)].into()
}

/// A settled interval, its correction and a trade in one microgrid, a payment in another.
fn events() -> Vec<EventItem> {
    let (microgrid, interval, zero) = (Hash([3; 32]), IntervalId(3), WattHours(0));
    let settled = Event::Energy(EnergyEvent::EnergySettled {
        microgrid,
        interval,
        account: ACCOUNT,
        import_wh: WattHours(250),
        export_wh: zero,
        bought_wh: WattHours(100),
        sold_wh: zero,
        estimated: true,
        debit: Amount(30),
        credit: Amount(0),
    });
    let adjusted = Event::Energy(EnergyEvent::EnergyAdjusted {
        microgrid,
        meter: OTHER,
        account: ACCOUNT,
        from_ms: TimeMs(100),
        to_ms: TimeMs(200),
        import_wh: WattHours(200),
        export_wh: zero,
        settled_import_wh: WattHours(250),
        settled_export_wh: zero,
        debit: Amount(0),
        credit: Amount(10),
        manual: false,
    });
    let traded = Event::Market(MarketEvent::Traded {
        microgrid,
        interval,
        bid: Hash::ZERO,
        offer: Hash::ZERO,
        buyer: ACCOUNT,
        seller: OTHER,
        wh: WattHours(100),
        price: Amount(150),
        amount: Amount(15),
        fee: Amount(1),
    });
    let paid = Event::Energy(EnergyEvent::TabPaid {
        microgrid: Hash([4; 32]),
        account: ACCOUNT,
        amount: Amount(1_500_000),
        by_member: false,
    });
    [settled, adjusted, traded, paid].map(item).into()
}

fn billed() -> (Vec<Line>, Totals) {
    let mut totals = Totals::default();
    let lines =
        events().iter().map(|item| line(item, &ACCOUNT, &grids(), &Taxes::new(), &mut totals)).collect();
    (lines, totals)
}

/// Goal: a bill adds up to the registers' difference, whatever was estimated, and a bid is paid once; money of two
/// microgrids is never added.
#[test]
fn adjustments_correct_the_sums_of_their_own_microgrid() {
    let (lines, totals) = billed();
    let sum = totals[&Hash([3; 32])];
    assert_eq!((sum.import_wh, sum.debit, sum.credit, sum.paid, sum.received), (200, 46, 10, 16, 0));
    assert_eq!(totals[&Hash([4; 32])], Figures { received: 1_500_000, ..Figures::default() });
    assert!(lines[0].estimated && lines[1].figures.import_wh == -50);
}

#[test]
fn a_line_says_when_its_energy_flowed() {
    let (lines, _) = billed();
    let spans: Vec<_> = lines.iter().map(|line| (line.from_ms, line.to_ms)).collect();
    let of = |from, to| (Some(TimeMs(from)), Some(TimeMs(to)));
    assert_eq!(spans, [of(2_700_000, 3_600_000), of(100, 200), of(2_700_000, 3_600_000), (None, None)]);
    let begins: Vec<u64> = events().iter().map(|item| begins(item, &grids()).0).collect();
    assert_eq!(begins, [2_700_000, 100, 2_700_000, 5_000_000]);
}

#[test]
fn amounts_have_their_assets_decimals_and_symbol() {
    let (lines, totals) = billed();
    let text = csv(&lines, &grids());
    let rows: Vec<Vec<&str>> = text.lines().map(|row| row.splitn(17, ',').collect()).collect();
    assert!(rows.iter().all(|row| row.len() == 17) && rows.len() == 5, "{text}");
    assert_eq!((rows[1][9], rows[1][13]), ("0.3", "KES-3"));
    assert_eq!((rows[4][12], rows[4][13]), ("1.5", "SUN-4"));
    assert_eq!(rows[4][3], Hash([4; 32]).to_string());
    assert!(table(&lines, &grids()).contains("100 Wh at 1.5 KES-3 a kWh"));
    let json = totals_json(&totals, &grids());
    assert_eq!((&json[1]["symbol"], &json[1]["received"]), (&json!("SUN"), &json!("1500000")));
}

/// Goal: what an operator charges or gives stands on the bill with its reason, and adds up to the tab.
#[test]
fn the_operators_lines_stand_on_the_bill_with_their_reason() {
    let line_of = |kind, tax: u128, reason| {
        let event = Event::Energy(EnergyEvent::LineCharged {
            microgrid: Hash([3; 32]),
            interval: IntervalId(3),
            account: ACCOUNT,
            line: kind,
            amount: Amount(200),
            tax: Amount(tax),
            reason,
        });
        let item = item(event);
        let part = |code, amount| TaxPart { code, amount: Amount(amount) };
        let taxes = Taxes::from([(item.position, vec![part(7, 8), part(16, 24)])]);
        let taxes = if tax == 32 { taxes } else { Taxes::new() };
        line(&item, &ACCOUNT, &grids(), &taxes, &mut Totals::default())
    };
    let monthly = line_of(LineKind::Monthly, 32, None);
    assert_eq!((monthly.kind, monthly.figures.debit, monthly.figures.credit), ("fee", 232, 0));
    assert_eq!(monthly.what, "by the terms, tax of 0.32 KES-3: 0.08 KES-3 by code 7, 0.24 KES-3 by code 16");
    assert!(csv(&[monthly], &grids()).contains(",7:0.08 16:0.24,\"by the terms"));
    let refund = line_of(LineKind::Refund, 0, Some(Hash([9; 32])));
    assert_eq!((refund.kind, refund.figures.debit, refund.figures.credit), ("refund", 0, 200));
    assert_eq!(refund.what, format!("reason {}", Hash([9; 32])));
}
