use super::*;
use proptest::prelude::*;

/// A product of 256 bits: its upper and its lower half.
fn product(a: u128, b: u128) -> (u128, u128) {
    let (low, high) = (|n: u128| n & u128::from(u64::MAX), |n: u128| n >> 64);
    let middle = high(low(a) * low(b)) + low(low(a) * high(b)) + low(high(a) * low(b));
    let upper = high(a) * high(b) + high(low(a) * high(b)) + high(high(a) * low(b)) + high(middle);
    (upper, a.wrapping_mul(b))
}

/// Who gets what does not divide. `share` gives a unit to the part in which the running sum comes to it, so late rather
/// than early, and never to a part of nothing; `proportion` gives it to nobody. Numscript's allotment, the usual rule
/// in ledgers, begins with the floors as well, and gives the units left one by one from the first part on.
#[test]
fn what_does_not_divide_is_never_lost_nor_made() {
    const HALF: u128 = 1 << 127;
    type Row<'t> = (u128, &'t [u64], &'t [u128], &'t [u128], Option<&'t [u128]>);
    // The total, its parts; by `share`, by `proportion`, and by numscript where its rule says.
    let table: [Row<'_>; 15] = [
        (99, &[1, 1, 1], &[33, 33, 33], &[33, 33, 33], Some(&[33, 33, 33])),
        (100, &[1, 1, 1], &[33, 33, 34], &[33, 33, 33], Some(&[34, 33, 33])),
        (2, &[1, 1, 1], &[0, 1, 1], &[0, 0, 0], Some(&[1, 1, 0])),
        (1, &[1, 1, 1], &[0, 0, 1], &[0, 0, 0], Some(&[1, 0, 0])),
        (100, &[1; 7], &[14, 14, 14, 15, 14, 14, 15], &[14; 7], Some(&[15, 15, 14, 14, 14, 14, 14])),
        (15, &[1, 6], &[2, 13], &[2, 12], Some(&[3, 12])),
        (15, &[6, 1], &[12, 3], &[12, 2], Some(&[13, 2])),
        (10, &[1, 0, 2], &[3, 0, 7], &[3, 0, 6], Some(&[4, 0, 6])),
        (10, &[2, 1, 0], &[6, 4, 0], &[6, 3, 0], Some(&[7, 3, 0])),
        (10, &[0, 1, 2], &[0, 3, 7], &[0, 3, 6], None), // whether its first part of nothing takes a unit
        (7, &[5], &[7], &[7], Some(&[7])),
        (0, &[1, 2], &[0, 0], &[0, 0], Some(&[0, 0])),
        (7, &[0, 0], &[0, 0], &[0, 0], None), // its parts come to the whole
        (7, &[], &[], &[], None),
        (u128::MAX, &[1, 1], &[HALF - 1, HALF], &[HALF - 1, HALF - 1], Some(&[HALF, HALF - 1])),
    ];
    for (total, parts, shared, floors, numscript) in table {
        let whole: u64 = parts.iter().sum();
        let mut at = 0;
        let got: Vec<u128> = parts
            .iter()
            .map(|part| {
                let before = at;
                at += part;
                share(total, before, at, whole)
            })
            .collect();
        assert_eq!(got, shared, "{total} in {parts:?}");
        let got = parts.iter().map(|part| proportion(total, (*part).into(), whole.into()));
        assert_eq!(got.collect::<Vec<_>>(), floors, "{total} in {parts:?}");
        let sum = if whole == 0 { 0 } else { total };
        assert_eq!(shared.iter().sum::<u128>(), sum, "{total} in {parts:?}");
        // The two rules differ by the units left, one for a part.
        for (ours, theirs) in shared.iter().zip(numscript.into_iter().flatten()) {
            assert!(ours.abs_diff(*theirs) <= 1, "{total} in {parts:?}");
        }
        assert!(numscript.is_none_or(|theirs| theirs.iter().sum::<u128>() == total), "{total} in {parts:?}");
    }
}

proptest! {
    #[test]
    fn parts_of_any_size_are_exact(total in any::<u128>(), whole in 1u128.., shift in 0u32..127, part in any::<u128>()) {
        let whole = (whole >> shift).max(1) & ((1 << 126) - 1) | 1;
        let part = part % (whole + 1);
        let got = proportion(total, part, whole);
        let (wanted, got, more) = (product(total, part), product(got, whole), product(got.saturating_add(1), whole));
        prop_assert!(got <= wanted && (wanted < more || part == whole));
    }

    #[test]
    fn no_more_is_shared_than_there_is(
        total in any::<u128>(),
        parts in prop::collection::vec(any::<u128>(), 1..40),
    ) {
        let parts: Vec<u128> = parts.iter().map(|part| part >> 6).collect();
        let whole: u128 = parts.iter().sum();
        let shared = parts.iter().try_fold(0u128, |sum, part| sum.checked_add(proportion(total, *part, whole)));
        prop_assert!(shared.is_some_and(|shared| shared <= total));
    }

    #[test]
    fn shares_sum_to_the_whole(total in any::<u128>(), parts in prop::collection::vec(0u64..1 << 50, 1..40)) {
        let whole: u64 = parts.iter().sum();
        let (mut at, mut sum) = (0, 0u128);
        for part in &parts {
            let next = at + part;
            let got = share(total, at, next, whole);
            // Never more than one unit away from the exact part.
            let exact = |total: u128| total / u128::from(whole) * u128::from(*part);
            prop_assert!(whole == 0 || total > 1 << 70 || got.abs_diff(exact(total))
                <= 1 + (total % u128::from(whole)) * u128::from(*part) / u128::from(whole));
            sum += got;
            at = next;
        }
        prop_assert_eq!(sum, if whole == 0 { 0 } else { total });
    }

    #[test]
    fn energy_over_time_sums_to_the_whole(
        wh in 0u64..1 << 62,
        from in 0u64..1 << 42,
        length in 0u64..1 << 42,
        cuts in prop::collection::vec(0u64..1 << 43, 0..20),
    ) {
        let span = Span { from_ms: TimeMs(from), to_ms: TimeMs(from + length), wh };
        let mut cuts = cuts;
        cuts.sort_unstable();
        cuts.insert(0, 0);
        cuts.push(1 << 44);
        let sum: u64 = cuts.windows(2).map(|c| span.between(TimeMs(c[0]), TimeMs(c[1]))).sum();
        prop_assert_eq!(sum, wh);
    }
}
