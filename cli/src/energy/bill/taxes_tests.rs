#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;
use wattle_primitives::BoundedVec;
use wattle_primitives::call::energy::{ClearingRule, LossRule, Tax, Terms};

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
        let fees =
            choose(versions, (IntervalId(interval), INTERVAL_MS), line, (Amount(amount), Amount(tax)))?;
        Some(rates(fees, line).len())
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
