use super::*;
use proptest::prelude::*;

proptest! {
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
