#![expect(clippy::unwrap_used, reason = "tests")]
use super::super::lines::Grid;
use super::*;
use crate::tests::scripted;
use serde_json::Value;
use std::time::Duration;
use wattle_primitives::call::energy::{ClearingRule, LossRule, Tax, Terms};
use wattle_primitives::{Address, AssetId, BoundedVec, Height};
use wattle_rpc_types::{AssetInfo, EventPosition};

/// A quarter of an hour.
const INTERVAL_MS: TimeMs = TimeMs(900_000);
/// Intervals of the longest month.
const MONTH: u64 = 31 * 96;

/// Fees with these codes and rates, on energy and the monthly fee.
fn fees(taxes: &[(u16, u16)]) -> Fees {
    let on = || BoundedVec::new(vec![LineKind::Energy, LineKind::Monthly]).unwrap();
    let taxes = taxes.iter().map(|&(code, permille)| Tax { code, permille, on: on() }).collect();
    Fees { taxes: BoundedVec::new(taxes).unwrap(), ..Fees::default() }
}

fn version(version: u32, from: u64, taxes: &[(u16, u16)]) -> TermsInfo {
    let terms = Terms {
        tariff: BoundedVec::default(),
        utc_offset_minutes: 0,
        clearing: ClearingRule::Uniform,
        gate_closure_ms: TimeMs(0),
        grace_ms: TimeMs(0),
        late_window_ms: TimeMs(0),
        fee_per_kwh: Amount(0),
        losses: LossRule::Operator,
        loss_permille_max: 0,
        credit_limit: Amount(0),
        installer: None,
        dispute_votes: 0,
        notice_ms: TimeMs(0),
        fees: fees(taxes),
    };
    TermsInfo { microgrid: Hash::ZERO, version, from: IntervalId(from), terms }
}

#[test]
fn parts_are_the_tax_however_it_divides() {
    for (taxes, tax, want) in [
        (&[(7, 40), (16, 120)][..], 32, &[(7, 8), (16, 24)][..]),
        (&[(7, 40), (16, 120)][..], 31, &[(7, 8), (16, 23)][..]),
        (&[(9, 10), (7, 10), (8, 10)][..], 2, &[(7, 1), (8, 1), (9, 0)][..]),
        (&[(7, 10), (7, 20)][..], 5, &[(7, 5)][..]),
        (&[][..], 5, &[][..]),
    ] {
        let parts = split(&fees(taxes), LineKind::Monthly, Amount(tax));
        let found: Vec<_> = parts.iter().map(|part| (part.code, part.amount.0)).collect();
        assert_eq!(found, want, "{tax} by {taxes:?}");
    }
    assert_eq!(split(&fees(&[(7, 10)]), LineKind::Demand, Amount(5)), []);
}

/// A line's terms are told by what its amount was taxed; those of a month's energy by when they held.
#[test]
fn a_line_is_told_apart_by_its_own_terms() {
    let (old, new) = (&[(16, 100)][..], &[(16, 100), (7, 50)][..]);
    let code = |versions: &[TermsInfo], interval, line, amount, tax| {
        let sums = (Amount(amount), Amount(tax));
        let taxed = Taxed { interval: IntervalId(interval), interval_ms: INTERVAL_MS, line, sums };
        Some(rates(taxed.choose(versions)?, line).len())
    };
    let at = 10 * MONTH;
    let changed = |from| [version(1, from, new), version(0, 5, old)];
    for (versions, line, (amount, tax), want) in [
        (changed(at), LineKind::Monthly, (200, 30), Some(2)),
        (changed(at), LineKind::Monthly, (200, 20), Some(1)),
        (changed(at), LineKind::Monthly, (200, 25), None),
        // The new terms begin with the month, within the one before, and before that.
        (changed(at), LineKind::Energy, (0, 20), Some(1)),
        (changed(at - 9), LineKind::Energy, (0, 20), None),
        (changed(at - MONTH), LineKind::Energy, (0, 20), Some(2)),
        (changed(at), LineKind::Refund, (200, 0), None),
    ] {
        assert_eq!(code(&versions, at, line, amount, tax), want, "{line:?} {amount} {tax}");
    }
    assert_eq!(code(&[version(0, at, new)], at, LineKind::Energy, 0, 20), Some(2), "the first terms");
    assert_eq!(code(&[], at, LineKind::Monthly, 200, 20), None);
}

/// Goal: on a slow line a bill costs a question for each version of the terms, not for each interval, and is there
/// without the codes when the node does not answer.
#[tokio::test]
async fn terms_are_asked_for_once_a_version() {
    let grid = Grid {
        id: Hash::ZERO,
        operator: Address([9; 32]),
        interval_ms: INTERVAL_MS,
        asset: AssetInfo {
            id: AssetId::NATIVE,
            symbol: "WAT".parse().unwrap(),
            scale: 6,
            issuer: None,
            supply: Amount(0),
        },
    };
    let grids = Grids::from([(Hash::ZERO, grid)]);
    let at = 10 * MONTH;
    let item = |interval: u64, tax: u128| EventItem {
        position: EventPosition { height: Height(interval), index: 0 },
        tx: None,
        time_ms: TimeMs(0),
        event: Event::Energy(EnergyEvent::LineCharged {
            microgrid: Hash::ZERO,
            interval: IntervalId(interval),
            account: Address([1; 32]),
            line: LineKind::Monthly,
            amount: Amount(200),
            tax: Amount(tax),
            reason: None,
        }),
    };
    let items = [item(at - 3, 20), item(at - 2, 20), item(at + 1, 30), item(at + 2, 30)];
    let told = |terms: TermsInfo| {
        let mut result = serde_json::to_value(terms).unwrap();
        result["height"] = "7".into();
        result["finalized"] = true.into();
        Some(json!({ "result": result }))
    };
    let (old, new) = (version(0, 5, &[(16, 100)]), version(1, at, &[(16, 100), (7, 50)]));
    let refused = Some(json!({ "error": { "code": -32603, "message": "no" } }));
    for (answers, want) in
        [(vec![told(new.clone()), told(old)], [1, 1, 2, 2]), (vec![told(new), refused], [0, 0, 2, 2])]
    {
        let (url, node) = scripted(answers).await;
        let client = Client::new(&url, Duration::from_secs(5)).unwrap();
        let taxes = of(&client, &items, &grids).await;
        let parts = items.each_ref().map(|item| taxes.get(&item.position).map_or(0, Vec::len));
        assert_eq!(parts, want);
        let intervals: Vec<Value> =
            node.await.unwrap().iter().map(|request| request["params"]["interval"].clone()).collect();
        assert_eq!(intervals, [at + 2, at - 2].map(|interval| json!(IntervalId(interval))));
    }
}
